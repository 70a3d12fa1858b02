/** G and I: connections that fail in each of their phases, and what surrounds a call. */
import { MessagesService, SessionId } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { Dispatcher } from "undici"
import { MixNode } from "../src/index.ts"
import { breakingServer, type EngineName, engineNames, layerOf, type SocketError } from "./everyEngine.ts"
import {
  type Absent,
  type Call,
  type Expected,
  empty,
  expire,
  fails,
  getHistory,
  limits,
  type More,
  message,
  ok,
  play,
  type Row,
  row,
  send,
  sending,
  shortLimits,
  taken
} from "./faultRow.ts"

/** No request ever arrives. */
const unreached = (tag: string, attempts: number, fields: Record<string, unknown> = {}): Expected => ({
  tag,
  fields: { attempts, ...fields },
  requests: 0
})

const long: Call = {
  name: "send({ text: 5 MB })",
  run: (messages) => messages.send({ id: SessionId.make("s1"), text: "x".repeat(5 * 1024 * 1024) })
}

const lost = (requests: number): Expected => fails("ConnectionError", requests, { phase: "headers", transient: true })

const unknown: Expected = fails("ConnectionError", 1, { phase: "headers", outcome: "unknown", isRetryable: false })

/** The engine opens a second connection while it looks at the first, so the third call is on one that was kept. */
const thirdly = (name: string, run: Call["run"]): More => ({
  call: {
    name: `getHistory() twice, then ${name}`,
    run: (messages, text) => Effect.zipRight(Effect.repeatN(messages.getHistory(), 1), run(messages, text))
  }
})

const dead = FaultServer.answerThenCloseIdle(empty)

const named = (host: string) => Effect.map(FaultServer.refusedUrl, (url) => url.replace("127.0.0.1", host))

const tls = (kind: "selfSigned" | "expired" | "wrongHost", name: string): Row =>
  row(
    98,
    name,
    { script: () => empty, options: { tls: kind } },
    {
      ...unreached("ConnectionError", 1, { phase: "connect", isRetryable: false, transient: false }),
      says: /certificate is not trusted/
    }
  )

const noHttp = { ...lost(4), says: /does not speak HTTP/ }

