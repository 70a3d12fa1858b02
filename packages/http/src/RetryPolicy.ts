/**
 * When a failed request is made again.
 *
 * A policy is a `Schedule` that is fed each failure: it decides whether there is another attempt, and after which delay.
 * Three rules hold whatever the policy says. A `retryAfter` of the server replaces the policy's delay; when it is longer
 * than 60 seconds, or than what is left of the deadline, the call fails at once and the error carries it. No retry begins
 * after the deadline. And each layer has a budget (500 tokens; a retry takes 5, a success brings 1 back), so that an outage
 * is not answered with a storm: when it is used up the error says `budgetExhausted`.
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
 * A schedule that is fed each failure: there is another attempt for as long as it goes on.
 *
 * @since 0.1.0
 * @category models
 */
export type Policy = Schedule.Schedule<unknown, MixError>

/** The nth delay, from 0, is a random part of `min(8 s, 250 ms * 2^n)`. */
const backoff = Schedule.exponential("250 millis").pipe(
  Schedule.modifyDelayEffect((_, delay) =>
    Effect.map(Random.next, (random) => Duration.times(Duration.min(delay, Duration.seconds(8)), random))
  )
)

/**
 * At most 4 attempts of what `isRetryable` allows, with full jitter: the nth retry (from 0) waits between nothing and
 * `min(8 s, 250 ms * 2^n)`. `isRetryable` never allows to repeat a `send` that may have reached the agent.
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
 * For long walks and for following: as `standard`, but goes on for up to a minute while the server cannot be reached
 * (connections that fail or are lost, 502, 503 and 504), so that a server that restarts ends neither. The minute begins anew
 * with each page. It fits the default `deadline` of 2 minutes; an outage of half a minute takes about 60 of the layer's
 * budget of 500.
 *
 * A server that was never there is waited for as well: read a first page with `standard`, so that a wrong url is told at once.
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
 * The `RetryConfig` of the official Mix SDKs, field by field.
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
   * How the delay of the nth retry, from 0, follows from `initialInterval` and `exponent`: `exponential`, as in the Python
   * SDK, is `initialInterval * exponent^n`; `polynomial`, as in the TypeScript SDK, is `initialInterval * n^exponent`.
   * Default: `exponential`.
   */
  readonly curve?: "exponential" | "polynomial" | undefined
  /** The base or the power of the curve: 1 or more if it is exponential, 0 or more if it is polynomial. Default: 1.5. */
  readonly exponent?: number | undefined
  /** A failure later than this after the first one is the last. Default: 600 s. The layer's deadline holds besides. */
  readonly maxElapsedTime?: Duration.DurationInput | undefined
  /** Whether to try again when the server was not reached, was lost or took too long. Default: `true`. */
  readonly retryConnectionErrors?: boolean | undefined
  /** Statuses to try again after: `"429"`, or `"5XX"` for all of a kind. Default: `["5XX", "408", "429"]`. */
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
  const duration = Duration.decodeUnknown(input)
  // `Duration` makes zero of NaN and of what is negative.
  const isNegative = typeof input === "string" ? input.startsWith("-") : typeof input !== "object" && !(input >= 0)
  if (Option.isSome(duration) && Duration.isFinite(duration.value) && !isNegative) return duration.value
  throw new RangeError(`RetryPolicy.fromConfig: ${name} must be a finite duration`)
}

/**
 * The schedules that the official SDKs follow: `initialInterval * exponent^n` (Python) or, with `curve: "polynomial"`,
 * `initialInterval * n^exponent` (TypeScript), plus up to a second at random, at most `maxInterval`. One thing differs, on purpose: they repeat a `send` after every 5XX, and with it the agent's work; here a
 * `send` is repeated only where the message is known not to have reached the agent. Throws a `RangeError` for numbers that
 * make no schedule.
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
 * The policy in force. It has a default, so no operation requires it; it is looked up when an operation begins: first what
 * surrounds the call, then what surrounded the layer when it was built.
 *
 * @since 0.1.0
 * @category references
 */
export class RetryPolicy extends Context.Reference<RetryPolicy>()("@mix-effect/http/RetryPolicy", {
  defaultValue: (): Policy => standard
}) {}

/**
 * The policy in force for a call: the one that surrounds it, else `atBuild`, which surrounded the layer. For those who
 * implement `MessagesService` over a transport of their own, or adapt the policy as `@mix-effect/browser` does.
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
