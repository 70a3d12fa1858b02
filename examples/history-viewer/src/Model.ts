/** What the page shows, and how it changes. Nothing here touches the DOM or the network. */
import type { BackendMessage, HistoryPage, PermissionRequested, SessionEvent, SessionId } from "@mix-effect/core"
import * as Data from "effect/Data"
import * as Turn from "./Turn.ts"

type Messages = ReadonlyArray<BackendMessage>

/** How the reading of the history stands. */
export type Reading = Data.TaggedEnum<{
  Loading: Record<never, never>
  /** The next page is asked for when the reader comes near the end of this one. */
  Idle: Record<never, never>
  Failed: { readonly message: string }
  End: Record<never, never>
}>
export const Reading = Data.taggedEnum<Reading>()

/** The session that is looked at. */
export interface Opened {
  readonly id: SessionId
  /** As it was listed last, oldest first; not there before it was listed. */
  readonly rows: Messages | undefined
  /** Newest first, like the history, without those of a turn that is being written. */
  readonly messages: Messages
  readonly state: "loading" | "ready" | { readonly failed: string }
  /** Whether what happens in it is told as it happens. */
  readonly link: Link
}

/** `drops` counts how often the connection was lost and opened again. */
export type Link = "connecting" | { readonly drops: number } | { readonly failed: string }

/** What became of the last message to a session. */
export type Sending = Data.TaggedEnum<{
  Sending: Record<never, never>
  /** The server has it, and the agent is at work. */
  Working: Record<never, never>
  /** `aside`: what the server said that is no message of the session, as its reply to a slash command. */
  Answered: { readonly aside: string | undefined }
  Stopped: Record<never, never>
  /** `isTaken`: the server has the message. */
  Failed: { readonly message: string; readonly isTaken: boolean }
}>
export const Sending = Data.taggedEnum<Sending>()

export interface Model {
  readonly serverUrl: string
  /** Newest first. */
  readonly history: Messages
  readonly reading: Reading
  /** How often the server was asked for a page of the history. */
  readonly requests: number
  /** Newer than `history`, newest first, and not shown yet. */
  readonly waiting: Messages
  /** Why new messages are not noticed at the moment. */
  readonly unfollowed: string | undefined
  readonly opened: Opened | undefined
  /** What the sessions that were listed begin with. */
  readonly firstTexts: ReadonlyMap<SessionId, string>
  readonly sending: ReadonlyMap<SessionId, Sending>
  /** What is being written, in the sessions that this page listens to. */
  readonly turns: ReadonlyMap<SessionId, Turn.Turn>
  /** The sessions that were made here, newest first. */
  readonly made: ReadonlyArray<SessionId>
  readonly making: "idle" | "busy" | { readonly failed: string }
  /** Grows whenever the list shall be shown from its top. */
  readonly jumps: number
}

export const initial = (serverUrl: string): Model => ({
  serverUrl,
  history: [],
  reading: Reading.Loading(),
  requests: 0,
  waiting: [],
  unfollowed: undefined,
  opened: undefined,
  firstTexts: new Map(),
  sending: new Map(),
  turns: new Map(),
  made: [],
  making: "idle",
  jumps: 0
})

export type Change = (model: Model) => Model

const without = (messages: Messages, known: Messages): Messages => {
  const ids = new Set(known.map(({ id }) => id))
  return messages.filter(({ id }) => !ids.has(id))
}

export const reading =
  (reading: Reading): Change =>
  (model) => ({ ...model, reading })

export const requested: Change = (model) => ({ ...model, requests: model.requests + 1 })

/** A page was read. What arrived during the walk may have come before, by the other way. */
export const page =
  ({ messages }: HistoryPage): Change =>
  (model) => ({
    ...model,
    history: [...model.history, ...without(without(messages, model.waiting), model.history)],
    reading: Reading.Idle()
  })

/** A message appeared: it waits until the reader asks for it. */
export const arrived =
  (message: BackendMessage): Change =>
  (model) => {
    const [fresh] = without(without([message], model.history), model.waiting)
    return fresh === undefined ? model : taken(fresh.sessionId)({ ...model, waiting: [fresh, ...model.waiting] })
  }

export const unfollowed =
  (message: string | undefined): Change =>
  (model) => ({ ...model, unfollowed: message })

