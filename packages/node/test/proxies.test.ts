/** Proxies from the usual variables, read by `Config`. */
import * as DiagnosticsChannel from "node:diagnostics_channel"
import * as Http from "node:http"
import * as Net from "node:net"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type Service, SessionId, SessionsService } from "@mix-effect/core"
import { type MixConfig, RetryPolicy } from "@mix-effect/http"
import { FaultServer, MixAgent, MixServer } from "@mix-effect/testing"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { draws } from "../../core/test/draws.ts"
import { MixNode } from "../src/index.ts"

interface Proxy {
  readonly url: string
  readonly seen: Array<string>
  readonly connections: () => number
  readonly awaitNoneOpen: Effect.Effect<void>
  readonly close: () => void
}

/** A proxy that forwards requests and opens tunnels, and writes down for what. Every host name leads to 127.0.0.1. */
const serveProxy = Effect.acquireRelease(
  Effect.async<Proxy>((resume) => {
    const seen: Array<string> = []
    const sockets = new Set<Net.Socket>()
    let connections = 0
    const proxy = Http.createServer((request, response) => {
      const target = new URL(request.url ?? "")
      seen.push(`${request.method} ${target.href} ${request.headers["proxy-authorization"] ?? ""}`.trim())
      const { "proxy-authorization": _, ...headers } = request.headers
      const path = target.pathname + target.search
      request.pipe(
        Http.request(
          { agent: false, host: "127.0.0.1", port: target.port, path, method: request.method, headers },
          (reply) => {
            response.writeHead(reply.statusCode ?? 502, reply.headers)
            reply.pipe(response)
          }
        )
      )
    })
    proxy.on("connect", (request, client: Net.Socket) => {
      seen.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim())
      const tunnel = Net.connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n")
        tunnel.pipe(client).pipe(tunnel)
      })
      tunnel.on("error", () => client.destroy())
      client.on("error", () => tunnel.destroy())
    })
    proxy.on("connection", (socket) => {
      connections++
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    proxy.listen(0, "127.0.0.1", () => {
      const close = () => {
        proxy.close()
        for (const socket of sockets) socket.destroy()
      }
      const awaitNoneOpen = Effect.forEach(sockets, (socket) =>
        Effect.async<void>((resume) => {
          if (socket.closed) resume(Effect.void)
          else socket.once("close", () => resume(Effect.void))
        })
      )
      const { port } = proxy.address() as Net.AddressInfo
      resume(
        Effect.succeed({ url: `http://127.0.0.1:${port}`, seen, connections: () => connections, awaitNoneOpen, close })
      )
    })
  }),
  ({ close }) => Effect.sync(close)
)

const withClient = <A, E, R>(
  variables: Readonly<Record<string, string>>,
  options: MixConfig.Options,
  use: (messages: Service) => Effect.Effect<A, E, R>
) =>
  Effect.flatMap(MessagesService, use).pipe(
    Effect.provide(MixNode.layer({ requestTimeout: "5 seconds", ...options })),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
  )

const get = (messages: Service) => messages.getHistory({ limit: 3 })

/** For a test with a certificate that signs itself. Node.js prints a warning about it. */
const trustAll = Effect.acquireRelease(
  Effect.sync(() => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"
  }),
  () =>
    Effect.sync(() => {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    })
)

/** A backend under a name that only the proxy can resolve. */
const hidden = Effect.map(FaultServer.serve(FaultServer.json([])), (server) => ({
  ...server,
  url: `http://mix.invalid:${server.port}`
}))