const transport: ReadonlyArray<Row> = [
  row(
    95,
    "nothing listens",
    { url: FaultServer.refusedUrl },
    {
      ...unreached("ConnectionError", 4, { code: "ECONNREFUSED", phase: "connect" }),
      says: /127\.0\.0\.1:\d+ \(ECONNREFUSED\).*is the Mix backend running/
    }
  ),
  row(
    95,
    "nothing listens at localhost",
    { url: named("localhost") },
    {
      ...unreached("ConnectionError", 4, { code: "ECONNREFUSED", phase: "connect" })
    }
  ),
  row(
    95,
    "nothing listens for a send",
    { url: FaultServer.refusedUrl },
    {
      ...unreached("ConnectionError", 4, { code: "ECONNREFUSED", outcome: "notSent", isRetryable: true })
    },
    sending
  ),
  row(
    96,
    "no such host",
    { url: Effect.succeed("http://mix.invalid") },
    {
      tag: "ConnectionError",
      fields: { phase: "connect", address: "mix.invalid:80" },
      says: /ENOTFOUND|EAI_AGAIN/
    },
    { options: { requestTimeout: "8 seconds", deadline: "9 seconds" } }
  ),
  row(
    97,
    "a connection that never stands",
    { url: FaultServer.blackHoleUrl },
    {
      ...unreached("RequestTimeout", 4, { phase: "connect", scope: "attempt", limit: 300 })
    }
  ),
  row(
    97,
    "a connection that never stands, for a send",
    { url: FaultServer.blackHoleUrl },
    {
      ...unreached("RequestTimeout", 1, { phase: "connect", scope: "deadline", limit: 500, outcome: "notSent" })
    },
    sending
  ),
  tls("selfSigned", "a certificate that signs itself"),
  tls("expired", "a certificate that is expired"),
  tls("wrongHost", "a certificate for another host"),
  row(
    98,
    "TLS where none is spoken",
    {
      url: Effect.map(
        FaultServer.serve(FaultServer.atAccept(FaultServer.write("HTTP/1.1 400 Bad Request\r\n\r\n"), FaultServer.end)),
        ({ url }) => url.replace("http:", "https:")
      )
    },
    { ...unreached("ConnectionError", 1, { phase: "connect", isRetryable: false }), says: /speak https/ }
  ),
  row(99, "a connection that is closed at once, then a reply", [FaultServer.acceptThenClose, empty], { value: [] }),
  row(99, "a connection that is reset at once, then a reply", [FaultServer.acceptThenReset, empty], { value: [] }),
  row(99, "no byte of a reply, then a reply", [FaultServer.closeWithoutReply, empty], ok(2)),
  row(99, "no byte of a reply, for good", FaultServer.closeWithoutReply, lost(4)),
  row(99, "a reset instead of a reply, for good", FaultServer.resetWithoutReply, lost(4)),
  row(99, "no byte of a reply to a send", [FaultServer.closeWithoutReply, taken], unknown, sending),
  row(99, "a reset instead of a reply to a send", [FaultServer.resetWithoutReply, taken], unknown, sending),
  row(
    99,
    "kept connections that are dead",
    [dead, dead, empty],
    ok(3),
    thirdly("getHistory()", (messages) => messages.getHistory())
  ),
  row(
    99,
    "kept connections that are dead, for a send",
    [dead, dead, taken],
    { tag: "ConnectionError", fields: { attempts: 1, outcome: "unknown" }, requests: 2 },
    thirdly("send({})", (messages, text) => messages.send({ id: SessionId.make("s1"), text }))
  ),
  row(
    151,
    "a kept connection that is reset once the message arrived",
    [empty, empty, FaultServer.resetWithoutReply, taken],
    { tag: "ConnectionError", fields: { attempts: 1, outcome: "unknown" }, requests: 3 },
    thirdly("send({})", (messages, text) => messages.send({ id: SessionId.make("s1"), text }))
  ),
  row(
    100,
    "a reset during an upload",
    [FaultServer.resetDuringUpload, taken],
    {
      ...fails("ConnectionError", 1, { outcome: "unknown", isRetryable: false })
    },
    { call: long }
  ),
  row(101, "a reset after the head, then a reply", [FaultServer.resetAfterHeaders, empty], ok(2)),
  row(
    101,
    "a reset in the body, for good",
    FaultServer.resetMidBody(),
    fails("ResponseDecodeError", 4, { reason: "truncated" })
  ),
  row(
    101,
    "a reset in the body of a reply to a send",
    [FaultServer.resetMidBody(), taken],
    {
      ...fails("ResponseDecodeError", 1, { reason: "truncated", outcome: "unknown" })
    },
    sending
  ),
  row(101, "a reset after the last byte", FaultServer.reply(...empty.steps, FaultServer.reset), ok(1)),
  row(102, "bytes that are no HTTP", FaultServer.garbage, noHttp),
  row(102, "a head of 128 KiB", FaultServer.oversizedHeaders(), noHttp),
  row(102, "HTTP/0.9", FaultServer.raw("<html>hello</html>"), noHttp),
  row(102, "a header without a colon", FaultServer.raw("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"), noHttp),
  row([53, 102], "a status of 000", FaultServer.raw("HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\n[]"), lost(4)),
  row(
    103,
    "a head that drips",
    FaultServer.reply(FaultServer.drip({ data: "HTTP/1.1 200 OK\r\nX: y\r\n".repeat(9), every: "2 millis" })),
    {
      ...fails("RequestTimeout", 4, { phase: "headers", scope: "attempt", limit: 300 })
    }
  ),
  row(103, "no head", FaultServer.stallBeforeHead, fails("RequestTimeout", 4, { phase: "headers", scope: "attempt" })),
  row(
    103,
    "no head of a reply to a send",
    FaultServer.stallBeforeHead,
    {
      ...fails("RequestTimeout", 1, { phase: "headers", scope: "deadline", limit: 500, outcome: "unknown" })
    },
    sending
  ),
  row(
    103,
    "a refusal while the upload is under way",
    FaultServer.duringUpload(...FaultServer.status(413).steps),
    {
      ...fails("UnexpectedStatus", 1, { status: 413, outcome: "refused" })
    },
    { call: long }
  ),
  row(
    103,
    "a refusal while the upload is under way, and the end of the connection",
    FaultServer.duringUpload(...FaultServer.status(413, [["Connection", "close"]]).steps, FaultServer.end),
    { tag: "UnexpectedStatus", fields: { status: 413 }, requests: 1 },
    { call: long }
  ),
  row(103, "a reply while the upload is under way", FaultServer.duringUpload(...taken.steps), ok(1, message), {
    call: long
  }),
  row(
    105,
    "a body that stalls",
    FaultServer.stallMidBody(),
    fails("RequestTimeout", 4, { phase: "body", scope: "attempt" })
  ),
  row(
    105,
    "a body that stalls, and a short deadline",
    FaultServer.stallMidBody(),
    {
      ...fails("RequestTimeout", 3, { phase: "body", scope: "deadline", limit: 750 })
    },
    { options: { deadline: 750 } }
  ),
  row(
    105,
    "a body that stalls, of a reply to a send",
    FaultServer.stallMidBody(),
    {
      ...fails("RequestTimeout", 1, { phase: "body", scope: "deadline", outcome: "unknown" })
    },
    sending
  )
]

