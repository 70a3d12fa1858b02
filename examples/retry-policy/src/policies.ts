/** A policy is a `Schedule` that is fed each failure. Whatever schedules compose to, will do. */
import type { MixError } from "@mix-effect/core"
import type { RetryPolicy } from "@mix-effect/http"
import { Duration, Effect, Schedule } from "effect"

/** For a job that runs at night: eight more attempts, from one second to a minute apart. */
export const patient: RetryPolicy.Policy = Schedule.exponential("1 second").pipe(
  Schedule.modifyDelay((_, delay) => Duration.min(delay, "1 minute")),
  Schedule.intersect(Schedule.recurs(8)),
  Schedule.whileInput((error: MixError) => error.isRetryable)
)

/** For a person who waits: once more, at once. */
export const quick: RetryPolicy.Policy = Schedule.recurs(1).pipe(
  Schedule.whileInput((error: MixError) => error.isRetryable)
)

/** For a backend that is just being started: only as long as nothing listens there, twice a second for half a minute. */
export const untilItListens: RetryPolicy.Policy = Schedule.spaced("500 millis").pipe(
  Schedule.upTo("30 seconds"),
  Schedule.whileInput((error: MixError) => error._tag === "ConnectionError" && error.phase === "connect")
)

/** Says what went wrong before each further attempt. */
export const logged = (policy: RetryPolicy.Policy): RetryPolicy.Policy =>
  Schedule.tapInput(policy, (error: MixError) => Effect.logWarning(error.message))