describe("a proxy is used", () => {
  for (const name of ["HTTP_PROXY", "http_proxy"]) {
    it.scopedLive(`from ${name}`, () =>
      Effect.gen(function* () {
        const proxy = yield* serveProxy
        const server = yield* hidden
        const calls = (messages: Service) => Effect.zipRight(get(messages), get(messages))
        assert.deepStrictEqual(yield* withClient({ [name]: ` ${proxy.url} ` }, { serverUrl: server.url }, calls), [])
        assert.strictEqual(yield* server.requestCount, 2)
        const absolute = `GET ${server.url}/api/messages/history?limit=3`
        assert.deepStrictEqual(proxy.seen, [absolute, absolute], "plain http is forwarded, not tunnelled")
        const [request] = yield* server.requests
        assert.strictEqual(request?.line, "GET /api/messages/history?limit=3 HTTP/1.1")
        assert.strictEqual(request?.headers.get("host"), `mix.invalid:${server.port}`)
      })
    )
  }

  it.scopedLive("for the stream of events, which comes through as it is written", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const seen = yield* Deferred.make<void>()
      // The run goes on once its first word has come through.
      const server = yield* MixServer.serve({
        generation: "2025-11-06",
        agent: () => [MixAgent.say("One"), MixAgent.perform(Deferred.await(seen)), MixAgent.say(" two.")]
      })
      const id = SessionId.make(yield* server.createSession())
      const last = yield* Stream.unwrap(
        Effect.map(SessionsService, (sessions) => sessions.askStream({ id, text: "Count" }))
      ).pipe(
        Stream.tap(({ _tag }) => (_tag === "Text" ? Deferred.succeed(seen, undefined) : Effect.void)),
        Stream.runLast,
        Effect.provide(MixNode.layer({ serverUrl: `http://mix.invalid:${new URL(server.url).port}` })),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries({ HTTP_PROXY: proxy.url }))))
      )
      assert.deepInclude(Option.getOrUndefined(last), { _tag: "Answered" })
      assert.isTrue(proxy.seen.some((target) => target.includes("/stream?sessionId=")))
    })
  )

  it.scopedLive("the lower-case variable wins", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const server = yield* hidden
      const variables = { http_proxy: proxy.url, HTTP_PROXY: "http://127.0.0.1:1" }
      yield* withClient(variables, { serverUrl: server.url }, get)
      assert.isAbove(proxy.seen.length, 0)
    })
  )

  it.scopedLive("from a variable without a scheme, for this machine where NO_PROXY says <-loopback>", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const server = yield* FaultServer.serve(FaultServer.json([]))
      const variables = { HTTP_PROXY: new URL(proxy.url).host, NO_PROXY: "example.com;<-loopback>" }
      assert.deepStrictEqual(yield* withClient(variables, { serverUrl: server.url }, get), [])
      assert.deepStrictEqual(proxy.seen, [`GET ${server.url}/api/messages/history?limit=3`])
    })
  )

  it.scopedLive("166 a token that goes to it in clear is warned of once, also where the server is this machine", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const server = yield* FaultServer.serve(FaultServer.json([]))
      const inside = yield* hidden
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => {
        lines.push(String(message))
      })
      const warnings = (serverUrl: string, variables: Readonly<Record<string, string>>) =>
        Effect.gen(function* () {
          lines.length = 0
          const bearerToken = Redacted.make("canary-91d0")
          yield* withClient(variables, { serverUrl, bearerToken }, (messages) => Effect.repeatN(get(messages), 2))
          assert.notInclude(lines.join(), "canary")
          return lines.length
        }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      const variables = { HTTP_PROXY: proxy.url }
      assert.strictEqual(yield* warnings(server.url, variables), 0)
      assert.strictEqual(yield* warnings(server.url, { ...variables, NO_PROXY: "<-loopback>" }), 1)
      assert.include(lines[0], new URL(proxy.url).host)
      assert.strictEqual(yield* warnings(inside.url, variables), 1)
    })
  )

  it.scopedLive("of https: it forwards too", () =>
    Effect.gen(function* () {
      yield* trustAll
      const proxy = yield* FaultServer.serve(FaultServer.json([]), { tls: "selfSigned" })
      const HTTP_PROXY = proxy.url.replace("https://", "https://canary:p%40ss@")
      assert.deepStrictEqual(yield* withClient({ HTTP_PROXY }, { serverUrl: "http://mix.invalid:81" }, get), [])
      const [request] = yield* proxy.requests
      assert.strictEqual(request?.target, "http://mix.invalid:81/api/messages/history?limit=3")
      assert.strictEqual(request?.headers.get("host"), "mix.invalid:81")
      const basic = `Basic ${Buffer.from("canary:p@ss").toString("base64")}`
      assert.strictEqual(request?.headers.get("proxy-authorization"), basic)
    })
  )

  for (const scheme of ["http", "https"] as const) {
    it.scopedLive(`with credentials of its own, which neither the backend nor an error has: ${scheme}`, () =>
      Effect.gen(function* () {
        const proxy = yield* serveProxy
        const server = yield* FaultServer.serve(
          [FaultServer.json([]), FaultServer.status(500)],
          scheme === "https" ? { tls: "selfSigned" } : {}
        )
        const basic = `Basic ${Buffer.from("canary:p@ss-4f").toString("base64")}`
        const HTTP_PROXY = proxy.url.replace("http://", "http://canary:p%40ss-4f@")
        const serverUrl = `${scheme}://mix.invalid:${server.port}`
        const call = (messages: Service) =>
          Effect.zipRight(get(messages), messages.send({ id: SessionId.make("s1"), text: "Hello" }))
        const error = yield* Effect.flip(withClient({ HTTP_PROXY }, { serverUrl }, call))
        assert.strictEqual(error._tag, scheme === "http" ? "ServerError" : "ConnectionError")
        assert.deepStrictEqual(
          proxy.seen,
          scheme === "http"
            ? [
                `GET ${serverUrl}/api/messages/history?limit=3 ${basic}`,
                `POST ${serverUrl}/api/sessions/s1/messages ${basic}`
              ]
            : [`CONNECT mix.invalid:${server.port} ${basic}`]
        )
        const requests = yield* server.requests
        assert.lengthOf(requests, scheme === "http" ? 2 : 0)
        const shown = [inspect(error, { depth: null, showHidden: true }), String(error), JSON.stringify(error)]
        for (const text of [...shown, ...requests.map((request) => inspect([...request.headers]))]) {
          assert.notMatch(text, /proxy-authorization|canary|p@ss|p%40ss|Y2FuYXJ5/i)
        }
      })
    )
  }

  it.scopedLive("https through a tunnel: the certificate is the backend's", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const server = yield* FaultServer.serve(FaultServer.json([]), { tls: "selfSigned" })
      const failed = yield* Effect.flip(
        withClient({ HTTPS_PROXY: proxy.url }, { serverUrl: `https://mix.invalid:${server.port}` }, get)
      )
      assert.strictEqual(failed._tag, "ConnectionError")
      assert.include(failed.message, "certificate")
      assert.deepStrictEqual(proxy.seen, [`CONNECT mix.invalid:${server.port}`])
    })
  )

  for (const scheme of ["http", "https"] as const) {
    it.scopedLive(`over connections that are kept alive, and closed with the layer: ${scheme}`, () =>
      Effect.gen(function* () {
        if (scheme === "https") yield* trustAll
        const proxy = yield* serveProxy
        const server = yield* FaultServer.serve(FaultServer.json([]), scheme === "https" ? { tls: "selfSigned" } : {})
        const serverUrl = `${scheme}://mix.invalid:${server.port}`
        const calls = (messages: Service) => Effect.repeatN(get(messages), 9)
        assert.deepStrictEqual(yield* withClient({ HTTP_PROXY: proxy.url }, { serverUrl }, calls), [])
        assert.strictEqual(yield* server.requestCount, 10)
        assert.isAtMost(proxy.connections(), 2)
        yield* proxy.awaitNoneOpen
      })
    )
  }
})

