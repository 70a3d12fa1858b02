/** Makes a call again when its policy says so, within its deadline and its layer's budget. */
import { annotate, type MixError } from "@mix-effect/core"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import { type Policy, RetryPolicy } from "../RetryPolicy.ts"

/** The longest wait that a server may ask for. */
const maxRetryAfter = Duration.seconds(60)

const bucket = { size: 500, retry: 5, success: 1 }

/** How much retrying a layer may still do. Synchronous, so no two fibers can spend the same token. */
export class Budget {
  private tokens = bucket.size
  succeeded(): void {
    this.tokens = Math.min(bucket.size, this.tokens + bucket.success)
  }
  spend(): boolean {
    if (this.tokens < bucket.retry) return false
    this.tokens -= bucket.retry
    return true
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
}): Effect.Effect<A, E> =>
  Effect.clockWith((clock) => {
    const { attempt, budget, limit, policy } = options
    const start = clock.unsafeCurrentTimeNanos()
    const startedAt = clock.unsafeCurrentTimeMillis()
    const elapsed = () => Duration.nanos(clock.unsafeCurrentTimeNanos() - start)
    const remaining = () => Duration.subtract(limit, elapsed())

    const loop = (number: number, state: unknown): Effect.Effect<A, E> =>
      attempt(number, remaining()).pipe(
        Effect.matchEffect({
          onSuccess: (value) => {
            budget.succeeded()
            return Effect.succeed(value)
          },
          onFailure: (failure) => {
            const error = annotate(failure, {
              attempts: number,
              elapsed: elapsed()
            })
            const now = startedAt + Duration.toMillis(elapsed())
            // A policy may take its time: the deadline holds for it as well.
            const decided = Effect.timeoutOption(delayOf(policy, error, state, now), remaining())
            return Effect.flatMap(decided, (decision) => {
              const next = Option.getOrUndefined(decision)
              if (next === undefined) return Effect.fail(error)
              const { delay, state } = next
              if (Duration.greaterThanOrEqualTo(delay, remaining())) return Effect.fail(error)
              if (!budget.spend()) return Effect.fail(annotate(error, { budgetExhausted: true }))
              // What remains is looked at after the wait, not before it.
              return Effect.flatMap(Effect.sleep(delay), () => loop(number + 1, state))
            })
          }
        })
      )
    return loop(1, policy.initial)
  })

/** What the policy says of a failure: after which delay to try again, or `undefined` for never. */
const delayOf = (policy: Policy, error: MixError, state: unknown, now: number) =>
  Effect.map(policy.step(now, error, state), ([state, , decision]) => {
    if (ScheduleDecision.isDone(decision)) return undefined
    const { retryAfter } = error
    if (retryAfter !== undefined) {
      return Duration.greaterThan(retryAfter, maxRetryAfter) ? undefined : { delay: retryAfter, state }
    }
    // Whole milliseconds: timers know no others, and `TestClock` fails for others.
    const wait = Math.round(ScheduleIntervals.start(decision.intervals) - now)
    return { delay: Duration.millis(Math.max(0, wait)), state }
  })

/** The policy that surrounds the caller, else the one that surrounded the layer. */
export const policyOf = (atBuild: Policy): Effect.Effect<Policy> =>
  Effect.map(Effect.context<never>(), (context) =>
    context.unsafeMap.has(RetryPolicy.key) ? Context.get(context, RetryPolicy) : atBuild
  )
