/**
 * When a failed request is repeated.
 *
 * A policy is a `Schedule` that receives each failure as its input. It decides whether there is another attempt, and
 * after which delay. Three rules apply to every policy. First, the server's `Retry-After` replaces the policy's
 * delay; if it exceeds 60 seconds or the rest of the deadline, the call fails at once with `retryAfter` in its error.
 * Second, no retry begins after the deadline. Third, each layer has a budget that limits retries during an outage: it
 * has 500 tokens, a retry takes 5, and a success returns 1. When it is used up, the error says `budgetExhausted`.
 *
 * @since 0.1.0
 */
import type { MixError } from "@mix-effect/core"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/**
 * A schedule that receives each failure as its input. There is another attempt as long as it continues.
 *
 * @since 0.1.0
 * @category models
 */
export type Policy = Schedule.Schedule<unknown, MixError>

/** The nth delay, from 0, is a random part of `min(8 s, 250 ms * 2^n)`. */
const backoff = Schedule.exponential("250 millis").pipe(
  Schedule.modifyDelayEffect((_, delay) =>
    Effect.map(Random.next, (random) => Duration.millis(Math.min(Duration.toMillis(delay), 8000) * random))
  )
)

/**
 * At most 4 attempts, if `isRetryable` allows it, with full jitter: the nth retry (from 0) waits a random time from 0
 * to `min(8 s, 250 ms * 2^n)`. `isRetryable` never allows repeating a `send` that may have reached the agent.
 *
 * @since 0.1.0
 * @category policies
 */
export const standard: Policy = backoff.pipe(
  Schedule.intersect(Schedule.recurs(3)),
  Schedule.whileInput((error: MixError) => error.isRetryable)
)

/** The server cannot be reached, or a proxy before it says so. A name that is not found may be that of a container. */
const isUnreachable = (error: MixError): boolean => {
  if (error.operation === "send" && !error.isRetryable) return false
  switch (error._tag) {
    case "ConnectionError":
      return error.transient
    case "RequestTimeout":
      return error.phase === "connect" && error.scope !== "deadline"
    case "ServerError":
      return [502, 503, 504].includes(error.status)
    default:
      return false
  }
}

/**
 * For long walks and for `followHistory`. Like `standard`, but it retries for up to a minute while the server cannot
 * be reached (connections that fail or are lost, host names that are not found, 502, 503 and 504), so a restart of
 * the server does not end them. The minute starts again with each page and fits the default `deadline` of 2 minutes.
 * An outage of half a minute takes about 60 of the layer's budget of 500.
 *
 * It also waits for a server that was never there. To detect a wrong url at once, read the first page with
 * `standard`.
 *
 * @example
 * import { MessagesService } from "@mix-effect/core"
 * import { RetryPolicy } from "@mix-effect/http"
 * import { Effect, Stream } from "effect"
 *
 * export const follow = Stream.unwrap(
 *   Effect.map(MessagesService, (messages) =>
 *     messages.followHistory().pipe(RetryPolicy.withRetryPolicy(RetryPolicy.persistent))
 *   )
 * )
 *
 * @since 0.2.0
 * @category policies
 */
export const persistent: Policy = Schedule.intersect(
  backoff,
  Schedule.union(
    Schedule.recurs(3).pipe(Schedule.whileInput((error: MixError) => error.isRetryable)),
    Schedule.recurUpTo("1 minute").pipe(Schedule.whileInput(isUnreachable))
  )
)

/**
 * Never.
 *
 * @since 0.1.0
 * @category policies
 */
export const none: Policy = Schedule.stop

/**
 * The fields of the `RetryConfig` of the official Mix SDKs.
 *
 * @since 0.1.0
 * @category options
 */
export interface RetryConfig {
  /** The first delay. Default: 500 ms. */
  readonly initialInterval?: Duration.DurationInput | undefined
  /** The longest delay. Default: 60 s. */
  readonly maxInterval?: Duration.DurationInput | undefined
  /**
   * The formula for the delay of the nth retry (from 0). `exponential`, as in the Python SDK, is
   * `initialInterval * exponent^n`; `polynomial`, as in the TypeScript SDK, is `initialInterval * n^exponent`.
   * Default: `exponential`.
   */
  readonly curve?: "exponential" | "polynomial" | undefined
  /** The base or the power of the curve: 1 or more if it is exponential, 0 or more if it is polynomial. Default: 1.5. */
  readonly exponent?: number | undefined
  /** No retry after a failure that comes this long after the first one. Default: 600 s. The `deadline` applies too. */
  readonly maxElapsedTime?: Duration.DurationInput | undefined
  /** Whether to retry after lost connections, time-outs and bodies that break off. Default: `true`. */
  readonly retryConnectionErrors?: boolean | undefined
  /** Statuses to retry after: `"429"`, or `"5XX"` for all of a kind. Default: `["5XX", "408", "429"]`. */
  readonly statusCodes?: ReadonlyArray<string> | undefined
}

const names: Readonly<Record<keyof RetryConfig, true>> = {
  initialInterval: true,
  maxInterval: true,
  curve: true,
  exponent: true,
  maxElapsedTime: true,
  retryConnectionErrors: true,
  statusCodes: true
}

const checked = (name: string, input: Duration.DurationInput): Duration.Duration => {
  // `Duration` makes zero of NaN, and Effect 3 of what is negative.
  const isNegative = [input]
    .flat()
    .some((part) => (typeof part === "string" ? part.startsWith("-") : typeof part !== "object" && !(part >= 0)))
  const isLength = (duration: Duration.Duration) =>
    Duration.isFinite(duration) && Duration.greaterThanOrEqualTo(duration, Duration.zero)
  const duration = Option.filter(Duration.decodeUnknown(input), isLength)
  if (Option.isSome(duration) && !isNegative) return duration.value
  throw new RangeError(`RetryPolicy.fromConfig: ${name} must be a finite duration`)
}