it.scopedLive("the engine's own limits for replies are off, with a proxy and without", () =>
  Effect.gen(function* () {
    const limits: Array<unknown> = []
    const created = (message: unknown) => {
      const { bodyTimeout, headersTimeout, method } = (message as { request: Record<string, unknown> }).request
      if (method === "GET") limits.push([headersTimeout, bodyTimeout])
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => DiagnosticsChannel.subscribe("undici:request:create", created)),
      () => Effect.sync(() => DiagnosticsChannel.unsubscribe("undici:request:create", created))
    )
    const proxy = yield* serveProxy
    const server = yield* FaultServer.serve(FaultServer.json([]))
    yield* withClient({ HTTP_PROXY: proxy.url, NO_PROXY: "<-loopback>" }, { serverUrl: server.url }, get)
    yield* withClient({}, { serverUrl: server.url }, get)
    assert.lengthOf(proxy.seen, 1)
    assert.deepStrictEqual(limits, [
      [0, 0],
      [0, 0]
    ])
  })
)

describe("a proxy is not used", () => {
  for (const [name, value] of [
    ["NO_PROXY", ""],
    ["NO_PROXY", "<-loopback>,127.0.0.1"],
    ["no_proxy", "<-loopback>,127.0.0.0/8"],
    ["NO_PROXY", "<-loopback>;*"]
  ] as const) {
    it.scopedLive(`${name}=${value}`, () =>
      Effect.gen(function* () {
        const proxy = yield* serveProxy
        const server = yield* FaultServer.serve(FaultServer.json([]))
        yield* withClient({ HTTP_PROXY: proxy.url, [name]: value }, { serverUrl: server.url }, get)
        assert.deepStrictEqual(proxy.seen, [])
        assert.strictEqual(yield* server.requestCount, 1)
      })
    )
  }

  it.scopedLive("blank variables", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      yield* withClient({ HTTP_PROXY: " ", HTTPS_PROXY: "" }, { serverUrl: server.url }, get)
      assert.strictEqual(yield* server.requestCount, 1)
    })
  )

  it.scopedLive("variables of the process, where Config does not read them", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          process.env.HTTP_PROXY = "http://127.0.0.1:1"
        }),
        () =>
          Effect.sync(() => {
            delete process.env.HTTP_PROXY
          })
      )
      yield* withClient({}, { serverUrl: server.url }, get)
      yield* withClient({ HTTPS_PROXY: "http://127.0.0.1:1" }, { serverUrl: server.url }, get).pipe(Effect.exit)
      assert.isAbove(yield* server.requestCount, 0)
    })
  )
})

