/** Sends a message and waits for the agent's reply, whether the server gives it at once or later. */
import { MessagesService, type SessionId } from "@mix-effect/core"
import { Array, Data, Effect, Option, Schedule, Stream } from "effect"

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
  const reply = Stream.repeatEffectWithSchedule(lately, Schedule.spaced("2 seconds")).pipe(
    Stream.zipWithPrevious,
    Stream.filterMap(([previous, now]) =>
      Option.filter(now, (text) => Option.contains(Option.flatten(previous), text))
    ),
    Stream.runHead,
    Effect.flatten,
    Effect.timeout("5 minutes"),
    Effect.catchTag("NoSuchElementException", "TimeoutException", () => new NoReply({ id }))
  )

  return yield* messages.send({ id, text }).pipe(
    Effect.map(({ assistantResponse }) => assistantResponse ?? ""),
    Effect.catchTag("ReplyPending", () => reply)
  )
})
