/** Any `HttpClient` as an engine. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import {
  type Body,
  type Engine,
  type EngineError,
  failure,
  fetchFailure,
  fetchReadOptions,
  fetchRepeats,
  type Request
} from "../Engine.ts"
import { BoundedBody } from "./boundedBody.ts"
import { until } from "./timeLimit.ts"

const encoder = new TextEncoder()

/** Shared: to make one for each reply takes longer than to use it. */
const wholeDecoder = new TextDecoder()

/** React Native has no streams: there a body looks empty, and has a text all the same. */
const bytesOf = (response: HttpClientResponse.HttpClientResponse): Stream.Stream<Uint8Array, EngineError> =>
  Stream.catchAll(response.stream, (error) =>
    error.reason === "EmptyBody"
      ? Stream.fromEffect(
          Effect.mapBoth(response.text, { onFailure: failure, onSuccess: (text) => encoder.encode(text) })
        )
      : Stream.fail(failure(error))
  )

const readBody = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number
): Effect.Effect<Body, EngineError> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let byteLength = 0
    const read = () => Effect.sync((): Body => ({ text: text + decoder.decode(), byteLength }))
    // Pulled and not run: that would take a fiber for each reply.
    const readChunks = (
      pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<EngineError>>
    ): Effect.Effect<Body, EngineError> =>
      Effect.matchEffect(pull, {
        onFailure: (end) => (Option.isNone(end) ? read() : Effect.fail(end.value)),
        onSuccess: (chunk) => {
          for (const part of chunk) {
            text += decoder.decode(part, { stream: true })
            byteLength += part.byteLength
          }
          return byteLength > maxBytes ? read() : readChunks(pull)
        }
      })
    return Effect.scoped(Effect.flatMap(Stream.toPull(bytesOf(response)), readChunks))
  })

/** Reads all bytes of a reply, if it is the one that `fetch` gave; else its stream, which takes longer. */
const readBounded = (
  response: HttpClientResponse.HttpClientResponse,
  bounded: BoundedBody,
  maxBytes: number
): Effect.Effect<Body, EngineError> =>
  Effect.suspend(() => {
    if (!bounded.isOf(response)) return readBody(response, maxBytes)
    bounded.maxBytes = maxBytes
    return response.arrayBuffer.pipe(
      Effect.mapBoth({
        onFailure: failure,
        onSuccess: (bytes): Body => ({ text: wholeDecoder.decode(bytes), byteLength: bytes.byteLength })
      }),
      Effect.onInterrupt(() => Effect.sync(() => bounded.cancel()))
    )
  })

const untilAborted = (signal: AbortSignal) =>
  until(
    signal,
    Effect.suspend(() => Effect.fail(failure(signal.reason)))
  )

const requestInitOf = (context: Context.Context<never>): RequestInit =>
  Context.getOrElse(context as Context.Context<FetchHttpClient.RequestInit>, FetchHttpClient.RequestInit, () => ({}))

const fetchOf = (context: Context.Context<never>): typeof globalThis.fetch =>
  Context.getOrElse(context as Context.Context<FetchHttpClient.Fetch>, FetchHttpClient.Fetch, () => globalThis.fetch)

const toBody = (body: string): HttpBody.HttpBody =>
  fetchRepeats()
    ? HttpBody.stream(
        Stream.sync(() => encoder.encode(body)),
        "application/json"
      )
    : HttpBody.raw(body, { contentType: "application/json" })

const toPlatform = ({ body, headers, method, url }: Request) =>
  HttpClientRequest.make(method)(url, {
    headers,
    ...((body !== undefined || (method !== "GET" && fetchRepeats())) && { body: toBody(body ?? "") })
  } as HttpClientRequest.Options.NoUrl)

/**
 * The client is taken as it is, but for its own spans, which hold all headers: they are off, and so are the trace headers
 * that come of them. Where it is `fetch`, redirects are not followed, and reads are not answered from a cache. A client does
 * not tell how far a request got.
 */
export const make: Effect.Effect<Engine, never, HttpClient.HttpClient> = Effect.gen(function* () {
  const atBuild = requestInitOf(yield* Effect.context<never>())
  const readOptions = fetchReadOptions()
  const client = HttpClient.withTracerDisabledWhen(yield* HttpClient.HttpClient, () => true)
  return (request, progress) => {
    let isFetch = false
    const bounded = new BoundedBody()
    const withFetch = (context: Context.Context<never>) =>
      context.pipe(
        Context.add(FetchHttpClient.RequestInit, {
          ...(request.method === "GET" && readOptions),
          ...atBuild,
          ...requestInitOf(context),
          redirect: "manual"
        }),
        Context.add(FetchHttpClient.Fetch, async (...args) => {
          isFetch = true
          return bounded.bound(await fetchOf(context)(...args))
        })
      )
    // Set from within the client, where it is known what was provided to the client's own layer.
    const setFetch = FiberRef.update(FiberRef.currentContext, withFetch)
    return HttpClient.mapRequestEffect(client, (platform) => Effect.as(setFetch, platform))
      .execute(toPlatform(request))
      .pipe(
        Effect.mapInputContext((context: Context.Context<never>) => context), // restores what was set
        Effect.mapError((error) => (isFetch ? fetchFailure(error.cause) : failure(error.cause))),
        untilAborted(request.signal),
        Effect.map((response) => {
          progress.phase = "body"
          const { headers, status } = response
          return {
            status,
            header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
            body: (maxBytes) => untilAborted(request.signal)(readBounded(response, bounded, maxBytes)),
            chunks: (onChunk) =>
              untilAborted(request.signal)(
                Stream.runForEach(bytesOf(response), (chunk) => Effect.sync(() => onChunk(chunk)))
              )
          }
        })
      )
  }
})
