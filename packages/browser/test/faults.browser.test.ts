/** What goes wrong between a browser and its server. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import { MessagesHttp, RetryPolicy } from "@mix-effect/http"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { MixBrowser } from "../src/index.ts"
import * as FetchEngine from "../src/internal/fetchEngine.ts"
import { policy } from "./policy.ts"
import { failure, matches, refusedUrl, replaced, service, sessionId, startFault, startMix } from "./support.ts"

const once = RetryPolicy.withRetryPolicy(RetryPolicy.none)

/** Retries that the tests need not wait for. */
const fast = RetryPolicy.withRetryPolicy(policy(3))

describe("13 redirects are an UnexpectedStatus, and are not followed", () => {
  for (const status of [301, 302, 303, 307, 308] as const) {
    it.scopedLive(`${status}, to this and to another origin and to nowhere, for GET and POST`, () =>
      Effect.gen(function* () {
        const other = yield* startFault([{ kind: "json", value: [] }])
        for (const location of [`${other.url}/api/messages/history`, "/api/messages/history", undefined]) {
          const redirect = { kind: "redirect", status, ...(location !== undefined && { location }) } as const
          const server = yield* startFault([redirect, { kind: "preflight" }, redirect])
          const messages = yield* service({ serverUrl: server.url })
          const read = yield* failure(messages.getHistory())
          matches(read, { _tag: "UnexpectedStatus", status: 300, attempts: 1 })
          assert.match(read.message, /a redirect, which is never followed/)
          const sent = yield* failure(messages.send({ id: sessionId, text: "Hello" }))
          matches(sent, { _tag: "UnexpectedStatus", status: 300, outcome: "unknown", attempts: 1 })
          assert.strictEqual(yield* server.requestCount, 3)
        }
        assert.strictEqual(yield* other.requestCount, 0)
      })
    )
  }
})

describe("a ConnectionError whose hint says what it may be", () => {
  it.scopedLive("a dead port", () =>
    Effect.gen(function* () {
      const messages = yield* service({ serverUrl: yield* refusedUrl })
      const read = yield* failure(fast(messages.getHistory()))
      matches(read, { _tag: "ConnectionError", code: "FETCH_FAILED", attempts: 4, transient: true })
      assert.match(read.message, /may be down, or refuse this origin \(CORS\)/)
      const sent = yield* failure(fast(messages.send({ id: sessionId, text: "Hello" })))
      matches(sent, { _tag: "ConnectionError", code: "FETCH_FAILED", outcome: "unknown", attempts: 1 })
    })
  )

  it.scopedLive("a server that admits no other origin", () =>
    Effect.gen(function* () {
      const server = yield* startFault([{ kind: "bare" }])
      const messages = yield* service({ serverUrl: server.url })
      const error = yield* failure(once(messages.getHistory()))
      matches(error, { _tag: "ConnectionError", code: "FETCH_FAILED" })
      assert.match(error.message, /CORS/)
      assert.strictEqual(yield* server.requestCount, 1)
    })
  )

  it.scopedLive("146 a preflight that Mix refuses: the hint names the option", () =>
    Effect.gen(function* () {
      const server = yield* startMix({ seed: { messages: 3 } })
      const messages = yield* service({ serverUrl: server.url, headers: { "x-team": "blue" } })
      const error = yield* failure(once(messages.getHistory()))
      matches(error, { _tag: "ConnectionError", code: "FETCH_FAILED" })
      assert.match(error.message, /preflight \(option headers\): Mix admits only Authorization and X-Requested-With$/)
      const traced = yield* service({ serverUrl: server.url, tracePropagation: true })
      const span = yield* failure(once(traced.getHistory())).pipe(Effect.withSpan("page"))
      assert.match(span.message, /\(option tracePropagation\): Mix admits only Authorization and X-Requested-With$/)
      assert.deepStrictEqual(
        (yield* server.requests).map(({ method }) => method),
        ["OPTIONS", "OPTIONS"]
      )
    })
  )

  it.scopedLive("a header that Mix's preflight admits", () =>
    Effect.gen(function* () {
      const server = yield* startMix({ seed: { messages: 3 } })
      const messages = yield* service({ serverUrl: server.url, headers: { "X-Requested-With": "page" } })
      assert.isNotEmpty(yield* messages.getHistory())
      assert.deepStrictEqual(
        (yield* server.requests).map(({ method }) => method),
        ["OPTIONS", "GET"]
      )
      const down = yield* service({ serverUrl: yield* refusedUrl, headers: { "X-Requested-With": "page" } })
      assert.notMatch((yield* failure(once(down.getHistory()))).message, /preflight/)
    })
  )

  it.scopedLive("a connection that is reset before the reply", () =>
    Effect.gen(function* () {
      const server = yield* startFault([{ kind: "reset" }])
      const messages = yield* service({ serverUrl: server.url })
      matches(yield* failure(once(messages.getHistory())), { _tag: "ConnectionError", code: "FETCH_FAILED" })
    })
  )
})