const jump: Change = (model) => ({ ...model, jumps: model.jumps + 1 })

/** Shows what waits. */
export const reveal: Change = (model) => jump({ ...model, history: [...model.waiting, ...model.history], waiting: [] })

/** Opens a session, or none: the whole history. One that is open already keeps what it shows. */
export const open =
  (id: SessionId | undefined): Change =>
  (model) =>
    id === undefined
      ? jump({ ...model, opened: undefined })
      : model.opened?.id === id
        ? { ...model, opened: { ...model.opened, state: "loading" } }
        : jump({ ...model, opened: { id, rows: undefined, messages: [], state: "loading", link: "connecting" } })

const ofOpened =
  (id: SessionId, change: (opened: Opened) => Opened): Change =>
  (model) =>
    model.opened?.id === id ? { ...model, opened: change(model.opened) } : model

/** The rows of a turn that is being written are shown there, and not in the list too. */
const arrange =
  (id: SessionId): Change =>
  (model) =>
    ofOpened(id, (opened) => {
      const { rows = [] } = opened
      const turn = model.turns.get(id)
      const count = turn === undefined ? rows.length : Turn.rowsBefore(rows, turn.start)
      return { ...opened, messages: rows.slice(0, count).reverse() }
    })(model)

const ofTurn =
  (id: SessionId, change: (turn: Turn.Turn | undefined) => Turn.Turn | undefined): Change =>
  (model) => {
    const before = model.turns.get(id)
    const turn = change(before)
    if (turn === before) return model
    const turns = new Map(model.turns)
    if (turn === undefined) turns.delete(id)
    else turns.set(id, turn)
    const changed = { ...model, turns }
    return turn?.start === before?.start ? changed : arrange(id)(changed)
  }

/** A session was listed, oldest first as the server does. A turn that is over is in the list. */
export const listed =
  (id: SessionId, rows: Messages): Change =>
  (model) => {
    const first = rows.find(({ role }) => role === "user")
    const firstTexts = first ? new Map(model.firstTexts).set(id, first.userInput) : model.firstTexts
    const opened = ofOpened(id, (opened) => ({ ...opened, rows, state: "ready" }))
    const turn = ofTurn(id, (turn) => (turn === undefined || turn.isOver ? undefined : Turn.list(turn, rows)))
    return arrange(id)(turn(opened({ ...model, firstTexts })))
  }

export const notListed = (id: SessionId, message: string): Change =>
  ofOpened(id, (opened) => ({ ...opened, state: { failed: message } }))

export const sending =
  (id: SessionId, state: Sending): Change =>
  (model) => ({ ...model, sending: new Map(model.sending).set(id, state) })

export const isAsking = (model: Model, id: SessionId) =>
  ["Sending", "Working"].includes(model.sending.get(id)?._tag ?? "")

/** The server has the message that was sent. */
const taken =
  (id: SessionId): Change =>
  (model) =>
    model.sending.get(id)?._tag === "Sending" ? sending(id, Sending.Working())(model) : model

/** A message is sent: its turn begins. */
export const asked =
  (id: SessionId, text: string): Change =>
  (model) => {
    const rows = (model.opened?.id === id && model.opened.rows) || []
    const turn = Turn.make({ before: new Set(rows.map(({ id }): string => id)) }, { _tag: "User", text })
    return ofTurn(id, () => turn)(sending(id, Sending.Sending())(model))
  }

/** Nothing was asked after all. */
export const refused =
  (id: SessionId, message: string): Change =>
  (model) =>
    ofTurn(id, () => undefined)(sending(id, Sending.Failed({ message, isTaken: false }))(model))

/** What was asked came to an end. Its turn is shown until the session is listed. */
export const ended =
  (id: SessionId, state: Sending): Change =>
  (model) =>
    ofTurn(id, (turn) => turn && { ...turn, permissions: [], isOver: true })(sending(id, state)(model))

/** Events that belong to a turn, and begin one where none is known. */
const isOfTurn = ({ _tag }: SessionEvent) =>
  _tag === "Thinking" ||
  _tag === "Text" ||
  _tag === "ToolCall" ||
  _tag === "MessageCreated" ||
  _tag === "PermissionRequested"

