/** One session: listing it, and writing to it. */
import { type BackendMessage, MessagesService, type SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Model from "./Model.ts"
import { change } from "./Store.ts"

/** Lists a session once more, and shows it if it is open. */
const refresh = Effect.fn("refresh")(function* (id: SessionId) {
  const messages = yield* MessagesService
  const list = yield* messages.listSession({ id })
  yield* change(Model.listed(id, list))
  return list
})

export const open = Effect.fn("open")(function* (id: SessionId) {
  yield* change(Model.open(id))
  yield* refresh(id).pipe(Effect.catchAll((error) => change(Model.notListed(id, error.message))))
})

/** Whether the assistant said something after the user did for the last time. */
const isAnswered = (messages: ReadonlyArray<BackendMessage>): boolean =>
  messages
    .slice(messages.findLastIndex(({ role }) => role === "user") + 1)
    .some(({ assistantResponse = "", role }) => role === "assistant" && assistantResponse !== "")

/** Looks for the reply until it is there. A server that is away for a while does not matter. */
const awaitReply = (id: SessionId) =>
  refresh(id).pipe(
    Effect.tap(change(Model.showNewest(id))),
    Effect.flatMap((messages) => (isAnswered(messages) ? Effect.void : Effect.fail("not yet"))),
    Effect.retry(Schedule.spaced("2 seconds")),
    Effect.orDie
  )

export const send = Effect.fn("send")(function* (id: SessionId, text: string) {
  const messages = yield* MessagesService
  yield* change(Model.sending(id, Model.Sending.Sending()))
  yield* messages.send({ id, text }).pipe(
    Effect.catchTag("ReplyPending", () =>
      Effect.zipRight(change(Model.sending(id, Model.Sending.Pending())), awaitReply(id))
    ),
    Effect.matchEffect({
      onFailure: (error) => change(Model.sending(id, Model.Sending.Failed({ message: error.message }))),
      onSuccess: () =>
        change(Model.sending(id, Model.Sending.Answered())).pipe(
          Effect.zipRight(open(id).pipe(Effect.when(Effect.map(isOpen, (open) => open === id)))),
          Effect.zipRight(change(Model.showNewest(id)))
        )
    })
  )
})
