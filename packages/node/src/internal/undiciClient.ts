/**
 * `HttpClient` over an undici dispatcher: one request object, one reply, no more. The platform's own constructor adds a
 * span, an `AbortController` and a registry to every request; `@mix-effect/http` needs none of them.
 */

import type { IncomingHttpHeaders } from "node:http"
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import { Attempt } from "@mix-effect/http"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Dispatcher } from "undici"
import { Body } from "./body.ts"

class Response extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly remoteAddress = Option.none()

  constructor(
    readonly request: HttpClientRequest.HttpClientRequest,
    readonly status: number,
    readonly headers: Headers.Headers,
    private readonly body: Body
  ) {
    super()
  }

  toJSON() {
    return { _id: "@mix-effect/node/Response", status: this.status }
  }

  get cookies() {
    return Cookies.fromSetCookie(this.headers["set-cookie"] ?? [])
  }

  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    return Stream.mapError(this.body.stream, this.broken)
  }

  get arrayBuffer() {
    return this.read((response) => response.arrayBuffer())
  }

  get formData() {
    return this.read((response) => response.formData())
  }

  get text() {
    return this.read((response) => response.text())
  }

  get json() {
    return this.read((response): Promise<unknown> => response.json())
  }

  get urlParamsBody() {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  private readonly broken = (cause: unknown): HttpClientError.ResponseError =>
    new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })

  private read<A>(
    read: (response: globalThis.Response) => Promise<A>
  ): Effect.Effect<A, HttpClientError.ResponseError> {
    return Effect.flatMap(Stream.runCollect(this.stream), (chunks) =>
      Effect.tryPromise({
        try: () => read(new globalThis.Response(new Blob([...chunks] as Array<BlobPart>), { headers: this.headers })),
        catch: this.broken
      })
    )
  }
}

/** A reply that nobody reads would hold its connection: when it is collected, the connection is given up. */
const unread = new FinalizationRegistry<Body>((body) => body.abort())

const toHeaders = (headers: IncomingHttpHeaders): Headers.Headers => {
  const joined: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) joined[name] = typeof value === "string" ? value : value.join(", ")
  }
  return Headers.unsafeFromRecord(joined)
}

/** undici has a code for a proxy whose certificate is bad, and none for one that refuses to open a tunnel. */
const withCode = (cause: unknown): unknown =>
  cause instanceof Error && cause.message.startsWith("Proxy response (") ? { code: "UND_ERR_PRX_RESPONSE" } : cause

const execute = (dispatcher: Dispatcher, request: HttpClientRequest.HttpClientRequest) =>
  Effect.withFiberRuntime<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError>((fiber) => {
    const progress = Context.getOption(fiber.currentContext as Context.Context<Attempt.Attempt>, Attempt.Attempt)
    const report = (phase: Attempt.Progress["phase"]) => {
      if (Option.isSome(progress)) progress.value.phase = phase
    }
    return Effect.async((resume) => {
      const fail = (cause: unknown) =>
        resume(Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: withCode(cause) })))
      let controller: Dispatcher.DispatchController | undefined
      let body: Body | undefined
      let abandoned = false
      report("connect")
      try {
        const url = new URL(request.url)
        dispatcher.dispatch(
          {
            origin: url.origin,
            path: url.pathname + url.search,
            method: request.method,
            headers: request.headers,
            body: request.body._tag === "Raw" ? (request.body.body as string) : null
          },
          {
            onRequestStart(started) {
              controller = started
              if (abandoned) return started.abort(new Error("interrupted"))
              report("headers")
            },
            onResponseStart(started, status, headers) {
              if (status < 200) return
              const encoding = headers["content-encoding"]
              body = new Body(started, Array.isArray(encoding) ? encoding.join(", ") : encoding)
              const response = new Response(request, status, toHeaders(headers), body)
              unread.register(response, body)
              resume(Effect.succeed(response))
            },
            onResponseData(_, chunk) {
              body?.write(chunk)
            },
            onResponseEnd() {
              body?.close({})
            },
            onResponseError(_, error) {
              if (body === undefined) fail(error)
              else body.close({ error })
            }
          }
        )
      } catch (cause) {
        fail(cause)
      }
      return Effect.sync(() => {
        abandoned = true
        controller?.abort(new Error("interrupted"))
      })
    })
  })

/** The client lives as long as its dispatcher. */
export const make = (dispatcher: Dispatcher): HttpClient.HttpClient =>
  HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    (request) => Effect.flatMap(request, (request) => execute(dispatcher, request)),
    (request) => Effect.succeed(request)
  )
