/**
 * `MessagesService` over any `HttpClient`.
 *
 * Runtime packages (`@mix-effect/node`, `@mix-effect/browser`) choose the client and offer the same layers complete; use
 * this module to bring a client of your own.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import {
  BackendMessage,
  BackendMessages,
  type GetHistoryError,
  MessagesService,
  ReplyPending,
  RequestTimeout,
  SendMessageRequest,
  type Service
} from "@mix-effect/core"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Attempt, type Progress } from "./Attempt.ts"
import * as Reply from "./internal/reply.ts"
import * as Retry from "./internal/retry.ts"
import * as Scrub from "./internal/scrub.ts"
import * as Telemetry from "./internal/telemetry.ts"
import * as Transport from "./internal/transport.ts"
import * as MixConfig from "./MixConfig.ts"
import { RetryPolicy } from "./RetryPolicy.ts"

const decodeMessages = Schema.decodeUnknownEither(BackendMessages)
const decodeMessage = Schema.decodeUnknownEither(BackendMessage)
const encodeRequest = Schema.encodeSync(SendMessageRequest)

/** The longest wait for the body of an error; half of what is left of its attempt, where that is less. */
const maxErrorBody = Duration.seconds(5)

/** What one operation asks of the server. */
interface Call<A, Pending> extends Pick<Reply.Expectation<A, Pending>, "accepted" | "decode" | "operation"> {
  readonly route: string
  readonly path: string
  readonly body?: string
  /** What must not come back in an error, besides credentials. */
  readonly secrets?: ReadonlyArray<string>
}

/**
 * Makes the service of the `HttpClient` in the environment. The client is taken as it is, but for three things: its own
 * spans are off (the service writes its own, which hold no header), redirects are not followed where it is `fetch`, and
 * trace headers go out only if `tracePropagation` says so.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options?: MixConfig.Options
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const config = yield* MixConfig.make(options)
    const policyAtBuild = yield* RetryPolicy
    const context = yield* Effect.context<never>()
    const requestInit = Context.getOrElse(
      context as Context.Context<FetchHttpClient.RequestInit>,
      FetchHttpClient.RequestInit,
      () => ({})
    )
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.withTracerDisabledWhen(() => true),
      HttpClient.transformResponse(
        Effect.provideService(FetchHttpClient.RequestInit, { ...requestInit, redirect: "manual" })
      )
    )
    const budget = new Retry.Budget()
    const { url } = config
    const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)
    const address = `${url.hostname}:${port}`
    const credentials = Object.values(config.headers).map(Redacted.value)
    const secrets = [...credentials, ...credentials.map((value) => value.replace(/^[\w-]+ +/, ""))]
    const scrubCredentials = Scrub.make(secrets)
    const headers = {
      accept: "application/json",
      ...Object.fromEntries(Object.entries(config.headers).map(([name, value]) => [name, Redacted.value(value)]))
    }

    const run = <A, Pending extends ReplyPending>(
      call: Call<A, Pending>
    ): Effect.Effect<A, GetHistoryError | Pending> => {
      const method = call.body === undefined ? "GET" : "POST"
      const isRead = method === "GET"
      const request = HttpClientRequest.make(method)(config.serverUrl + call.path, {
        headers,
        ...(call.body !== undefined && { body: HttpBody.raw(call.body, { contentType: "application/json" }) })
      } as HttpClientRequest.Options.NoUrl)
      const target: Telemetry.Target = {
        operation: call.operation,
        method,
        route: call.route,
        url: request.url,
        address: url.hostname,
        port
      }
      const scrub = call.secrets === undefined ? scrubCredentials : Scrub.make([...secrets, ...call.secrets])
      const attempt = (number: number, remaining: Duration.Duration) =>
        Telemetry.attempt(target, number, (span, onStatus) => {
          const progress: Progress = { phase: "headers" }
          const whole = isRead && Duration.lessThan(config.requestTimeout, remaining)
          const limit = whole ? config.requestTimeout : remaining
          const traced =
            config.tracePropagation && span !== undefined
              ? HttpClientRequest.setHeaders(request, HttpTraceContext.toHeaders(span))
              : request
          return client.execute(traced).pipe(
            Effect.provideService(Attempt, progress),
            Effect.mapError((error) => Transport.fromRequestError(call.operation, address, progress, error)),
            Effect.timed,
            Effect.flatMap(([elapsed, response]) => {
              if (response.status === 0) return Effect.fail(Transport.hidden(call.operation, address))
              progress.phase = "body"
              onStatus(response.status)
              const errorBodyLimit = Duration.min(maxErrorBody, Duration.times(Duration.subtract(limit, elapsed), 0.5))
              return Reply.read(response, { ...call, scrub, maxBytes: config.maxResponseBytes, errorBodyLimit })
            }),
            // What fails in here is handled: no fiber of it shall log that it was not.
            Effect.withUnhandledErrorLogLevel(Option.none()),
            Effect.timeoutFail({
              duration: limit,
              onTimeout: () =>
                new RequestTimeout({
                  operation: call.operation,
                  phase: progress.phase,
                  limit: whole ? limit : isRead ? config.deadline : config.sendTimeout,
                  scope: whole ? "attempt" : "deadline"
                })
            })
          )
        })
      return Retry.policyOf(policyAtBuild).pipe(
        Effect.flatMap((policy) =>
          Retry.run({ policy, budget, limit: isRead ? config.deadline : config.sendTimeout, attempt })
        ),
        (effect) => Telemetry.call(target, effect)
      )
    }

    const sessionPath = (id: string) => `/api/sessions/${encodeURIComponent(id)}/messages`
    const sessionRoute = "/api/sessions/{id}/messages"
    const historyPath = "/api/messages/history"

    return MessagesService.make({
      getHistory: ({ limit, offset }) => {
        const query = [
          limit === undefined ? [] : `limit=${limit}`,
          offset === undefined ? [] : `offset=${offset}`
        ].flat()
        return run<ReadonlyArray<BackendMessage>, never>({
          operation: "getHistory",
          route: historyPath,
          path: query.length === 0 ? historyPath : `${historyPath}?${query.join("&")}`,
          decode: decodeMessages
        })
      },
      listSession: ({ id }) =>
        run<ReadonlyArray<BackendMessage>, never>({
          operation: "listSession",
          route: sessionRoute,
          path: sessionPath(id),
          decode: decodeMessages
        }),
      send: (request) => {
        const { id, ...body } = encodeRequest(request)
        return run({
          operation: "send",
          route: sessionRoute,
          path: sessionPath(id),
          body: JSON.stringify(body),
          secrets: [request.text],
          accepted: () => new ReplyPending({ operation: "send" }),
          decode: decodeMessage
        })
      }
    })
  })

/**
 * @example
 * import { FetchHttpClient } from "@effect/platform"
 * import { MessagesHttp } from "@mix-effect/http"
 * import { Layer } from "effect"
 *
 * export const MessagesLive = MessagesHttp.layer({ serverUrl: "http://localhost:8088" }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: MixConfig.Options
): Layer.Layer<MessagesService, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(MessagesService, make(options))

/**
 * The same with options that are read by `Config`.
 *
 * @example
 * import { MessagesHttp } from "@mix-effect/http"
 * import { Config } from "effect"
 *
 * export const MessagesLive = MessagesHttp.layerConfig({
 *   serverUrl: Config.string("BACKEND_URL"),
 *   bearerToken: Config.redacted("BACKEND_TOKEN")
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<MixConfig.Options>
): Layer.Layer<MessagesService, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(MessagesService, Effect.flatMap(Config.unwrap(options), make))