// A page that shares its machine gets the head late: the limit leaves room for that, and the tests wait for it at once.
describe.concurrent("interruption reaches the server", () => {
  for (const [kind, when] of [
    ["stall", "before the head"],
    ["stallMidBody", "in the middle of the body"]
  ] as const) {
    it.scopedLive(when, () =>
      Effect.gen(function* () {
        const server = yield* startFault([{ kind }])
        const messages = yield* service({ serverUrl: server.url })
        const fiber = yield* Effect.fork(messages.getHistory())
        yield* server.awaitRequests(1)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
        yield* server.awaitClientClose
      })
    )

    it.scopedLive(`${when}, by the timeout of an attempt`, () =>
      Effect.gen(function* () {
        const server = yield* startFault([{ kind }])
        const messages = yield* service({ serverUrl: server.url, requestTimeout: "2 seconds" })
        const phase = kind === "stall" ? "headers" : "body"
        matches(yield* failure(once(messages.getHistory())), { _tag: "RequestTimeout", phase, scope: "attempt" })
        yield* server.awaitClientClose
      })
    )
  }
})

it.effect("a body that is read after the abort fails, though fetch heeds no signal and the body never ends", () =>
  Effect.gen(function* () {
    let cancelled = false
    const body = new ReadableStream({
      cancel() {
        cancelled = true
      }
    })
    const engine = yield* FetchEngine.make.pipe(
      Effect.provideService(FetchHttpClient.Fetch, () => Promise.resolve(new Response(body)))
    )
    const controller = new AbortController()
    const request = { method: "GET", url: "http://mix.test:1/", headers: {}, signal: controller.signal } as const
    const reply = yield* engine(request, { phase: "headers" })
    controller.abort()
    assert.strictEqual((yield* Effect.flip(reply.body(10)))._tag, "EngineError")
    assert.isTrue(cancelled)
  })
)

it.scopedLive("interruption of a send reaches the server too", () =>
  Effect.gen(function* () {
    const server = yield* startFault([{ kind: "preflight" }, { kind: "stall" }])
    const messages = yield* service({ serverUrl: server.url })
    const fiber = yield* Effect.fork(messages.send({ id: sessionId, text: "Hello" }))
    yield* server.awaitRequests(2)
    yield* Fiber.interrupt(fiber)
    assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
    yield* server.awaitClientClose
    assert.strictEqual(yield* server.requestCount, 2)
  })
)

describe("163 a server whose replies may be cached for an hour", () => {
  const cached = [
    { kind: "json", value: [], headers: { "Cache-Control": "max-age=3600", ETag: '"1"' } },
    { kind: "json", value: [{ id: "m1", sessionId: "s1", role: "user", userInput: "new" }] }
  ] as const

  const layers = {
    MixBrowser: (serverUrl: string) => MixBrowser.layer({ serverUrl }),
    MessagesHttp: (serverUrl: string) => Layer.provide(MessagesHttp.layer({ serverUrl }), FetchHttpClient.layer)
  }
  for (const [name, layer] of Object.entries(layers)) {
    it.scopedLive(`${name}: each poll reaches it, without a preflight`, () =>
      Effect.gen(function* () {
        const server = yield* startFault(cached)
        const messages = yield* MessagesService.pipe(Effect.provide(layer(server.url)), Effect.orDie)
        assert.lengthOf(yield* messages.getHistory(), 0)
        assert.lengthOf(yield* messages.getHistory(), 1)
        assert.deepStrictEqual(
          (yield* server.requests).map(({ headers, method }) => [method, headers["if-none-match"]]),
          [
            ["GET", undefined],
            ["GET", undefined]
          ]
        )
      })
    )

    it.scopedLive(`${name}: a RequestInit of the user's own wins, and the cache answers`, () =>
      Effect.gen(function* () {
        const server = yield* startFault(cached)
        const messages = yield* MessagesService.pipe(
          Effect.provide(layer(server.url)),
          Effect.provideService(FetchHttpClient.RequestInit, { cache: "default" }),
          Effect.orDie
        )
        assert.lengthOf(yield* messages.getHistory(), 0)
        assert.lengthOf(yield* messages.getHistory(), 0)
        assert.strictEqual(yield* server.requestCount, 1)
      })
    )
  }
})

