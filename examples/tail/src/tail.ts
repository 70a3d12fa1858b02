/** The last messages, then those that appear, as `tail -f` has it. */
import { type BackendMessage, MessagesService, printable } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import { Effect, Option, type Schedule, Stream } from "effect"

/** One line, whatever a user or a server wrote: no line breaks, no control characters. */
const line = ({ sessionId, userInput }: BackendMessage) =>
  `${printable(sessionId.slice(0, 8))}  ${printable(userInput)}\n`

export interface TailOptions {
  /** How many messages to begin with. */
  readonly last: number
  /** When to ask for more. It ends with the schedule, so with most schedules never. */
  readonly schedule: Schedule.Schedule<unknown>
}

export const tail = ({ last, schedule }: TailOptions) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const page = yield* messages.streamHistoryPages({ pageSize: last }).pipe(Stream.runHead)
      // The cursor of a walk remembers where it began: nothing is missed between the first page and the first poll.
      const from = Option.getOrUndefined(Option.map(page, ({ cursor }) => cursor))
      const shown = Option.match(page, { onNone: () => [], onSome: ({ messages }) => [...messages].reverse() })
      // A server that is not there is told at once. One that was there, and restarts, is waited for.
      const later = messages.followHistory({ from, schedule }).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.persistent))
      return Stream.concat(Stream.fromIterable(shown), later)
    })
  ).pipe(Stream.map(line))
