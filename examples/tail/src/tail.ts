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
      // The mark comes first, so nothing is missed after it. What arrives before the page is read is on the page as well.
      const from = yield* messages.currentCursor()
      const page = yield* messages.streamHistoryPages({ pageSize: last }).pipe(Stream.runHead)
      const shown = Option.match(page, { onNone: () => [], onSome: ({ messages }) => [...messages].reverse() })
      const ids = new Set(shown.map(({ id }) => id))
      const later = messages.followHistory({ from, schedule }).pipe(
        Stream.filter(({ id }) => !ids.has(id)),
        // A server that is not there is told at once. One that was there, and restarts, is waited for.
        RetryPolicy.withRetryPolicy(RetryPolicy.persistent)
      )
      return Stream.concat(Stream.fromIterable(shown), later)
    })
  ).pipe(Stream.map(line))
