/** Any `HttpClient` as an engine. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Body, type Engine, type EngineError, failure, type Request } from "../Engine.ts"

const readBody = (response: HttpClientResponse, maxBytes: number): Effect.Effect<Body, EngineError> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let byteLength = 0
    const read = () => Effect.sync((): Body => ({ text: text + decoder.decode(), byteLength }))
    const stream = Stream.catchAll(response.stream, (error) =>
      error.reason === "EmptyBody" ? Stream.empty : Stream.fail(failure(error))
    )
    // Pulled and not run: that would take a fiber for each reply.
    const take = (
      pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<EngineError>>
    ): Effect.Effect<Body, EngineError> =>
      Effect.matchEffect(pull, {
        onFailure: (end) => (Option.isNone(end) ? read() : Effect.fail(end.value)),
        onSuccess: (chunk) => {
          for (const part of chunk) {
            text += decoder.decode(part, { stream: true })
            byteLength += part.byteLength
          }
          return byteLength > maxBytes ? read() : take(pull)
        }
      })
    return Effect.scoped(Effect.flatMap(Stream.toPull(stream), take))
  })

/**
 * Interrupts an effect when the signal is aborted, or at once if it is. What fibers of the client fail with holds its
 * requests, headers and all: they log none of it.
 */
const until =
  (signal: AbortSignal) =>
  <A>(effect: Effect.Effect<A, EngineError>): Effect.Effect<A, EngineError> => {
    const aborted = Effect.async<never, EngineError>((resume) => {
      const abort = () => resume(Effect.fail(failure(signal.reason)))
      if (signal.aborted) abort()
      else signal.addEventListener("abort", abort)
    })
    return Effect.withUnhandledErrorLogLevel(Effect.raceFirst(effect, aborted), Option.none())
  }

const toPlatform = ({ body, headers, method, url }: Request) =>
  HttpClientRequest.make(method)(url, {
    headers,
    ...(body !== undefined && { body: HttpBody.raw(body) })
  } as HttpClientRequest.Options.NoUrl)

/**
 * The client is taken as it is, but for three things: its own spans are off, with the trace headers that come of them, since
 * they hold all headers; and redirects are not followed where it is `fetch`.
 */
export const make: Effect.Effect<Engine, never, HttpClient.HttpClient> = Effect.gen(function* () {
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
  return (request, progress) =>
    client.execute(toPlatform(request)).pipe(
      Effect.mapError((error) => failure(error.cause)),
      until(request.signal),
      Effect.map((response) => {
        progress.phase = "body"
        return {
          status: response.status,
          header: (name) => response.headers[name],
          body: (maxBytes) => until(request.signal)(readBody(response, maxBytes))
        }
      })
    )
})