describe("a proxy that cannot be used", () => {
  for (const [name, serverUrl] of [
    ["HTTP_PROXY", "http://mix.invalid"],
    ["HTTPS_PROXY", "https://mix.invalid"],
    ["http_proxy", "http://mix.invalid"]
  ] as const) {
    for (const value of ["nonsense", "socks5://127.0.0.1:1080", "ftp://canary-2b.example"]) {
      it.scopedLive(`${name}=${value} is a ConfigError that names the variable`, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(withClient({ [name]: value }, { serverUrl }, get))
          assert.isTrue(ConfigError.isConfigError(error))
          assert.include(String(error).toUpperCase(), name.toUpperCase())
          assert.notInclude(String(error), value)
        })
      )
    }
  }

  for (const [scheme, statuses] of [
    ["http", [407]],
    ["https", [407, 403, 502, 503]]
  ] as const) {
    it.scopedLive(`107 166 refuses ${scheme}: ConnectionError, not tried again, and names the proxy`, () =>
      Effect.gen(function* () {
        for (const status of statuses) {
          const proxy = yield* FaultServer.serve(FaultServer.status(status, [["Proxy-Authenticate", "Basic"]]))
          const send = (messages: Service) => messages.send({ id: SessionId.make("s1"), text: "Hello" })
          const calls = (messages: Service) => Effect.all([Effect.flip(get(messages)), Effect.flip(send(messages))])
          const serverUrl = `${scheme}://mix.invalid`
          const errors = yield* withClient({ HTTP_PROXY: proxy.url }, { serverUrl }, calls)
          for (const error of errors) {
            assert.strictEqual("code" in error ? error.code : error._tag, "UND_ERR_PRX_RESPONSE")
            assert.include(error.message, `the proxy ${new URL(proxy.url).host} (HTTP_PROXY) answered ${status}`)
            assert.strictEqual("attempts" in error ? error.attempts : 0, 1)
          }
          assert.strictEqual(errors[1].outcome, "notSent")
          assert.strictEqual(yield* proxy.requestCount, 2)
        }
      })
    )
  }

  it.scopedLive("166 answers no request for a tunnel to its end: it is asked once for each attempt, and named", () =>
    Effect.gen(function* () {
      const answer = "HTTP/1.1 200 Connection established\r\n\r\n"
      const drawn = FastCheck.sample(
        FastCheck.record({
          said: FastCheck.oneof(
            FastCheck.nat(answer.length - 1).map((length) => answer.slice(0, length)),
            FastCheck.constantFrom("", "HTTP/1.1 100 Continue\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "\0", "\r\n")
          ),
          end: FastCheck.constantFrom("end" as const, "destroy" as const, "resetAndDestroy" as const)
        }),
        draws(20, 500)
      )
      let fault = drawn[0]
      let connections = 0
      const HTTP_PROXY = yield* Effect.acquireRelease(
        Effect.async<Net.Server>((resume) => {
          const server = Net.createServer((socket) => {
            connections++
            // Whatever is done about it, a storm of thousands of connections is over soon.
            if (connections > 50) server.close()
            socket.on("error", () => {})
            socket.once("data", () => {
              if (fault?.end === "end") socket.end(fault.said)
              else socket.write(fault?.said ?? "", () => setImmediate(() => socket[fault?.end ?? "destroy"]()))
            })
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      ).pipe(Effect.map((server) => `http://canary:secret-2c@127.0.0.1:${(server.address() as Net.AddressInfo).port}`))
      const send = (messages: Service) =>
        messages.send({ id: SessionId.make("s1"), text: "Hello" }).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none))
      for (fault of drawn) {
        connections = 0
        const error = yield* Effect.flip(
          withClient({ HTTP_PROXY }, { serverUrl: "https://mix.invalid", sendTimeout: "5 seconds" }, send)
        )
        const shown = JSON.stringify({ fault, message: error.message })
        assert.strictEqual(connections, 1, shown)
        assert.strictEqual(error._tag, "ConnectionError", shown)
        assert.strictEqual(error._tag === "ConnectionError" && error.phase, "connect", shown)
        assert.strictEqual("outcome" in error && error.outcome, "notSent", shown)
        assert.include(error.message, `the proxy ${new URL(HTTP_PROXY).host} (HTTP_PROXY)`, shown)
        assert.notInclude(error.message, "secret", shown)
      }
    })
  )

  const once = (messages: Service) => RetryPolicy.withRetryPolicy(get(messages), RetryPolicy.none)

  for (const [status, tag] of [
    [403, "UnexpectedStatus"],
    [502, "ServerError"],
    [503, "ServerError"],
    [504, "ServerError"]
  ] as const) {
    it.scopedLive(
      `166 answers ${status} for what it forwards: it may be its own, unless it is in the server's form`,
      () =>
        Effect.gen(function* () {
          const html = FaultServer.text("<h1>no</h1>", { status })
          const own = FaultServer.json({ error: { message: "no", type: "server_error" } }, { status })
          const proxy = yield* FaultServer.serve([html, own, html])
          const through = (serverUrl: string) =>
            Effect.flip(withClient({ HTTP_PROXY: proxy.url }, { serverUrl }, once)).pipe(
              Effect.tap((error) => Effect.sync(() => assert.strictEqual(error._tag, tag))),
              Effect.map(String)
            )
          const hint = `it may be the answer of the proxy ${new URL(proxy.url).host} (HTTP_PROXY)`
          assert.include(yield* through("http://mix.invalid"), hint)
          assert.notInclude(yield* through("http://mix.invalid"), hint, "in the server's own form")
          assert.notInclude(yield* through(proxy.url), hint, "of a server that is reached directly")
          assert.deepStrictEqual(
            (yield* proxy.requests).map(({ target }) => target.replace(/\?.*/, "")),
            [
              "http://mix.invalid/api/messages/history",
              "http://mix.invalid/api/messages/history",
              "/api/messages/history"
            ]
          )
        })
    )
  }

  it.scopedLive("is down: it is tried again, as what comes and goes", () =>
    Effect.gen(function* () {
      const HTTP_PROXY = yield* FaultServer.refusedUrl
      const error = yield* Effect.flip(withClient({ HTTP_PROXY }, { serverUrl: "http://mix.invalid" }, get))
      assert.strictEqual("code" in error ? error.code : error._tag, "ECONNREFUSED")
      assert.include(error.message, `the proxy ${new URL(HTTP_PROXY).host} (HTTP_PROXY) cannot be reached`)
    })
  )
})
