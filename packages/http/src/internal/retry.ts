/** Makes a call again when its policy says so, within its deadline and its layer's budget. */
import { annotate, type MixError, RetryDelay } from "@mix-effect/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import type { Policy } from "../RetryPolicy.ts"
import { timeLimit, until } from "./timeLimit.ts"

/** The longest wait that a server may ask for. */
const maxRetryAfter = Duration.seconds(60)

const bucket = { size: 500, retry: 5, success: 1 }

/** How much retrying a layer may still do. Tokens change synchronously, so no two fibers can spend the same one. */
export class Budget {
  private tokens = bucket.size
  constructor(private readonly onChange: (left: number) => Effect.Effect<void>) {}

  readonly succeeded: Effect.Effect<void> = Effect.suspend(() =>
    this.tokens === bucket.size ? Effect.void : this.set(Math.min(bucket.size, this.tokens + bucket.success))
  )

  readonly spend: Effect.Effect<boolean> = Effect.suspend(() =>
    this.tokens < bucket.retry ? Effect.succeed(false) : Effect.as(this.set(this.tokens - bucket.retry), true)
  )

  private set(tokens: number): Effect.Effect<void> {
    this.tokens = tokens
    return this.onChange(tokens)
  }
}

/**
 * `attempt` is given its number and what is left of `limit`. Elapsed time is taken from the monotonic clock, the policy's
 * included, so a change of the wall clock moves no deadline and no delay.
 */
export const run = <A, E extends MixError>(options: {
  readonly policy: Policy
  readonly budget: Budget
  readonly limit: Duration.Duration
  readonly attempt: (number: number, remaining: Duration.Duration) => Effect.Effect<A, E>
  /** Before the wait for the attempt of that number. */
  readonly onRetry: (error: E, number: number, delay: Duration.Duration) => Effect.Effect<void>
}): Effect.Effect<A, E> =>
  Effect.clockWith((clock) => {
    const { attempt, budget, limit, onRetry, policy } = options
    const start = clock.unsafeCurrentTimeNanos()
    const startedAt = clock.unsafeCurrentTimeMillis()
    const elapsed = () => Duration.nanos(clock.unsafeCurrentTimeNanos() - start)
    const remaining = () => Duration.subtract(limit, elapsed())

    const step = stepsOf(policy)
    const retry = (failure: E, number: number): Effect.Effect<A, E> =>
      Effect.gen(function* () {
        const error = annotate(failure, { attempts: number, elapsed: elapsed() })
        const now = startedAt + Duration.toMillis(elapsed())
        // The deadline covers the time that the policy itself takes.
        const policyDelay = yield* timeLimit(remaining(), ({ signal }) =>
          until(signal, Effect.succeed(undefined))(step(error, now))
        )
        const delay = delayOf(policyDelay, error)
        if (delay === undefined) return yield* Effect.fail(error)
        if (Duration.greaterThanOrEqualTo(delay, remaining())) return yield* Effect.fail(error)
        if (!(yield* budget.spend)) return yield* Effect.fail(annotate(error, { budgetExhausted: true }))
        yield* onRetry(error, number + 1, delay)
        const tell = yield* RetryDelay
        tell(true)
        yield* Effect.sleep(delay)
        tell(false)
        // What remains is looked at after the wait: a process may have slept through more than that.
        if (Duration.lessThanOrEqualTo(remaining(), Duration.zero)) return yield* Effect.fail(error)
        return yield* loop(number + 1)
      })

    const loop = (number: number): Effect.Effect<A, E> =>
      Effect.matchEffect(attempt(number, remaining()), {
        onSuccess: (value) => Effect.as(budget.succeeded, value),
        onFailure: (failure) => retry(failure, number)
      })
    return loop(1)
  })

/** What a policy says of each failure: the delay before another attempt, or `undefined` if there is none. It keeps its state. */
export const stepsOf = (policy: Policy) => {
  let state: unknown = policy.initial
  return (error: MixError, now: number): Effect.Effect<Duration.Duration | undefined> =>
    Effect.map(policy.step(now, error, state), ([next, , decision]) => {
      state = next
      return ScheduleDecision.isDone(decision)
        ? undefined
        : Duration.millis(ScheduleIntervals.start(decision.intervals) - now)
    })
}

/** After which delay to try again, or `undefined` for never. */
const delayOf = (policyDelay: Duration.Duration | undefined, { retryAfter }: MixError) => {
  if (policyDelay === undefined) return undefined
  if (retryAfter !== undefined) return Duration.greaterThan(retryAfter, maxRetryAfter) ? undefined : retryAfter
  // Whole milliseconds: timers know no others, and `TestClock` fails for others.
  return Duration.millis(Math.max(0, Math.round(Duration.toMillis(policyDelay))))
}