/**
 * The schedule of the official SDKs: `initialInterval * exponent^n` (Python) or, with `curve: "polynomial"`,
 * `initialInterval * n^exponent` (TypeScript), plus a random time of up to a second, at most `maxInterval` in all.
 * One thing differs on purpose: the official SDKs repeat a `send` after every 5XX, and the agent works twice. This
 * policy repeats a `send` only if the message certainly did not reach the agent. Throws a `RangeError` for invalid
 * numbers.
 *
 * @example
 * import { RetryPolicy } from "@mix-effect/http"
 *
 * export const policy = RetryPolicy.fromConfig({ initialInterval: "1 second", maxElapsedTime: "1 minute" })
 *
 * @since 0.1.0
 * @category policies
 */
export const fromConfig = (config: RetryConfig = {}): Policy => {
  const unknown = Object.keys(config).find((name) => !Object.hasOwn(names, name))
  if (unknown !== undefined) throw new RangeError(`RetryPolicy.fromConfig: no such field: ${JSON.stringify(unknown)}`)
  const {
    curve = "exponential",
    exponent = 1.5,
    retryConnectionErrors = true,
    statusCodes = ["5XX", "408", "429"]
  } = config
  if (curve !== "exponential" && curve !== "polynomial") {
    throw new RangeError('RetryPolicy.fromConfig: curve must be "exponential" or "polynomial"')
  }
  const least = curve === "exponential" ? 1 : 0
  if (!(Number.isFinite(exponent) && exponent >= least)) {
    throw new RangeError(`RetryPolicy.fromConfig: exponent must be a finite number, ${least} or more`)
  }
  if (!Array.isArray(statusCodes)) throw new RangeError("RetryPolicy.fromConfig: statusCodes must be a list")
  const badCode = statusCodes.find((code) => typeof code !== "string" || !/^[1-5](\d\d|XX)$/i.test(code))
  if (badCode !== undefined) throw new RangeError(`RetryPolicy.fromConfig: no status code: ${JSON.stringify(badCode)}`)
  const initialInterval = checked("initialInterval", config.initialInterval ?? 500)
  const maxInterval = checked("maxInterval", config.maxInterval ?? "60 seconds")
  const maxElapsedTime = checked("maxElapsedTime", config.maxElapsedTime ?? "600 seconds")

  const listed = (status: number) =>
    statusCodes.some((code) => (/xx$/i.test(code) ? code[0] === String(status)[0] : code === String(status)))
  const wanted = (error: MixError): boolean => {
    // What else must happen once no policy repeats: the layers see to that.
    if (error.operation === "send" && !error.isRetryable) return false
    switch (error._tag) {
      case "ConnectionError":
      case "RequestTimeout":
        return retryConnectionErrors
      case "ResponseDecodeError":
        return retryConnectionErrors && error.reason === "truncated"
      case "BadRequest":
      case "Unauthorized":
      case "NotFound":
      case "RateLimited":
      case "ServerError":
      case "UnexpectedStatus":
        return listed(error.status)
      default:
        return false
    }
  }
  const delayOf = (n: number) =>
    Duration.times(initialInterval, curve === "exponential" ? exponent ** n : n ** exponent)
  return Schedule.forever.pipe(
    Schedule.modifyDelayEffect((n) =>
      Effect.map(Random.next, (random) => Duration.min(Duration.sum(delayOf(n), Duration.seconds(random)), maxInterval))
    ),
    Schedule.upTo(maxElapsedTime),
    Schedule.whileInput(wanted)
  )
}

/**
 * The current policy. It has a default, so no operation requires it. It is looked up when an operation begins: first
 * the policy around the call, then the policy around the layer when it was built.
 *
 * @since 0.1.0
 * @category references
 */
export class RetryPolicy extends Context.Reference<RetryPolicy>()("@mix-effect/http/RetryPolicy", {
  defaultValue: (): Policy => standard
}) {}

/**
 * The current policy of a call: the one around it, else `atBuild`, the one around the layer. For implementations of
 * `MessagesService` over another transport, and to adapt the policy as `@mix-effect/browser` does.
 *
 * @since 0.1.0
 * @category references
 */
export const current = (atBuild: Policy): Effect.Effect<Policy> =>
  Effect.map(Effect.context<never>(), (context) =>
    context.unsafeMap.has(RetryPolicy.key) ? Context.get(context, RetryPolicy) : atBuild
  )

/**
 * Sets the policy for a whole application.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (policy: Policy): Layer.Layer<never> => Layer.succeed(RetryPolicy, policy)

/**
 * Sets the policy for one call, or for every page of one stream.
 *
 * @example
 * import { MessagesService } from "@mix-effect/core"
 * import { RetryPolicy } from "@mix-effect/http"
 * import { Effect } from "effect"
 *
 * export const once = Effect.flatMap(MessagesService, (messages) =>
 *   messages.getHistory({ limit: 10 }).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none))
 * )
 *
 * @since 0.1.0
 * @category combinators
 */
export const withRetryPolicy: {
  (
    policy: Policy
  ): <Self extends Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>>(
    self: Self
  ) => Self
  <Self extends Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>>(
    self: Self,
    policy: Policy
  ): Self
} = dual(
  2,
  (self: Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>, policy: Policy) =>
    Effect.isEffect(self)
      ? Effect.provideService(self, RetryPolicy, policy)
      : Stream.provideService(self, RetryPolicy, policy)
)