/** The service at a server, for as long as a scope of its own. */
const at = (url: string) => MixNode.layer({ ...limits, serverUrl: url })

let posts = 0
const refusedThenUp = Effect.gen(function* () {
  const url = yield* FaultServer.refusedUrl
  const scope = yield* Effect.scope
  let server: FaultServer.Running | undefined
  const start = Effect.gen(function* () {
    if (server === undefined)
      server = yield* Effect.orDie(Scope.extend(FaultServer.serve(taken, { port: Number(new URL(url).port) }), scope))
  })
  const reply = yield* Effect.flatMap(MessagesService, (messages) =>
    messages
      .send({ id: SessionId.make("s1"), text: "Hello" })
      .pipe(RetryPolicy.withRetryPolicy(Schedule.tapInput(Schedule.recurs(3), () => start)))
  ).pipe(Effect.provide(at(url)))
  posts = server === undefined ? 0 : yield* server.requestCount
  return reply
})

let refusals = 0
const proxyRefuses = (code: number, serverUrl: string) =>
  Effect.gen(function* () {
    refusals = 0
    const proxy = yield* FaultServer.serve(FaultServer.status(code, [["Proxy-Authenticate", "Basic"]]))
    const call = Effect.flatMap(MessagesService, (messages) => messages.getHistory())
    const env = ConfigProvider.fromMap(new Map(Object.entries({ HTTP_PROXY: new URL(proxy.url).host })))
    return yield* call.pipe(
      Effect.provide(at(serverUrl)),
      Effect.withConfigProvider(env),
      Effect.ensuring(
        Effect.map(proxy.requestCount, (count) => {
          refusals = count
        })
      )
    )
  })

/** Closes the scope of the service while a call is under way. */
const released = Effect.gen(function* () {
  const server = yield* FaultServer.serve(FaultServer.stallBeforeHead)
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(at(server.url), scope)
  const call = Effect.provide(
    Effect.flatMap(MessagesService, (messages) => messages.getHistory()),
    context
  )
  const fiber = yield* Effect.fork(call)
  yield* server.awaitRequests(1)
  yield* Scope.close(scope, Exit.void)
  return yield* Fiber.join(fiber)
})

/** A message that arrived before its connection ended, over an engine. */
const arrivedOver = (engine: EngineName, error: SocketError): Row => {
  let posts = 0
  const program = Effect.gen(function* () {
    const server = yield* breakingServer("request", error)
    return yield* Effect.flatMap(MessagesService, (messages) =>
      messages.send({ id: SessionId.make("s1"), text: "Hello" })
    ).pipe(
      Effect.provide(layerOf(engine, { ...limits, serverUrl: server.url })),
      Effect.ensuring(
        Effect.sync(() => {
          posts = server.posts()
        })
      )
    )
  })
  const answer = { ...fails("ConnectionError", 1, { code: error.code, outcome: "unknown", isRetryable: false }) }
  const name = `${engine}: a message arrives, then its connection ends with ${error.code} (${error.syscall ?? "TLS"})`
  return play(151, name, "send({})", answer, program, () => posts)
}

/** A call that nobody can interrupt, over an engine. */
const uninterruptible = (
  engine: EngineName,
  name: string,
  reply: FaultServer.Reply,
  { around, call, expected }: { readonly around: NonNullable<More["around"]>; call: Call; expected: Expected }
): Row => {
  let count = 0
  const program = Effect.gen(function* () {
    const server = yield* FaultServer.serve(reply)
    return yield* around(Effect.flatMap(MessagesService, (messages) => call.run(messages, "Hello"))).pipe(
      Effect.provide(layerOf(engine, { ...shortLimits, serverUrl: server.url })),
      (program) => expire(program, server, reply, expected),
      Effect.ensuring(
        Effect.map(server.requestCount, (requests) => {
          count = requests
        })
      )
    )
  })
  return play(160, `${engine}: ${name}`, call.name, expected, program, () => count)
}

