/** What goes out: urls, headers and bodies, and nothing that nobody asked for. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type SendMessageRequest, type Service, SessionId } from "@mix-effect/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { MessagesHttp, type MixConfig } from "../src/index.ts"
import { environment, failure, get, json, row, type Script, scripted, sessionId, withService } from "./scripted.ts"

const list: Script = json([])
const reply: Script = json(row)

/** The one request that a call makes. */
const requestOf = <E>(
  call: (messages: Service) => Effect.Effect<unknown, E>,
  options?: MixConfig.Options,
  script: Script = list
) =>
  Effect.gen(function* () {
    const server = scripted(script)
    yield* withService(server, call, options)
    assert.strictEqual(server.requests.length, 1)
    return server.requests[0] as (typeof server.requests)[0]
  })

describe("urls", () => {
  it.effect("history: only the parameters that were given", () =>
    Effect.gen(function* () {
      for (const [options, query] of [
        [undefined, ""],
        [{}, ""],
        [{ limit: undefined, offset: undefined }, ""],
        [{ limit: 10 }, "?limit=10"],
        [{ offset: 0 }, "?offset=0"],
        [{ offset: -0 }, "?offset=0"],
        [{ limit: 1000, offset: Number.MAX_SAFE_INTEGER }, "?limit=1000&offset=9007199254740991"]
      ] as const) {
        const request = yield* requestOf((messages) => messages.getHistory(options))
        assert.strictEqual(request.url, `http://localhost:8088/api/messages/history${query}`)
        assert.strictEqual(request.method, "GET")
        assert.isUndefined(request.body)
      }
    })
  )

  it.effect("a session's messages: the id is one segment, escaped and not normalised", () =>
    Effect.gen(function* () {
      for (const [id, segment] of [
        ["7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11", "7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11"],
        ["a/b", "a%2Fb"],
        ["a\\b", "a%5Cb"],
        ["a?b#c", "a%3Fb%23c"],
        ["%2e%2e", "%252e%252e"],
        ["...", "..."],
        [" a b ", "%20a%20b%20"],
        ["caf\u00e9", "caf%C3%A9"],
        ["cafe\u0301", "cafe%CC%81"],
        ["\u{1f600}", "%F0%9F%98%80"],
        ["__proto__", "__proto__"],
        ["constructor", "constructor"],
        ["a&b=c+d@e:f,g$h!i'j(k)l*m~n", "a%26b%3Dc%2Bd%40e%3Af%2Cg%24h!i'j(k)l*m~n"]
      ] as const) {
        const request = yield* requestOf((messages) => messages.listSession({ id: SessionId.make(id) }))
        assert.strictEqual(request.url, `http://localhost:8088/api/sessions/${segment}/messages`)
        assert.strictEqual(decodeURIComponent(segment), id)
        const sent = yield* requestOf(
          (messages) => messages.send({ id: SessionId.make(id), text: "Hello" }),
          undefined,
          reply
        )
        assert.strictEqual(sent.url, request.url)
        assert.strictEqual(sent.method, "POST")
      }
    })
  )

  it.effect("a prefix stands before the path, with one slash", () =>
    Effect.gen(function* () {
      for (const serverUrl of [
        "https://h.example:444/mix",
        "https://h.example:444/mix/",
        "https://h.example:444//mix//"
      ]) {
        const request = yield* requestOf((messages) => messages.getHistory({ limit: 5 }), { serverUrl })
        assert.strictEqual(request.url, "https://h.example:444/mix/api/messages/history?limit=5")
        const listed = yield* requestOf((messages) => messages.listSession({ id: sessionId }), { serverUrl })
        assert.strictEqual(listed.url, "https://h.example:444/mix/api/sessions/s1/messages")
      }
    })
  )
})

