/** One session: listing it, and writing to it. */
import { type BackendMessage, MessagesService, type SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Model from "./Model.ts"
import { change, Store } from "./Store.ts"

/** Lists a session once more, and shows it if it is open. */
const list = Effect.fn("list")(function* (id: SessionId) {
  const messages = yield* MessagesService
  const listed = yield* messages.listSession({ id })
  yield* change(Model.listed(id, listed))
  return listed
})

export const open = Effect.fn("open")(function* (id: SessionId) {
  yield* change(Model.open(id))
  yield* Effect.catchAll(list(id), (error) => change(Model.notListed(id, error.message)))
})

/** Whether the assistant said something after a user's message that was not there before. */
const isAnswered = (messages: ReadonlyArray<BackendMessage>, before: ReadonlySet<string>): boolean => {
  const asked = messages.findIndex(({ id, role }) => role === "user" && !before.has(id))
  return asked >= 0 && messages.slice(asked).some(({ assistantResponse = "" }) => assistantResponse !== "")
}

/** Lists the session until the reply is there. That the server is away for a while does not matter. */
const awaitReply = (id: SessionId, before: ReadonlySet<string>) =>
  list(id).pipe(
    Effect.flatMap((messages) => (isAnswered(messages, before) ? Effect.void : Effect.fail("not yet"))),
    Effect.retry(Schedule.spaced("2 seconds")),
    Effect.ignore
  )

export const send = Effect.fn("send")(function* (id: SessionId, text: string) {
  const messages = yield* MessagesService
  const { opened } = yield* Effect.flatMap(Store, (store) => store.get)
  const before = new Set(opened?.id === id ? opened.messages.map((message): string => message.id) : [])
  const now = (state: Model.Sending) => change(Model.sending(id, state))

  /** What was sent is in the list now: it shall be seen. A list that cannot be had is not what failed here. */
  const show = Effect.zipRight(
    Effect.orElseSucceed(list(id), (): ReadonlyArray<BackendMessage> => []),
    change(Model.showNewest(id))
  )

  yield* now(Model.Sending.Sending())
  yield* messages.send({ id, text }).pipe(
    Effect.tap(show),
    Effect.map(({ id, assistantResponse }) =>
      // Such ids are words of the server's own.
      Model.Sending.Answered({ aside: /^(cmd|system)-/.test(id) ? assistantResponse : undefined })
    ),
    Effect.catchTag("ReplyPending", () =>
      now(Model.Sending.Pending()).pipe(
        Effect.zipRight(show),
        Effect.zipRight(awaitReply(id, before)),
        Effect.as(Model.Sending.Answered({ aside: undefined }))
      )
    ),
    Effect.catchAll((error) => Effect.succeed(Model.Sending.Failed({ message: error.message }))),
    Effect.flatMap(now)
  )
})
