/** The operations over an engine: what each asks of the server, and one way to ask. */

import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import {
  BackendMessage,
  decodeBackendMessages,
  decodeReadableMessages,
  type GetHistoryError,
  MessagesService,
  type MixError,
  Prefetching,
  type ReadOptions,
  ReplyPending,
  RequestTimeout,
  SendMessageRequest,
  type Service
} from "@mix-effect/core"
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Engine, Platform } from "../Engine.ts"
import * as MixConfig from "../MixConfig.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import * as Reply from "./reply.ts"
import * as Retry from "./retry.ts"
import * as Scrub from "./scrub.ts"
import * as Telemetry from "./telemetry.ts"
import { timeLimit } from "./timeLimit.ts"
import * as Transport from "./transport.ts"

const decodeMessage = Schema.decodeUnknownEither(BackendMessage)
const encodeRequest = Schema.encodeSync(SendMessageRequest)

/** The longest wait for the body of an error; half of what is left of its attempt, where that is less. */
const maxErrorBody = Duration.seconds(2)

/** What one operation asks of the server. */
interface Call<A, Pending> extends Pick<Reply.Expectation<A, Pending>, "accepted" | "decode" | "operation"> {
  readonly route: string
  readonly path: string
  readonly body?: string
  /** The text of a message, which must not come back in an error. */
  readonly message?: string
}

/** Reads a list, or what can be read of it where somebody is told of the rest. */
const decodeList = ({ onUnreadable }: ReadOptions): Call<ReadonlyArray<BackendMessage>, never>["decode"] =>
  onUnreadable === undefined ? decodeBackendMessages : (json) => decodeReadableMessages(json, onUnreadable)

export const make = <R>(
  makeEngine: (config: MixConfig.MixConfig) => Effect.Effect<Engine, ConfigError.ConfigError, R>,
  options?: MixConfig.Options,
  platform: Platform = {}
): Effect.Effect<Service, ConfigError.ConfigError, R> =>
  Effect.gen(function* () {
    const config = yield* MixConfig.make(options)
    yield* MixConfig.warnOfPlainText(config)
    const engine = yield* makeEngine(config)
    const policyAtBuild = yield* RetryPolicy.RetryPolicy
    const { hostname, port: given, protocol } = config.url
    const port = given === "" ? (protocol === "https:" ? 443 : 80) : Number(given)
    const address = `${hostname}:${port}`
    const telemetry = Telemetry.make({ address: hostname, port }, config.tracePropagation)
    const budget = new Retry.Budget(telemetry.budget)
    const credentials = Object.values(config.headers).map(Redacted.value)
    const scrubCredentials = Scrub.make(credentials)
    const headersOfReads = {
      accept: "application/json",
      ...Object.fromEntries(Object.entries(config.headers).map(([name, value]) => [name, Redacted.value(value)]))
    }
    const headersOfWrites = { ...headersOfReads, "content-type": "application/json" }

    const run = <A, Pending extends ReplyPending>(
      call: Call<A, Pending>
    ): Effect.Effect<A, GetHistoryError | Pending> => {
      const { body, operation } = call
      const isRead = body === undefined
      const url = config.serverUrl + call.path
      const request = isRead
        ? ({ method: "GET", url, headers: headersOfReads } as const)
        : ({ method: "POST", url, headers: headersOfWrites, body } as const)
      const target = { method: request.method, route: call.route, url }
      const scrub = call.message === undefined ? scrubCredentials : Scrub.make(credentials, call.message)

      const attemptWithin = (deadline: Duration.Duration) => (number: number, remaining: Duration.Duration) =>
        telemetry.attempt(target, number, ({ elapsed, observe, progress, span }) => {
          const whole = isRead && Duration.lessThan(config.requestTimeout, remaining)
          const limit = whole ? config.requestTimeout : remaining
          const headers =
            config.tracePropagation && span !== undefined
              ? { ...request.headers, ...HttpTraceContext.toHeaders(span) }
              : request.headers
          const errorBodyLimit = () =>
            Duration.min(maxErrorBody, Duration.unsafeDivide(Duration.subtract(limit, elapsed()), 2))
          return timeLimit(limit, ({ expired, signal, within }) => {
            /** Only what the engine fails with can be the work of the limit: what a reply said stays said. */
            const orTimeout = <E>(failure: E) =>
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
                Effect.fail(orTimeout(Transport.fromRequestError(operation, address, progress, error))),
              onSuccess: (reply) => {
                if (reply.status === 0) return Effect.fail(Transport.hidden(operation, address))
                return Reply.read(observe(reply), {
                  ...call,
                  scrub,
                  maxBytes: config.maxResponseBytes,
                  briefly: <A, E>(reading: Effect.Effect<A, E>) =>
                    Effect.suspend(() => within(errorBodyLimit(), reading)),
                  onBroken: (error) => orTimeout(Transport.fromBodyError(operation, reply.status, error))
                })
              }
            })
          })
        })

      const onRetry = (error: MixError, number: number, delay: Duration.Duration) =>
        telemetry.retry(operation, error, number, delay)

      const attempts = Effect.gen(function* () {
        const given = yield* RetryPolicy.current(policyAtBuild)
        const policy = (yield* Prefetching) ? RetryPolicy.none : (platform.policy?.(given) ?? given)
        const limit = (yield* MixConfig.Deadline) ?? (isRead ? config.deadline : config.sendTimeout)
        return yield* Retry.run({ policy, budget, limit, attempt: attemptWithin(limit), onRetry })
      })
      const { explain } = platform
      return telemetry.call(operation, explain === undefined ? attempts : Effect.mapError(attempts, explain))
    }

    const sessionPath = (id: string) => `/api/sessions/${encodeURIComponent(id)}/messages`
    const sessionRoute = "/api/sessions/{id}/messages"
    const historyPath = "/api/messages/history"

    return MessagesService.make({
      getHistory: ({ limit, offset, ...reading }) => {
        const query = [
          limit === undefined ? [] : `limit=${limit}`,
          offset === undefined ? [] : `offset=${offset}`
        ].flat()
        return run<ReadonlyArray<BackendMessage>, never>({
          operation: "getHistory",
          route: historyPath,
          path: query.length === 0 ? historyPath : `${historyPath}?${query.join("&")}`,
          decode: decodeList(reading)
        })
      },
      listSession: ({ id, ...reading }) =>
        run<ReadonlyArray<BackendMessage>, never>({
          operation: "listSession",
          route: sessionRoute,
          path: sessionPath(id),
          decode: decodeList(reading)
        }),
      send: (request) => {
        const { id, ...body } = encodeRequest(request)
        return run({
          operation: "send",
          route: sessionRoute,
          path: sessionPath(id),
          body: JSON.stringify(body),
          message: request.text,
          accepted: () => new ReplyPending({ operation: "send" }),
          decode: decodeMessage
        })
      }
    })
  })
