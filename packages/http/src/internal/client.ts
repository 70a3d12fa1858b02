/** One way to ask a Mix server: limits, retries, the layer's budget, spans and metrics, and no secret in what fails. */

import { type GetHistoryError, type MixError, type Operation, Prefetching, RequestTimeout } from "@mix-effect/core"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { Engine, Platform, Reply, Request } from "../Engine.ts"
import * as MixConfig from "../MixConfig.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import type { Reading } from "./reply.ts"
import * as Retry from "./retry.ts"
import * as Scrub from "./scrub.ts"
import * as Span from "./span.ts"
import * as Telemetry from "./telemetry.ts"
import { timeLimit } from "./timeLimit.ts"
import * as Transport from "./transport.ts"

/** The longest wait for the body of an error, in milliseconds; half of what is left of its attempt, where that is less. */
const maxErrorBody = 2000

/** What one operation asks of the server, and what it makes of the reply. */
export interface Call<A, E> {
  readonly operation: Operation
  readonly service: "MessagesService" | "SessionsService"
  readonly method: Request["method"]
  readonly route: string
  readonly path: string
  readonly body?: string
  /** What the reply should be. Default: JSON. */
  readonly accept?: string
  /** Whether the reply may take as long as the agent does. */
  readonly isSlow?: boolean
  /** Whether doing it twice does harm: then no policy repeats it unless that is safe. */
  readonly isOnce?: boolean
  /** The text of a message, which must not come back in an error. */
  readonly message?: string
  /** What must not come back either, not even in part, as credentials must not. */
  readonly secret?: string
  readonly read: (reply: Reply, reading: Reading) => Effect.Effect<A, E>
}

/** What the services of one layer share. */
export interface Client {
  readonly run: <A, E extends MixError>(call: Call<A, E>) => Effect.Effect<A, GetHistoryError | E>
  /** Takes credentials and the text of a message out of what the server said elsewhere than in a reply. */
  readonly scrub: (said: string, message: string) => string
  readonly server: Telemetry.Server
}

export const make = <R>(
  makeEngine: (config: MixConfig.MixConfig) => Effect.Effect<Engine, ConfigError.ConfigError, R>,
  options?: MixConfig.Options,
  platform: Platform = {}
): Effect.Effect<Client, ConfigError.ConfigError, R> =>
  Effect.gen(function* () {
    const config = yield* MixConfig.make(options)
    yield* MixConfig.warnOfPlainText(config)
    const engine = yield* makeEngine(config)
    const policyAtBuild = yield* RetryPolicy.RetryPolicy
    const { hostname, port: given, protocol } = config.url
    const port = given === "" ? (protocol === "https:" ? 443 : 80) : Number(given)
    const address = `${hostname}:${port}`
    const server = { address: hostname, port }
    const telemetry = Telemetry.make(server, config.tracePropagation)
    const budget = new Retry.Budget(telemetry.budget)
    const credentials = Object.values(config.headers).map(Redacted.value)
    const scrubCredentials = Scrub.make(credentials)
    const ownHeaders = Object.fromEntries(
      Object.entries(config.headers).map(([name, value]) => [name, Redacted.value(value)])
    )

    const run = <A, E extends MixError>(call: Call<A, E>): Effect.Effect<A, GetHistoryError | E> => {
      const { accept = "application/json", body, isOnce = false, isSlow = false, method, operation, service } = call
      const url = config.serverUrl + call.path
      const headersOfCall = {
        accept,
        ...ownHeaders,
        ...(body !== undefined && { "content-type": "application/json" })
      }
      const request = { method, url, headers: headersOfCall, ...(body !== undefined && { body }) }
      const target = { method, route: call.route, url }
      const { message, secret } = call
      const scrub =
        message === undefined && secret === undefined
          ? scrubCredentials
          : Scrub.make(secret === undefined ? credentials : [...credentials, secret], message)

      const attemptWithin = (deadline: Duration.Duration) => (number: number, remaining: Duration.Duration) =>
        telemetry.attempt(target, number, ({ elapsed, observe, progress, span }) => {
          const whole = !isSlow && Duration.lessThan(config.requestTimeout, remaining)
          const limit = whole ? config.requestTimeout : remaining
          const headers =
            config.tracePropagation && span !== undefined
              ? { ...request.headers, ...Span.toHeaders(span) }
              : request.headers
          const errorBodyLimit = () =>
            Duration.millis(Math.min(maxErrorBody, (Duration.toMillis(limit) - Duration.toMillis(elapsed())) / 2))
          return timeLimit(limit, ({ expired, keep, signal, within }) => {
            /** Only what the engine fails with can be the work of the limit: what a reply said stays said. */
            const orTimeout = <Failure>(failure: Failure) =>
              expired()
                ? new RequestTimeout({
                    operation,
                    phase: Transport.waitedFor(progress.phase),
                    limit: whole ? limit : deadline,
                    scope: whole ? "attempt" : "deadline"
                  })
                : failure
            return Effect.matchEffect(engine({ ...request, headers, signal }, progress), {
              onFailure: (error) =>
                Effect.fail<GetHistoryError>(
                  orTimeout(Transport.fromRequestError(operation, address, progress, error))
                ),
              onSuccess: (reply): Effect.Effect<A, GetHistoryError | E> => {
                if (reply.status === 0) return Effect.fail(Transport.hidden(operation, address))
                return call.read(observe(reply), {
                  operation,
                  scrub,
                  keep,
                  maxBytes: config.maxResponseBytes,
                  briefly: (reading) => Effect.suspend(() => within(errorBodyLimit(), reading)),
                  onBroken: (error) => orTimeout(Transport.fromBodyError(operation, reply.status, error))
                })
              }
            })
          })
        })

      const onRetry = (error: MixError, number: number, delay: Duration.Duration) =>
        telemetry.retry(operation, error, number, delay)

      const attempts = Effect.flatMap(RetryPolicy.current(policyAtBuild), (given) =>
        Effect.flatMap(Effect.context<never>(), (context) => {
          const adapted = Context.get(context, Prefetching) ? RetryPolicy.none : (platform.policy?.(given) ?? given)
          const policy = isOnce ? Schedule.whileInput(adapted, (error: MixError) => error.isRetryable) : adapted
          const limit = Context.get(context, MixConfig.Deadline) ?? (isSlow ? config.sendTimeout : config.deadline)
          return Retry.run({ policy, budget, limit, attempt: attemptWithin(limit), onRetry })
        })
      )
      const { explain } = platform
      return telemetry.call(
        `${service}.${operation}`,
        explain === undefined ? attempts : Effect.mapError(attempts, explain)
      )
    }
    return {
      run,
      scrub: (said, message) => Scrub.make(credentials, message)(said),
      server
    }
  })