it.scopedLive("accept-encoding is the browser's own: no preflight, and not to blame for what fails", () =>
  Effect.gen(function* () {
    const server = yield* startFault([{ kind: "json", value: [] }])
    const headers = { "accept-encoding": "identity" }
    const messages = yield* service({ serverUrl: server.url, headers })
    assert.deepStrictEqual(yield* messages.getHistory(), [])
    const [request] = yield* server.requests
    assert.strictEqual(request?.method, "GET")
    assert.match(request?.headers["accept-encoding"] ?? "", /gzip/)
    const down = yield* service({ serverUrl: yield* refusedUrl, headers })
    assert.notMatch((yield* failure(once(down.getHistory()))).message, /preflight/)
  })
)

describe("bodies", () => {
  it.scopedLive("a Response without streams, as in React Native, is read by its text, and bounded", () =>
    Effect.gen(function* () {
      const options = { serverUrl: "http://127.0.0.1:9", requestTimeout: "100 millis" } as const
      const messages = yield* service(options)
      const small = yield* service({ ...options, maxResponseBytes: 10 })
      const text = '[{"id":"m1","sessionId":"s1","role":"user","userInput":"\u00fc"}]'
      const headers = new Headers({ "content-type": "application/json" })
      const respond = (text: () => Promise<string>) => () => Promise.resolve({ status: 200, headers, text })
      yield* replaced(
        globalThis,
        "fetch",
        respond(() => Promise.resolve(text))
      )
      assert.strictEqual((yield* messages.getHistory())[0]?.userInput, "\u00fc")
      matches(yield* failure(once(small.getHistory())), { _tag: "ResponseDecodeError", reason: "tooLarge" })
      yield* replaced(
        globalThis,
        "fetch",
        respond(() => new Promise(() => {}))
      )
      matches(yield* failure(once(messages.getHistory())), { _tag: "RequestTimeout", phase: "body" })
      yield* replaced(
        globalThis,
        "fetch",
        respond(() => Promise.reject(new TypeError("lost")))
      )
      matches(yield* failure(once(messages.getHistory())), { _tag: "ResponseDecodeError", reason: "truncated" })
    })
  )

  it.scopedLive("one that breaks off is truncated, and read again", () =>
    Effect.gen(function* () {
      const server = yield* startFault([{ kind: "truncated" }, { kind: "truncated" }, { kind: "json", value: [] }])
      const messages = yield* service({ serverUrl: server.url })
      matches(yield* failure(once(messages.getHistory())), { _tag: "ResponseDecodeError", reason: "truncated" })
      assert.deepStrictEqual(yield* fast(messages.getHistory()), [])
    })
  )

  it.scopedLive("one of 5 MB is read, or refused where less is allowed", () =>
    Effect.gen(function* () {
      const server = yield* startFault([{ kind: "large", bytes: 5_000_000 }])
      const messages = yield* service({ serverUrl: server.url })
      const [message] = yield* messages.getHistory()
      assert.isAbove(message?.userInput.length ?? 0, 4_900_000)
      const small = yield* service({ serverUrl: server.url, maxResponseBytes: 4_999_999 })
      matches(yield* failure(small.getHistory()), { _tag: "ResponseDecodeError", reason: "tooLarge" })
    })
  )
})

describe("69 Retry-After", () => {
  for (const [what, headers, retryAfter] of [
    ["is hidden by CORS: the policy's delay holds", {}, undefined],
    ["is heeded where the server exposes it", { "Access-Control-Expose-Headers": "Retry-After" }, Duration.seconds(2)]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const busy = { kind: "status", status: 503, headers: { "Retry-After": "2", ...headers } } as const
        const server = yield* startFault([busy, busy, { kind: "json", value: [] }])
        const messages = yield* service({ serverUrl: server.url, ...(retryAfter && { deadline: "1 second" }) })
        matches(yield* failure(once(messages.getHistory())), { _tag: "ServerError", status: 503, retryAfter })
        // With a second in all, there is no waiting for two.
        const again = yield* Effect.exit(fast(messages.getHistory()))
        assert.strictEqual(again._tag, retryAfter === undefined ? "Success" : "Failure")
      })
    )
  }
})

