/** What the page shows, and how it changes. Nothing here touches the DOM or the network. */
import type { BackendMessage, HistoryPage, SessionId } from "@mix-effect/core"
import * as Data from "effect/Data"

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
  /** Newest first, like the history. */
  readonly messages: Messages
  readonly state: "loading" | "ready" | { readonly failed: string }
}

/** What became of the last message to a session. */
export type Sending = Data.TaggedEnum<{
  Sending: Record<never, never>
  /** The server has it, and answers later. */
  Pending: Record<never, never>
  /** `aside`: what the server said that is no message of the session, as its reply to a slash command. */
  Answered: { readonly aside: string | undefined }
  Failed: { readonly message: string }
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
    return fresh === undefined ? model : { ...model, waiting: [fresh, ...model.waiting] }
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
        : jump({ ...model, opened: { id, messages: [], state: "loading" } })

const ofOpened =
  (id: SessionId, change: (opened: Opened) => Opened): Change =>
  (model) =>
    model.opened?.id === id ? { ...model, opened: change(model.opened) } : model

/** A session was listed, oldest first as the server does. */
export const listed =
  (id: SessionId, messages: Messages): Change =>
  (model) => {
    const first = messages.find(({ role }) => role === "user")
    const firstTexts = first && new Map(model.firstTexts).set(id, first.userInput)
    const listed = ofOpened(id, () => ({ id, messages: [...messages].reverse(), state: "ready" }))(model)
    return firstTexts ? { ...listed, firstTexts } : listed
  }

export const notListed = (id: SessionId, message: string): Change =>
  ofOpened(id, (opened) => ({ ...opened, state: { failed: message } }))

export const sending =
  (id: SessionId, state: Sending): Change =>
  (model) => ({ ...model, sending: new Map(model.sending).set(id, state) })

/** One's own message is shown at once. */
export const showNewest =
  (id: SessionId): Change =>
  (model) =>
    model.opened?.id === id ? jump(model) : model

/** What the list shows. */
export const shown = ({ history, opened }: Model): Messages => opened?.messages ?? history

/** What the pill counts: the messages that wait, of the open session only those that it does not show yet. */
export const unseen = ({ opened, waiting }: Model): Messages =>
  opened === undefined
    ? waiting
    : without(
        waiting.filter(({ sessionId }) => sessionId === opened.id),
        opened.messages
      )

export interface SessionCount {
  readonly id: SessionId
  readonly count: number
  /** What it begins with where that is known, else what was written there last: so a title changes once at most. */
  readonly title: string
}

/** The sessions of the history so far, the one that was written to last first. */
export const sessions = ({ firstTexts, history, reading }: Model): ReadonlyArray<SessionCount> => {
  const found = new Map<SessionId, SessionCount>()
  for (const { sessionId: id, userInput } of history) {
    const before = found.get(id)
    const title = before === undefined || reading._tag === "End" ? userInput : before.title
    found.set(id, { id, count: (before?.count ?? 0) + 1, title })
  }
  return [...found.values()].map((session) => ({ ...session, title: firstTexts.get(session.id) ?? session.title }))
}

/** What is wrong at the moment. A session that cannot be listed matters most: it is what the reader looks at. */
export const trouble = ({ opened, reading, unfollowed }: Model): string | undefined =>
  typeof opened?.state === "object" ? opened.state.failed : reading._tag === "Failed" ? reading.message : unfollowed
