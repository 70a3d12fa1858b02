/**
 * `HttpClient` over `fetch`. The platform's own takes whatever `fetch` gives for a `Response`; this one also tells a
 * redirect from other hidden replies, and an offline browser from a server that is down.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Attempt from "@mix-effect/http/Attempt"
import * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Hint from "./hint.ts"
import * as Surroundings from "./surroundings.ts"

type Fetch = typeof globalThis.fetch

/** Of another realm or a polyfill it is a reply too; one that somebody else has read is none. */
const isResponse = (value: unknown): value is Response => {
  if (typeof value !== "object" || value === null) return false
  const { body, bodyUsed, headers, status } = value as Partial<Response>
  return (
    typeof status === "number" &&
    typeof headers?.get === "function" &&
    bodyUsed !== true &&
    (body === null || (typeof body?.getReader === "function" && !body.locked))
  )
}

/** A redirect is shown without its status. RFC 9110 (15) has an unknown status treated as the x00 of its class. */
const unhidden = (response: Response) =>
  response.type === "opaqueredirect" ? new Response(null, { status: 300 }) : response

const codeOf = (url: URL): string | undefined => {
  if (Surroundings.isOffline()) return Hint.offline
  return Surroundings.isMixedContent(url) ? Hint.mixedContent : undefined
}

const execute = (fetch: Fetch | undefined, request: HttpClientRequest.HttpClientRequest) =>
  Effect.withFiberRuntime<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError>((fiber) => {
    const { unsafeMap } = fiber.currentContext
    const init: RequestInit | undefined = unsafeMap.get(FetchHttpClient.RequestInit.key)
    const progress: Attempt.Progress | undefined = unsafeMap.get(Attempt.Attempt.key)
    const failure = (cause: unknown) =>
      Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause }))
    return Effect.async((resume) => {
      const url = new URL(request.url)
      const isRead = request.method === "GET"
      // What goes on to be sent when the network comes back may arrive after all: a message is not even tried.
      if (!isRead && Surroundings.isOffline() && !Surroundings.isLoopback(url)) {
        if (progress !== undefined) progress.phase = "connect"
        return resume(failure({ code: Hint.offline }))
      }
      const controller = new AbortController()
      let abandoned = false
      const failed = (cause: unknown) => {
        const code = codeOf(url)
        if (code !== undefined && isRead && progress !== undefined) progress.phase = "connect"
        resume(failure(code === undefined ? cause : { code }))
      }
      const done = (response: unknown) => {
        if (!isResponse(response)) return resume(failure({ code: Hint.noResponse }))
        if (abandoned) return void response.body?.cancel().catch(() => {})
        resume(Effect.succeed(HttpClientResponse.fromWeb(request, unhidden(response))))
      }
      try {
        const headers = { ...(init?.headers && Object.fromEntries(new Headers(init.headers))), ...request.headers }
        const body = request.body._tag === "Raw" ? (request.body.body as string) : null
        // Looked up for each request, since instrumentation replaces it.
        const reply: unknown = (fetch ?? globalThis.fetch)(request.url, {
          ...init,
          method: request.method,
          headers,
          body,
          signal: controller.signal
        })
        Promise.resolve(reply).then(done).catch(failed)
      } catch (cause) {
        failed(cause)
      }
      return Effect.sync(() => {
        abandoned = true
        controller.abort()
      })
    })
  })

/** Takes `fetch` from the environment where it is provided (`FetchHttpClient.Fetch`), else the global one. */
export const make: Effect.Effect<HttpClient.HttpClient, ConfigError.ConfigError> = Effect.gen(function* () {
  const context = (yield* Effect.context<never>()) as Context.Context<unknown>
  const fetch: Fetch | undefined = context.unsafeMap.get(FetchHttpClient.Fetch.key)
  if (typeof (fetch ?? globalThis.fetch) !== "function") {
    return yield* Effect.fail(ConfigError.MissingData(["fetch"], "this environment has no fetch to make requests with"))
  }
  return HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    (request) => Effect.flatMap(request, (request) => execute(fetch, request)),
    (request) => Effect.succeed(request)
  )
})
