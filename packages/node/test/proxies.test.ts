/** Proxies from the usual variables, read by `Config`. */
import * as Http from "node:http"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type Service } from "@mix-effect/core"
import type { MixConfig } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { MixNode } from "../src/index.ts"

/** A proxy that forwards requests and opens tunnels, and writes down for what. Every host name leads to 127.0.0.1. */
const serveProxy = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly seen: Array<string>; readonly close: () => void }>((resume) => {
    const seen: Array<string> = []
    const sockets = new Set<Net.Socket>()
    const proxy = Http.createServer((request, response) => {
      const target = new URL(request.url ?? "")
      seen.push(`${request.method} ${target.href} ${request.headers["proxy-authorization"] ?? ""}`.trim())
      const { "proxy-authorization": _, ...headers } = request.headers
      const path = target.pathname + target.search
      request.pipe(
        Http.request({ host: "127.0.0.1", port: target.port, path, method: request.method, headers }, (reply) => {
          response.writeHead(reply.statusCode ?? 502, reply.headers)
          reply.pipe(response)
        })
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
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    proxy.listen(0, "127.0.0.1", () => {
      const close = () => {
        proxy.close()
        for (const socket of sockets) socket.destroy()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${(proxy.address() as Net.AddressInfo).port}`, seen, close }))
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
        assert.isAbove(proxy.seen.length, 0)
        const [request] = yield* server.requests
        assert.strictEqual(request?.line, "GET /api/messages/history?limit=3 HTTP/1.1")
        assert.strictEqual(request?.headers.get("host"), `mix.invalid:${server.port}`)
      })
    )
  }

  it.scopedLive("the lower-case variable wins", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const server = yield* hidden
      const variables = { http_proxy: proxy.url, HTTP_PROXY: "http://127.0.0.1:1" }
      yield* withClient(variables, { serverUrl: server.url }, get)
      assert.isAbove(proxy.seen.length, 0)
    })
  )

  it.scopedLive("with credentials of its own, which the backend does not see", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const server = yield* hidden
      const HTTP_PROXY = proxy.url.replace("http://", "http://user:p%40ss@")
      yield* withClient({ HTTP_PROXY }, { serverUrl: server.url }, get)
      assert.include(proxy.seen[0] ?? "", `Basic ${Buffer.from("user:p@ss").toString("base64")}`)
      const [request] = yield* server.requests
      assert.isFalse(request?.headers.has("proxy-authorization"))
    })
  )

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

  it.scopedLive("and its connections are closed with the layer", () =>
    Effect.gen(function* () {
      const proxy = yield* serveProxy
      const server = yield* hidden
      yield* withClient({ HTTP_PROXY: proxy.url }, { serverUrl: server.url }, get)
      yield* server.awaitNoneOpen
      assert.isAbove(yield* server.connections, 0)
    })
  )
})

describe("a proxy is not used", () => {
  for (const [name, value] of [
    ["NO_PROXY", "127.0.0.1"],
    ["no_proxy", "127.0.0.1"],
    ["NO_PROXY", "example.com, 127.0.0.1 ,x"],
    ["NO_PROXY", "*"]
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
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy"]) {
    for (const value of ["nonsense", "127.0.0.1:3128", "socks5://127.0.0.1:1080", "ftp://canary-2b.example"]) {
      it.scopedLive(`${name}=${value} is a ConfigError that names the variable`, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(withClient({ [name]: value }, {}, get))
          assert.isTrue(ConfigError.isConfigError(error))
          assert.include(String(error).toUpperCase(), name.toUpperCase())
          assert.notInclude(String(error), value)
        })
      )
    }
  }

  it.scopedLive("107 refuses: ConnectionError, not tried again, and says so", () =>
    Effect.gen(function* () {
      for (const status of [407, 403, 502]) {
        const proxy = yield* FaultServer.serve(FaultServer.status(status, [["Proxy-Authenticate", "Basic"]]))
        const error = yield* Effect.flip(
          withClient({ HTTP_PROXY: proxy.url }, { serverUrl: "http://mix.invalid" }, get)
        )
        assert.strictEqual(error._tag, "ConnectionError")
        assert.match(error.message, /the proxy refused; see HTTP_PROXY/)
        assert.strictEqual("attempts" in error ? error.attempts : 0, 1)
        assert.strictEqual(yield* proxy.requestCount, 1)
      }
    })
  )

  it.scopedLive("is down: it is tried again, as what comes and goes", () =>
    Effect.gen(function* () {
      const HTTP_PROXY = yield* FaultServer.refusedUrl
      const error = yield* Effect.flip(withClient({ HTTP_PROXY }, { serverUrl: "http://mix.invalid" }, get))
      assert.strictEqual("code" in error ? error.code : error._tag, "ECONNREFUSED")
    })
  )
})
