/** What any `HttpClient` does as an engine, beyond what the operations show. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Progress } from "../src/Engine.ts"
import { MessagesHttp, RetryPolicy } from "../src/index.ts"
import * as HttpClientEngine from "../src/internal/httpClientEngine.ts"
import * as renderings from "./renderings.ts"
import {
  type Answer,
  environment,
  failure,
  get,
  matches,
  noJitter,
  passing,
  scripted,
  sessionId,
  stalledBody
} from "./scripted.ts"

const request = { method: "GET", url: "http://localhost:8088/", headers: {} } as const

const ask = (answer: Answer, signal: AbortSignal) =>
  Effect.gen(function* () {
    const engine = yield* Effect.provide(HttpClientEngine.make, scripted(answer).layer)
    const progress: Progress = { phase: "headers" }
    return yield* engine({ ...request, signal }, progress)
  })

it.effect("a body that is read after the abort fails, though it never ends", () =>
  Effect.gen(function* () {
    const controller = new AbortController()
    const reply = yield* ask(stalledBody, controller.signal)
    controller.abort()
    assert.strictEqual((yield* failure(reply.body(10)))._tag, "EngineError")
  })
)

it.effect("a body that is being read fails at the abort", () =>
  Effect.gen(function* () {
    const controller = new AbortController()
    const reply = yield* ask(stalledBody, controller.signal)
    const reading = yield* Effect.fork(failure(reply.body(10)))
    yield* Effect.repeatN(Effect.yieldNow(), 10)
    controller.abort()
    assert.strictEqual((yield* Fiber.join(reading))._tag, "EngineError")
  })
)

it.effect("a request whose signal is aborted fails", () =>
  Effect.gen(function* () {
    const error = yield* failure(ask({ effect: Effect.never }, AbortSignal.abort()))
    assert.strictEqual(error._tag, "EngineError")
  })
)

it.effect("14 what a client's own fibers fail with is not logged: it holds the request", () =>
  Effect.gen(function* () {
    const canary = "canary-41aa"
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, message }) => {
      lines.push(String(message), ...renderings.ofCause(cause))
    })
    const platform = HttpClientRequest.get("http://h.example", { headers: { authorization: canary } })
    const cause = new Error(canary)
    const error = new HttpClientError.RequestError({ request: platform, reason: "Transport", cause })
    const server = scripted({ effect: Effect.flatMap(Effect.fork(Effect.fail(error)), Fiber.join) })
    const found = yield* passing(noJitter(failure(get(server, { bearerToken: Redacted.make(canary) })))).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
    assert.strictEqual(found._tag, "ConnectionError")
    assert.strictEqual(server.requests.length, 4)
    assert.notInclude(lines.join("\n"), canary)
    assert.notInclude(lines.join("\n"), "unhandled")
  })
)

it.effect("of a client the spans and trace headers are off", () =>
  Effect.gen(function* () {
    const seen: Array<Readonly<Record<string, string>>> = []
    const client = HttpClient.make((request) => {
      seen.push({ ...request.headers })
      return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
    })
    const engine = yield* Effect.provideService(HttpClientEngine.make, HttpClient.HttpClient, client)
    yield* failure(engine({ ...request, signal: new AbortController().signal }, { phase: "headers" }))
    assert.deepStrictEqual(seen, [{}])
  })
)

it.effect("164 a header that is named like a member of every object is there only if the server sent it", () =>
  Effect.gen(function* () {
    const reply = yield* ask({ headers: { "x-one": "1" } }, new AbortController().signal)
    for (const name of ["constructor", "__proto__", "tostring", "toString", "hasOwnProperty"]) {
      assert.isUndefined(reply.header(name), name)
    }
    assert.strictEqual(reply.header("x-one"), "1")
    const named = yield* ask({ headers: { constructor: "1" } }, new AbortController().signal)
    assert.strictEqual(named.header("constructor"), "1")
  })
)

describe("over fetch", () => {
  type Fetch = typeof globalThis.fetch

  /** A fetch that writes down its options. */
  const recording = (answer: () => Promise<Response>) => {
    const seen: Array<RequestInit> = []
    const fetch: Fetch = (_, init = {}) => {
      seen.push(init)
      return answer()
    }
    return { fetch, seen }
  }

  const layerOf = (client: Layer.Layer<HttpClient.HttpClient>, fetch: Fetch) =>
    MessagesHttp.layer().pipe(
      Layer.provide(Layer.provide(client, Layer.succeed(FetchHttpClient.Fetch, fetch))),
      Layer.provide(environment()),
      Layer.orDie
    )

  const read = Effect.flatMap(MessagesService, (messages) => messages.getHistory())
  const send = Effect.flatMap(MessagesService, (messages) => messages.send({ id: sessionId, text: "Hello" }))
  const once = RetryPolicy.withRetryPolicy(RetryPolicy.none)
  const empty = () => Promise.resolve(Response.json([]))

  it.effect("163 reads are not answered from a cache, redirects are not followed", () =>
    Effect.gen(function* () {
      const { fetch, seen } = recording(empty)
      yield* Effect.zipRight(read, Effect.exit(send)).pipe(Effect.provide(layerOf(FetchHttpClient.layer, fetch)))
      assert.deepStrictEqual(
        seen.map(({ cache, method, redirect }) => [method, cache, redirect]),
        [
          ["GET", "no-store", "manual"],
          ["POST", undefined, "manual"]
        ]
      )
    })
  )

  it.effect(
    "163 a RequestInit of the user's own wins, wherever it is provided; redirects are not followed even so",
    () =>
      Effect.gen(function* () {
        const init = Layer.succeed(FetchHttpClient.RequestInit, {
          cache: "reload",
          credentials: "include",
          redirect: "follow"
        })
        const places = [
          (fetch: Fetch) => layerOf(Layer.provide(FetchHttpClient.layer, init), fetch),
          (fetch: Fetch) => Layer.provide(layerOf(FetchHttpClient.layer, fetch), init)
        ]
        for (const place of places) {
          const { fetch, seen } = recording(empty)
          yield* Effect.provide(read, place(fetch))
          assert.deepInclude(seen[0], { cache: "reload", credentials: "include", redirect: "manual" })
        }
        const { fetch, seen } = recording(empty)
        yield* read.pipe(Effect.provide(layerOf(FetchHttpClient.layer, fetch)), Effect.provide(init))
        assert.deepInclude(seen[0], { cache: "reload", credentials: "include", redirect: "manual" })
      })
  )

  it.effect("163 where the platform throws for the option it is left out", () =>
    Effect.gen(function* () {
      const { fetch, seen } = recording(empty)
      const { Request } = globalThis
      yield* Effect.acquireUseRelease(
        Effect.sync(() => {
          globalThis.Request = class {
            constructor(_: string, init: RequestInit) {
              // As workerd does before its compatibility date 2024-11-11.
              if ("cache" in init) throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.")
            }
          } as typeof Request
        }),
        () => Effect.provide(read, layerOf(FetchHttpClient.layer, fetch)),
        () =>
          Effect.sync(() => {
            globalThis.Request = Request
          })
      )
      assert.notProperty(seen[0], "cache")
    })
  )

  it.effect("what is set for a request is gone after it", () =>
    Effect.gen(function* () {
      const { fetch } = recording(empty)
      const after = yield* Effect.zipRight(read, Effect.context<never>()).pipe(
        Effect.provide(layerOf(FetchHttpClient.layer, fetch))
      )
      assert.isTrue(Option.isNone(Context.getOption(after, FetchHttpClient.RequestInit)))
    })
  )

  it.effect("164 only fetch says FETCH_FAILED; outside of browsers its hint is not about CORS", () =>
    Effect.gen(function* () {
      const { fetch } = recording(() => Promise.reject(new TypeError("fetch failed")))
      const error = yield* failure(once(read).pipe(Effect.provide(layerOf(FetchHttpClient.layer, fetch))))
      matches(error, { _tag: "ConnectionError", code: "FETCH_FAILED" })
      assert.match(error.message, /is the Mix backend running/)
      assert.notMatch(error.message, /CORS|browser/)
    })
  )

  /** Gives "ü" in halves, and does not end after them unless it is told to. */
  const halves = (ends: boolean) => {
    const body = { pulled: 0, cancelled: false }
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (ends && body.pulled === 4) return controller.close()
        controller.enqueue(Uint8Array.of(body.pulled++ % 2 === 0 ? 0xc3 : 0xbc))
      },
      cancel: () => {
        body.cancelled = true
      }
    })
    return { body, response: new Response(stream, { headers: { "content-type": "application/json" } }) }
  }

  /** Clients over `fetch`: as it is, with a reply that is made of another's stream, and of one that somebody has looked at. */
  const clients: Record<string, (client: HttpClient.HttpClient) => HttpClient.HttpClient> = {
    "its own reply": (client) => client,
    "a reply that the client made of it": HttpClient.transformResponse(
      Effect.flatMap((response) =>
        Effect.map(Stream.toReadableStreamEffect(response.stream), (stream) =>
          HttpClientResponse.fromWeb(response.request, new Response(stream, response))
        )
      )
    ),
    "a reply whose status the client read": HttpClient.filterStatusOk
  }

  describe.each(Object.entries(clients))("reads %s", (_, transform) => {
    const open = (response: Response, signal: AbortSignal) =>
      Effect.gen(function* () {
        const engine = yield* HttpClientEngine.make.pipe(
          Effect.provide(Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, transform))),
          Effect.provide(FetchHttpClient.layer),
          Effect.provide(Layer.succeed(FetchHttpClient.Fetch, () => Promise.resolve(response)))
        )
        return yield* engine({ ...request, signal }, { phase: "headers" })
      })

    it.effect("whole", () =>
      Effect.gen(function* () {
        const reply = yield* open(halves(true).response, new AbortController().signal)
        assert.deepStrictEqual(yield* reply.body(4), { text: "\u00fc\u00fc", byteLength: 4 })
      })
    )

    it.effect("no further than it may be long", () =>
      Effect.gen(function* () {
        const { body, response } = halves(false)
        const reply = yield* open(response, new AbortController().signal)
        const { byteLength } = yield* reply.body(10)
        assert.isAbove(byteLength, 10)
        yield* Effect.repeat(Effect.yieldNow(), { until: () => body.cancelled })
        assert.isBelow(body.pulled, 100)
      })
    )

    it.effect("until it is given up, whatever `fetch` makes of the signal", () =>
      Effect.gen(function* () {
        let cancelled = false
        const silent = new ReadableStream<Uint8Array>({
          cancel: () => {
            cancelled = true
          }
        })
        const controller = new AbortController()
        const reply = yield* open(new Response(silent), controller.signal)
        const reading = yield* Effect.fork(failure(reply.body(10)))
        yield* Effect.repeatN(Effect.yieldNow(), 10)
        controller.abort()
        assert.strictEqual((yield* Fiber.join(reading))._tag, "EngineError")
        yield* Effect.repeat(Effect.yieldNow(), { until: () => cancelled })
      })
    )
  })

  it.effect("a Response without streams, as in React Native, is read by its text, and bounded", () =>
    Effect.gen(function* () {
      const { fetch } = recording(() => {
        const { headers, status } = Response.json([])
        const response = { headers, status, type: "default", text: () => Promise.resolve('[{"id": "\u00fc"}]') }
        return Promise.resolve(response as unknown as Response) // all that React Native has of it
      })
      const engine = yield* HttpClientEngine.make.pipe(
        Effect.provide(Layer.provide(FetchHttpClient.layer, Layer.succeed(FetchHttpClient.Fetch, fetch)))
      )
      const reply = yield* engine({ ...request, signal: new AbortController().signal }, { phase: "headers" })
      assert.deepStrictEqual(yield* reply.body(100), { text: '[{"id": "\u00fc"}]', byteLength: 14 })
      const again = yield* engine({ ...request, signal: new AbortController().signal }, { phase: "headers" })
      assert.isAbove((yield* again.body(4)).byteLength, 4)
    })
  )
})