describe("108 fetch that is replaced by something worse", () => {
  const response = () => Response.json([])
  const reader = () => {
    const taken = response()
    taken.body?.getReader()
    return taken
  }
  const fail = () => {
    throw new Error("no")
  }
  const rejecting = (value: unknown) => () => Promise.reject(value)
  const throwing = (value: unknown) => () => {
    throw value
  }
  const cases: Readonly<Record<string, readonly [fetch: () => unknown, code: string]>> = {
    "rejects with a string": [rejecting("no"), "UNKNOWN"],
    "rejects with null": [rejecting(null), "UNKNOWN"],
    "rejects with undefined": [rejecting(undefined), "UNKNOWN"],
    "throws a number": [throwing(42), "UNKNOWN"],
    "throws an object": [throwing({ message: "no" }), "UNKNOWN"],
    "gives nothing": [() => undefined, "NO_RESPONSE"],
    "gives null": [() => Promise.resolve(null), "NO_RESPONSE"],
    "gives what throws": [
      () => Promise.resolve(new Proxy({}, { get: (_, name) => name !== "then" && fail() })),
      "UNKNOWN"
    ],
    "gives what throws a TypeError: that is not from fetch": [
      () =>
        Promise.resolve(new Proxy({}, { get: (_, name) => name !== "then" && (undefined as never as () => void)() })),
      "UNKNOWN"
    ],
    "throws a TypeError": [throwing(new TypeError("no")), "UNKNOWN"],
    "gives an object": [() => Promise.resolve({ ok: true }), "NO_RESPONSE"],
    "gives a body that was read": [() => Promise.resolve(reader()), "NO_RESPONSE"],
    "gives status 0, as one over XMLHttpRequest does for a server that is down": [
      () => Promise.resolve({ status: 0, headers: new Headers(), body: null, bodyUsed: false }),
      "OPAQUE_RESPONSE"
    ],
    "gives Response.error()": [() => Promise.resolve(Response.error()), "OPAQUE_RESPONSE"],
    "says Load failed, as Safari does": [rejecting(new TypeError("Load failed")), "FETCH_FAILED"],
    "says NetworkError, as Firefox does": [rejecting(new TypeError("NetworkError when attempting")), "FETCH_FAILED"]
  }
  for (const [what, [fetch, code]] of Object.entries(cases)) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const messages = yield* service({ serverUrl: "http://127.0.0.1:9" })
        yield* replaced(globalThis, "fetch", fetch)
        matches(yield* failure(once(messages.getHistory())), { _tag: "ConnectionError", code })
      })
    )
  }

  it.scopedLive("comes with a reply after it was aborted: the reply is dropped", () =>
    Effect.gen(function* () {
      const messages = yield* service({ serverUrl: "http://127.0.0.1:9" })
      const asked = yield* Deferred.make<void>()
      const cancelled = yield* Deferred.make<void>()
      let answer: (response: Response) => void = () => {}
      yield* replaced(globalThis, "fetch", () => {
        Deferred.unsafeDone(asked, Effect.void)
        return new Promise<Response>((resolve) => {
          answer = resolve
        })
      })
      const fiber = yield* Effect.fork(messages.getHistory())
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      answer(new Response(new ReadableStream({ cancel: () => void Deferred.unsafeDone(cancelled, Effect.void) })))
      yield* Deferred.await(cancelled)
    })
  )

  it.scopedLive("is provided: it is used instead of the global one, with the RequestInit that is provided", () =>
    Effect.gen(function* () {
      const seen: Array<RequestInit | undefined> = []
      const messages = yield* MessagesService.pipe(
        Effect.provide(MixBrowser.layer({ serverUrl: "http://127.0.0.1:9" })),
        Effect.provideService(FetchHttpClient.RequestInit, { cache: "no-store", redirect: "follow" }),
        Effect.provideService(FetchHttpClient.Fetch, (_, init) => {
          seen.push(init)
          return Promise.resolve(response())
        }),
        Effect.orDie
      )
      assert.deepStrictEqual(yield* messages.getHistory(), [])
      matches(seen[0] ?? {}, { method: "GET", cache: "no-store", redirect: "manual" })
    })
  )
})

it.scopedLive("a RequestInit of mode no-cors never makes a success of a reply that is hidden", () =>
  Effect.gen(function* () {
    const server = yield* startFault([{ kind: "bare" }])
    const messages = yield* MessagesService.pipe(
      Effect.provide(MixBrowser.layer({ serverUrl: server.url })),
      Effect.provideService(FetchHttpClient.RequestInit, { mode: "no-cors" }),
      Effect.orDie
    )
    matches(yield* failure(once(messages.getHistory())), { _tag: "ConnectionError" })
  })
)

describe("configuration", () => {
  it.scopedLive("109 without fetch the layer is a ConfigError", () =>
    Effect.gen(function* () {
      yield* replaced(globalThis, "fetch", undefined)
      const error = yield* Effect.flip(Effect.provide(MessagesService, MixBrowser.layer()))
      assert.match(error.toString(), /this environment has no fetch/)
    })
  )

  it.scopedLive("19 a server url that is none is a ConfigError", () =>
    Effect.gen(function* () {
      for (const serverUrl of ["", "localhost:8088", "/api"]) {
        const error = yield* Effect.flip(Effect.provide(MessagesService, MixBrowser.layer({ serverUrl })))
        assert.match(error.toString(), /it looks like http:\/\/localhost:8088|must begin with/)
      }
    })
  )
})