/** An event of a session that this page listens to. */
export const happened =
  (id: SessionId, event: SessionEvent): Change =>
  (model) => {
    const before = model.turns.get(id)
    const start = event._tag === "MessageCreated" ? { at: event.messageId } : "unknown"
    const next = ofTurn(id, (turn) =>
      isOfTurn(event) && (turn === undefined || turn.isOver)
        ? Turn.happened(Turn.make(start), event)
        : turn && Turn.happened(turn, event)
    )(model)
    switch (event._tag) {
      case "Connected":
        return ofOpened(id, (opened) => ({ ...opened, link: { drops: 0 } }))(next)
      case "Reconnected":
        return ofOpened(id, ({ link, ...opened }) => ({
          ...opened,
          link: { drops: (typeof link === "object" && "drops" in link ? link.drops : 0) + 1 }
        }))(next)
      case "Failed":
        // Of a turn that was asked for here, the ask says what became of it.
        return isAsking(model, id) || before === undefined || before.isOver
          ? next
          : sending(id, Sending.Failed({ message: event.message, isTaken: false }))(next)
      default:
        return isOfTurn(event) ? taken(id)(next) : next
    }
  }

export const unlinked = (id: SessionId, failed: string): Change =>
  ofOpened(id, (opened) => ({ ...opened, link: { failed } }))

/** Whether it is known where in the session the turn begins. A list tells. */
export const isPlaced = (model: Model, id: SessionId): boolean => model.turns.get(id)?.start !== "unknown"

export const isUnlinked = ({ link }: Opened): boolean => typeof link === "object" && "failed" in link

/** This page does not listen to the session any more. */
export const left = (id: SessionId): Change => ofTurn(id, () => undefined)

export const permission = (id: SessionId, request: PermissionRequested): Change =>
  ofTurn(id, (turn) => turn && Turn.permission(turn, request, true))

export const answered = (id: SessionId, requestId: string): Change =>
  ofTurn(id, (turn) => turn && Turn.answered(turn, requestId))

export const stopping = (id: SessionId, stop: Turn.Turn["stop"]): Change =>
  ofTurn(id, (turn) => turn && { ...turn, stop })

export const making =
  (making: Model["making"]): Change =>
  (model) => ({ ...model, making })

/** A session was made, and is opened. */
export const made =
  (id: SessionId): Change =>
  (model) =>
    open(id)({ ...model, making: "idle", made: [id, ...model.made] })

/** One's own message is shown at once. */
export const showNewest =
  (id: SessionId): Change =>
  (model) =>
    model.opened?.id === id ? jump(model) : model

/** What the list shows. */
export const shown = ({ history, opened }: Model): Messages => opened?.messages ?? history

/**
 * What the pill counts: the messages that wait, of the open session only those that it does not show yet. While a turn is
 * written there, none: when it is over the session is listed.
 */
export const unseen = ({ opened, turns, waiting }: Model): Messages => {
  if (opened === undefined) return waiting
  if (turns.has(opened.id)) return []
  return without(
    waiting.filter(({ sessionId }) => sessionId === opened.id),
    opened.messages
  )
}

export interface SessionCount {
  readonly id: SessionId
  readonly count: number
  /** What it begins with where that is known, else what was written there last: so a title changes once at most. */
  readonly title: string
}

/** The sessions of the history so far, the one that was written to last first; before them the new ones. */
export const sessions = ({ firstTexts, history, made, reading }: Model): ReadonlyArray<SessionCount> => {
  const found = new Map<SessionId, SessionCount>()
  for (const { sessionId: id, userInput } of history) {
    const before = found.get(id)
    const title = before === undefined || reading._tag === "End" ? userInput : before.title
    found.set(id, { id, count: (before?.count ?? 0) + 1, title })
  }
  const fresh = made.filter((id) => !found.has(id)).map((id) => ({ id, count: 0, title: "New session" }))
  return [...fresh, ...found.values()].map((session) => ({
    ...session,
    title: firstTexts.get(session.id) ?? session.title
  }))
}

const failure = (state: object | string | undefined): string | undefined =>
  typeof state === "object" && "failed" in state ? String(state.failed) : undefined

/** What is wrong at the moment. A session that cannot be listed matters most: it is what the reader looks at. */
export const trouble = ({ making, opened, reading, unfollowed }: Model): string | undefined =>
  failure(opened?.state) ??
  failure(opened?.link) ??
  failure(making) ??
  (reading._tag === "Failed" ? reading.message : unfollowed)