/** Runs an effect as a finalizer, and gives what came of it. */
const finalizing: NonNullable<More["around"]> = (effect) =>
  Effect.flatMap(Deferred.make<Effect.Effect.Success<typeof effect>, Effect.Effect.Error<typeof effect>>(), (ended) =>
    Effect.zipRight(
      Effect.scoped(Effect.acquireRelease(Effect.void, () => Effect.intoDeferred(effect, ended))),
      Deferred.await(ended)
    )
  )

const everyEngine: ReadonlyArray<Row> = engineNames.flatMap((engine) => [
  arrivedOver(engine, { code: "EHOSTUNREACH", syscall: "read" }),
  arrivedOver(engine, { code: "ECONNREFUSED", syscall: "read" }),
  arrivedOver(engine, { code: "EPROTO", syscall: "write" }),
  arrivedOver(engine, { code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" }),
  uninterruptible(engine, "no head, in an uninterruptible region", FaultServer.stallBeforeHead, {
    around: Effect.uninterruptible,
    call: getHistory(),
    expected: fails("RequestTimeout", 4, { scope: "attempt", limit: 300 })
  }),
  uninterruptible(engine, "no head of a reply to a send, in a finalizer", FaultServer.stallBeforeHead, {
    around: finalizing,
    call: send(),
    expected: fails("RequestTimeout", 1, { scope: "deadline", limit: 500, outcome: "unknown" })
  }),
  uninterruptible(engine, "a body that stalls, in a finalizer", FaultServer.stallMidBody(), {
    around: finalizing,
    call: getHistory(),
    expected: fails("RequestTimeout", 4, { phase: "body", scope: "attempt" })
  }),
  uninterruptible(
    engine,
    "429 of a send with a body that never ends, in a finalizer",
    FaultServer.reply(
      FaultServer.head({
        status: 429,
        headers: [
          ["Retry-After", "3600"],
          ["Content-Length", "1000"]
        ]
      }),
      FaultServer.write("{"),
      FaultServer.stall
    ),
    {
      around: finalizing,
      call: send(),
      expected: fails("RateLimited", 1, { outcome: "refused", retryAfter: 3_600_000 })
    }
  )
])

const environments: ReadonlyArray<Row> = [
  play(
    [95, 99],
    "nothing listens, then the server is up",
    "send({})",
    { value: message, requests: 1 },
    refusedThenUp,
    () => posts
  ),
  ...[403, 407, 502, 503].map((code) =>
    play(
      [107, 166],
      `a proxy that answers ${code} instead of opening a tunnel`,
      "getHistory()",
      {
        tag: "ConnectionError",
        fields: { attempts: 1, isRetryable: false, code: "UND_ERR_PRX_RESPONSE" },
        says: new RegExp(`the proxy .* \\(HTTP_PROXY\\) answered ${code}`),
        requests: 1
      },
      proxyRefuses(code, "https://mix.invalid"),
      () => refusals
    )
  ),
  play(
    [107, 166],
    "a proxy that wants credentials for what it forwards",
    "getHistory()",
    {
      tag: "ConnectionError",
      fields: { attempts: 1, isRetryable: false, code: "UND_ERR_PRX_RESPONSE" },
      says: /the proxy .* \(HTTP_PROXY\) answered 407/,
      requests: 1
    },
    proxyRefuses(407, "http://mix.invalid"),
    () => refusals
  ),
  ...(
    [
      [403, "UnexpectedStatus", 1],
      [502, "ServerError", 4],
      [503, "ServerError", 4]
    ] as const
  ).map(([status, tag, requests]) =>
    play(
      166,
      `a proxy that answers ${status} for what it forwards`,
      "getHistory()",
      {
        tag,
        fields: { status, attempts: requests },
        says: /it may be the answer of the proxy .* \(HTTP_PROXY\)/,
        requests
      },
      proxyRefuses(status, "http://mix.invalid"),
      () => refusals
    )
  ),
  row(
    166,
    "a proxy that is down",
    { url: Effect.succeed("http://mix.invalid") },
    {
      ...unreached("ConnectionError", 4, { code: "ECONNREFUSED", phase: "connect" }),
      says: /the proxy 127\.0\.0\.1:9 \(HTTP_PROXY\) cannot be reached/
    },
    { env: { HTTP_PROXY: "127.0.0.1:9" } }
  ),
  row(166, "a proxy, and a server on this machine", empty, ok(1), { env: { HTTP_PROXY: "127.0.0.1:9" } }),
  ...["<-loopback>,127.0.0.1", "<-loopback>;127.0.0.0/8", "<-loopback> * x"].map((NO_PROXY) =>
    row(166, `NO_PROXY=${NO_PROXY}`, empty, ok(1), { env: { HTTP_PROXY: "127.0.0.1:9", NO_PROXY } })
  ),
  row(166, "a proxy variable that is broken and does not matter", empty, ok(1), {
    env: { HTTPS_PROXY: "nonsense", HTTP_PROXY: "socks5://x:1", NO_PROXY: "127.0.0.1" }
  }),
  ...(
    [
      ["socks5://127.0.0.1:1080", /SOCKS proxies are not supported/],
      ["nonsense", /not the url of a proxy/],
      ["http://user:50%off@proxy:1", /written as %25/]
    ] as const
  ).map(([HTTP_PROXY, says]) =>
    row(
      166,
      `HTTP_PROXY=${HTTP_PROXY}`,
      { url: Effect.succeed("http://mix.invalid") },
      { tag: "ConfigError", says, requests: 0 },
      { env: { HTTP_PROXY } }
    )
  ),
  row(
    165,
    "a dispatcher that is none",
    empty,
    { tag: "ConfigError", says: /must be a dispatcher of undici 7/, requests: 0 },
    { options: { dispatcher: {} as unknown as Dispatcher } } // as from JavaScript
  ),
  row(
    134,
    "interrupted before it starts",
    empty,
    { interrupted: true, requests: 0 },
    {
      around: (effect) => Effect.zipRight(Effect.interrupt, effect)
    }
  ),
  play(
    138,
    "the layer's scope is closed during a call",
    "getHistory()",
    {
      tag: "ConnectionError",
      fields: { attempts: 1, isRetryable: false }
    },
    released
  ),
  row(145, "another fetch", empty, ok(1), {
    around: (effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const { fetch } = globalThis
          globalThis.fetch = () => Promise.reject(new Error("patched"))
          return fetch
        }),
        () => effect,
        (fetch) =>
          Effect.sync(() => {
            globalThis.fetch = fetch
          })
      )
  })
]