describe("headers", () => {
  it.effect("a read: accept, and nothing that would need a preflight", () =>
    Effect.gen(function* () {
      const request = yield* requestOf((messages) => messages.getHistory())
      assert.deepStrictEqual(request.headers, { accept: "application/json" })
    })
  )

  it.effect("a send: accept and content-type", () =>
    Effect.gen(function* () {
      const request = yield* requestOf((messages) => messages.send({ id: sessionId, text: "é" }), undefined, reply)
      const { "content-length": length, ...headers } = request.headers
      assert.deepStrictEqual(headers, { accept: "application/json", "content-type": "application/json" })
      if (length !== undefined) assert.strictEqual(Number(length), new TextEncoder().encode(request.body).length)
    })
  )

  it.effect("the caller's, each once", () =>
    Effect.gen(function* () {
      const request = yield* requestOf((messages) => messages.getHistory(), {
        bearerToken: Redacted.make("tok"),
        headers: { "X-Team": "blue", "x-team": Redacted.make("red"), Accept: "application/json;q=1" }
      })
      assert.deepStrictEqual(request.headers, {
        accept: "application/json;q=1",
        authorization: "Bearer tok",
        "x-team": "red"
      })
    })
  )

  it.effect("traceparent and b3 only with tracePropagation", () =>
    Effect.gen(function* () {
      const traced = yield* requestOf((messages) => Effect.withSpan(messages.getHistory(), "mine"), {
        tracePropagation: true
      })
      assert.match(traced.headers.traceparent ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      assert.isDefined(traced.headers.b3)
      const plain = yield* requestOf((messages) => Effect.withSpan(messages.getHistory(), "mine"))
      assert.deepStrictEqual(Object.keys(plain.headers), ["accept"])
    })
  )

  it.effect("a service that left its layer still sends its headers, and none of a trace", () =>
    Effect.gen(function* () {
      const server = scripted(list)
      const options = { bearerToken: Redacted.make("tok"), headers: { "x-a": "1" } }
      const messages = yield* Effect.provide(
        MessagesService,
        MessagesHttp.layer(options).pipe(Layer.provide(server.layer), Layer.provide(environment()))
      )
      yield* Effect.withSpan(messages.getHistory(), "elsewhere")
      yield* Effect.promise(() => Effect.runPromise(Effect.asVoid(messages.getHistory())))
      assert.strictEqual(server.requests.length, 2)
      for (const { headers } of server.requests) {
        assert.deepStrictEqual(headers, { accept: "application/json", authorization: "Bearer tok", "x-a": "1" })
      }
    })
  )
})

describe("bodies", () => {
  it.effect("only the keys that were set, spelled as the wire spells them", () =>
    Effect.gen(function* () {
      for (const [more, body] of [
        [{}, { text: "Hello" }],
        [{ media: undefined, apps: undefined, planMode: undefined }, { text: "Hello" }],
        [{ planMode: true }, { text: "Hello", plan_mode: true }],
        [{ planMode: false }, { text: "Hello", plan_mode: false }],
        [{ thinkingLevel: "maximum" }, { text: "Hello", thinking_level: "maximum" }],
        [{ maxSteps: 3 }, { text: "Hello", max_steps: 3 }],
        [{ media: [] }, { text: "Hello", media: [] }],
        [
          { media: ["a.png"], apps: ["x"], planMode: true },
          { text: "Hello", media: ["a.png"], apps: ["x"], plan_mode: true }
        ]
      ] as const) {
        const request = yield* requestOf(
          (messages) => messages.send({ id: sessionId, text: "Hello", ...more } as SendMessageRequest),
          undefined,
          reply
        )
        assert.deepStrictEqual(JSON.parse(request.body ?? ""), body)
      }
    })
  )

  it.effect("texts arrive as they are", () =>
    Effect.gen(function* () {
      for (const text of [" ", "\n\t ", "/etc/hosts", '"quoted" \\ \u2028', "\u0000\u0007", "\u{1f600} café", "<&>"]) {
        const request = yield* requestOf((messages) => messages.send({ id: sessionId, text }), undefined, reply)
        assert.strictEqual(JSON.parse(request.body ?? "").text, text)
      }
    })
  )

  it.effect("18 a text of 50 MB", () =>
    Effect.gen(function* () {
      const text = "x".repeat(50 * 1024 * 1024)
      const request = yield* requestOf((messages) => messages.send({ id: sessionId, text }), undefined, reply)
      assert.strictEqual(request.body?.length, text.length + '{"text":""}'.length)
    })
  )
})

describe("13 redirects", () => {
  const codes = [301, 302, 303, 307, 308]

  it.effect("with any client: UnexpectedStatus, one request", () =>
    Effect.gen(function* () {
      for (const code of codes) {
        const server = scripted({ status: code, headers: { location: "http://other.example/" } })
        const error = yield* failure(get(server))
        assert.strictEqual(error._tag, "UnexpectedStatus")
        assert.match(error.message, /redirect, which is never followed/)
        assert.strictEqual(server.requests.length, 1)
      }
    })
  )

  it.effect("fetch is told not to follow them, whatever the application says of fetch", () =>
    Effect.gen(function* () {
      const seen: Array<RequestInit | undefined> = []
      const fetch: typeof globalThis.fetch = (_, init) => {
        seen.push(init)
        return Promise.resolve(new Response("[]", { headers: { "content-type": "application/json" } }))
      }
      const layer = MessagesHttp.layer().pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "follow", cache: "no-store" })),
        Layer.provide(environment())
      )
      const inherited = Context.make(FetchHttpClient.RequestInit, { redirect: "follow" as const })
      yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(
        Effect.provide(layer),
        Effect.provide(inherited),
        Effect.provideService(FetchHttpClient.Fetch, fetch)
      )
      assert.strictEqual(seen.length, 1)
      assert.strictEqual(seen[0]?.redirect, "manual")
      assert.strictEqual(seen[0]?.cache, "no-store")
    })
  )
})
