/**
 * A turn of the agent as it is written. Events tell it piece by piece, and pieces can be lost. A list of the session made
 * meanwhile fills gaps, and nothing that it holds is shown twice. When the turn is over the list alone is shown.
 */
import type { BackendMessage, PermissionRequested, SessionEvent } from "@mix-effect/core"

type Event<Tag> = Extract<SessionEvent, { readonly _tag: Tag }>

export type ToolCall = Event<"ToolCall">

/** What was said, by the user, by the model to itself, and by the model to the user. */
export interface Said {
  readonly _tag: "User" | "Thinking" | "Text"
  readonly text: string
  readonly messageId?: string | undefined
}

/** `Gap`: the connection was lost here. */
export type Part = Said | ToolCall | { readonly _tag: "Gap" }

/** `isMine`: this page can answer it. Otherwise whoever asked the agent can. */
export interface Permission {
  readonly request: PermissionRequested
  readonly isMine: boolean
}

/**
 * Where the turn begins in the session. `before`: the ids of the rows that were there when this page asked. `at`: the user's
 * message. `behind`: the row before the first one of the turn, where the page came in the middle of it.
 */
export type Start =
  | { readonly before: ReadonlySet<string> }
  | { readonly at: string }
  | { readonly behind: string | undefined }
  | "unknown"

export interface Turn {
  readonly start: Start
  /** What the session's list says of the turn so far. */
  readonly listed: ReadonlyArray<Part>
  /** What events told. */
  readonly told: ReadonlyArray<Part>
  readonly permissions: ReadonlyArray<Permission>
  readonly stop: "possible" | "asked" | { readonly failed: string }
  /** Its rows are final. They take its place once they are listed. */
  readonly isOver: boolean
}

export const make = (start: Start, ...told: ReadonlyArray<Part>): Turn => ({
  start,
  listed: [],
  told,
  permissions: [],
  stop: "possible",
  isOver: false
})

type Rows = ReadonlyArray<BackendMessage>

/** How many of the session's rows, oldest first, are older than the turn. */
export const rowsBefore = (rows: Rows, start: Start): number => {
  if (start === "unknown") return rows.length
  if ("behind" in start) return rows.findIndex(({ id }) => id === start.behind) + 1
  const found = rows.findIndex(({ id, role }) =>
    "at" in start ? id === start.at : role === "user" && !start.before.has(id)
  )
  return found < 0 ? rows.length : found
}

const said = (_tag: Said["_tag"], text: string | undefined, messageId: string): ReadonlyArray<Said> =>
  text === undefined || text === "" ? [] : [{ _tag, text, messageId }]

const partsOf = (rows: Rows): ReadonlyArray<Part> =>
  rows.flatMap((row, index): ReadonlyArray<Part> => {
    if (row.role === "user") return said("User", row.userInput, row.id)
    if (row.role !== "assistant") return []
    const isDone = rows.slice(index).some(({ role }) => role === "tool")
    return [
      ...said("Thinking", row.reasoning, row.id),
      ...said("Text", row.assistantResponse, row.id),
      ...(row.toolCalls ?? []).map(({ finished, id, input, isError, name }): ToolCall => {
        const status = isDone ? (isError === true ? "failed" : "completed") : finished ? "ready" : "writing"
        return { _tag: "ToolCall", id, name, input, status }
      })
    ]
  })

/** The session was listed, oldest first, while the turn is being written. */
export const list = (turn: Turn, rows: Rows): Turn => {
  const start =
    turn.start === "unknown" ? { behind: rows.filter(({ role }) => role === "user").at(-1)?.id } : turn.start
  return { ...turn, start, listed: partsOf(rows.slice(rowsBefore(rows, start))) }
}

const append = (parts: ReadonlyArray<Part>, part: Said): ReadonlyArray<Part> => {
  const last = parts.at(-1)
  return last?._tag === part._tag && last.messageId === part.messageId
    ? [...parts.slice(0, -1), { ...last, text: last.text + part.text }]
    : [...parts, part]
}

/** Each event has the whole of what is known of a call, except what the connection missed. */
const update = (known: ToolCall, call: ToolCall): ToolCall => ({
  ...call,
  name: call.name || known.name,
  input: call.input.length < known.input.length ? known.input : call.input
})

const replace = (parts: ReadonlyArray<Part>, call: ToolCall): ReadonlyArray<Part> =>
  parts.map((part) => (part._tag === "ToolCall" && part.id === call.id ? update(part, call) : part))

const isCall = (call: ToolCall) => (part: Part) => part._tag === "ToolCall" && part.id === call.id

/** What happened, as far as it changes what is shown of the turn. */
export const happened = (turn: Turn, event: SessionEvent): Turn => {
  switch (event._tag) {
    case "Thinking":
    case "Text":
      return { ...turn, stop: "possible", told: append(turn.told, event) }
    case "ToolCall": {
      const isKnown = [...turn.listed, ...turn.told].some(isCall(event))
      return {
        ...turn,
        stop: "possible",
        listed: replace(turn.listed, event),
        told: isKnown ? replace(turn.told, event) : [...turn.told, event]
      }
    }
    case "MessageCreated": {
      const { messageId, text } = event
      // What this page asked stands there already.
      const isKnown = turn.told.some((part) => part._tag === "User" && part.text.trim() === text.trim())
      return isKnown ? turn : { ...turn, told: append(turn.told, { _tag: "User", text, messageId }) }
    }
    case "PermissionRequested":
      return turn.permissions.some(({ request }) => request.id === event.id) ? turn : permission(turn, event, false)
    case "Reconnected":
      return { ...turn, told: [...turn.told, { _tag: "Gap" }] }
    case "Completed":
    case "Failed":
      return { ...turn, permissions: [], isOver: true }
    default:
      return turn
  }
}

export const permission = (turn: Turn, request: PermissionRequested, isMine: boolean): Turn => ({
  ...turn,
  permissions: [...answered(turn, request.id).permissions, { request, isMine }]
})

export const answered = (turn: Turn, requestId: string): Turn => ({
  ...turn,
  permissions: turn.permissions.filter(({ request }) => request.id !== requestId)
})

/** How many characters at the end of one text are the beginning of the other. */
const overlap = (text: string, next: string): number => {
  let length = Math.min(text.length, next.length, 1000)
  while (length > 0 && !text.endsWith(next.slice(0, length))) length--
  return length
}

const isSaid = (part: Part): part is Said => part._tag !== "ToolCall" && part._tag !== "Gap"

/** What the list does not hold of a part. Servers before November 2025 do not say to which row a piece belongs. */
const unlisted = (listed: ReadonlyArray<Part>, part: Part): ReadonlyArray<Part> => {
  if (part._tag === "Gap") return [part]
  if (part._tag === "ToolCall") return listed.some(isCall(part)) ? [] : [part]
  const texts = listed
    .filter(isSaid)
    .filter(({ _tag, messageId = part.messageId }) => _tag === part._tag && messageId === (part.messageId ?? messageId))
    .map(({ text }) => text)
  if (texts.some((text) => text.includes(part.text.trim()))) return []
  const text = part.text.slice(overlap(texts.at(-1) ?? "", part.text))
  return text === "" ? [] : [{ ...part, text }]
}

/** The turn so far. Pieces are missing where it has a gap. */
export const shown = ({ listed, told }: Turn): ReadonlyArray<Part> => [
  ...listed,
  ...told.flatMap((part) => unlisted(listed, part))
]