export const transportRows: ReadonlyArray<Row> = [...transport, ...everyEngine, ...environments]

const elsewhere = (cases: number, name: string, reason: string): Absent => ({ cases: [cases], name, reason })

export const transportAbsent: ReadonlyArray<Absent> = [
  elsewhere(
    104,
    "the engine's own limits",
    "off in this client; another engine's are told as such, tested in @mix-effect/http"
  ),
  elsewhere(106, "offline and online again", "browsers only"),
  elsewhere(
    108,
    "a fetch that throws anything",
    "this client does not use fetch; what an engine throws is tested in @mix-effect/http"
  ),
  elsewhere(109, "no fetch", "browsers only"),
  elsewhere(110, "a laptop that slept", "the deadline goes by the monotonic clock; tested in @mix-effect/http"),
  elsewhere(111, "EMFILE", "a ConnectionError after the usual delays; tested in @mix-effect/http"),
  elsewhere(
    135,
    "interruption and reply at once",
    "one outcome, and no connection is left; tested in interruption.test.ts"
  ),
  elsewhere(136, "interruption is no error", "tested in interruption.test.ts"),
  elsewhere(137, "10,000 calls", "no warning; tested in sockets.test.ts"),
  elsewhere(139, "interruption during a delay", "tested in interruption.test.ts"),
  elsewhere(140, "the wall clock jumps", "no deadline and no delay moves; tested in @mix-effect/http"),
  elsewhere(141, "chance is 0, or almost 1", "delays stay in their range; tested in @mix-effect/http"),
  elsewhere(142, "two copies of the SDK", "tested in process.test.ts"),
  elsewhere(143, "errors of another realm", "only properties are looked at; tested in @mix-effect/http"),
  elsewhere(144, "frozen globals, no process, a worker", "imports work; tested in process.test.ts"),
  elsewhere(146, "a preflight that is refused", "browsers only"),
  elsewhere(147, "http from a page of https", "browsers only"),
  elsewhere(148, "a tracer or a logger that throws", "the call is unaffected; tested in @mix-effect/http"),
  elsewhere(162, "the async context after a call", "the caller's own; tested in asyncContext.test.ts"),
  elsewhere(
    163,
    "a cache",
    "this client has none; over fetch reads carry no-store: tested in @mix-effect/browser and http"
  ),
  elsewhere(
    165,
    "Bun, whose undici cannot dispatch",
    "a ConfigError when the layer is built; tested in process.test.ts"
  ),
  elsewhere(165, "an environment that cannot be read", "a ConfigError; tested in process.test.ts"),
  elsewhere(150, "the retry budget is empty", "the last error with budgetExhausted; tested in @mix-effect/http")
]
