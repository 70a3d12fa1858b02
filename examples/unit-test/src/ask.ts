/** Sends a message and waits for the agent's reply, whether the server gives it at once or later. */
import { MessagesService, type SessionId } from "@mix-effect/core"
import { Array, Data, Effect, Option, Schedule } from "effect"

/** The message was taken, and five minutes later there was no reply yet. */
export class NoReply extends Data.TaggedError("NoReply")<{ readonly id: SessionId }> {}

export const ask = Effect.fn("ask")(function* (id: SessionId, text: string) {
  const messages = yield* MessagesService
  const before = (yield* messages.listSession({ id })).length

  /** What the agent wrote last, since then. The client has retried already; a long wait outlasts more than that. */
  const lately = messages.listSession({ id }).pipe(
    Effect.map((rows) => Array.findLast(rows.slice(before), ({ role }) => role === "assistant")),
    Effect.map(Option.flatMapNullable(({ assistantResponse }) => assistantResponse)),
    Effect.retry({ while: (error) => error.isRetryable, schedule: Schedule.spaced("10 seconds") })
  )

  /** A reply is there while it is still being written: it is whole when it reads the same twice. */
  const reply = Effect.gen(function* () {
    let previous = Option.none<string>()
    for (;;) {
      const now = yield* lately
      if (Option.isSome(now) && Option.contains(previous, now.value)) return now.value
      previous = now
      yield* Effect.sleep("2 seconds")
    }
  }).pipe(
    Effect.timeoutOption("5 minutes"),
    Effect.flatMap(Option.match({ onNone: () => Effect.fail(new NoReply({ id })), onSome: Effect.succeed }))
  )

  return yield* messages.send({ id, text }).pipe(
    Effect.map(({ assistantResponse }) => assistantResponse ?? ""),
    Effect.catchTag("ReplyPending", () => reply)
  )
})
