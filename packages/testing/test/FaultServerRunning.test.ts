import * as NodeHttps from "node:https"
import * as NodeNet from "node:net"
import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import * as FaultServer from "../src/FaultServer.ts"
import { ask, connect, get } from "./FaultServerClient.ts"

const closing = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

const codeOf = (error: unknown): string => {
  assert.instanceOf(error, Error)
  return "code" in error ? String(error.code) : error.message
}

describe("requests", () => {
  it.scopedLive("are recorded as they came", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      const client = yield* connect(server.port)
      yield* client.send(
        "POST /a/../%2e%2e//b?q=%20#f HTTP/1.1\r\nhOST: h\r\nX-A:1\r\nx-a:  2 \r\nX-Empty:\r\nContent-Length: 3\r\n\r\na\xe9"
      )
      yield* server.awaitRequests(1)
      const [request] = yield* server.requests
      assert.deepStrictEqual(request, {
        state: "complete",
        line: "POST /a/../%2e%2e//b?q=%20#f HTTP/1.1",
        method: "POST",
        target: "/a/../%2e%2e//b?q=%20#f",
        rawHeaders: [
          ["hOST", "h"],
          ["X-A", "1"],
          ["x-a", "2"],
          ["X-Empty", ""],
          ["Content-Length", "3"]
        ],
        headers: new Map([
          ["host", "h"],
          ["x-a", "1, 2"],
          ["x-empty", ""],
          ["content-length", "3"]
        ]),
        body: Buffer.from("aé"),
        connection: 0
      })
    })
  )

  it.scopedLive("come in any pieces, chunked, and pipelined", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve((request) => FaultServer.text(`<${request.body.length}>`))
      const client = yield* connect(server.port)
      const chunked =
        "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
      client.socket.setNoDelay(true)
      for (const character of chunked) yield* client.send(character)
      yield* client.sees("<13>")
      yield* client.send(get + chunked + closing)
      const { text } = yield* client.ended
      assert.deepStrictEqual(text.match(/<\d+>/g), ["<13>", "<0>", "<13>", "<0>"])
      const requests = yield* server.requests
      assert.strictEqual(Buffer.from(requests[0]?.body ?? []).toString(), "abc0123456789")
      assert.strictEqual(yield* server.connections, 1)
    })
  )

  it.scopedLive("that are malformed are answered 400 and use up no reply", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve([FaultServer.text("first"), FaultServer.text("second")])
      const malformed = [
        "GET  /x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/2.0\r\n\r\n",
        "GET /x HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /x HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        "GET /x HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
        "GET /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
      ]
      for (const request of malformed) {
        assert.match((yield* ask(server, request)).text, /^HTTP\/1\.1 400 Bad Request\r\n/)
      }
      assert.include((yield* ask(server, closing)).text, "first")
      const states = (yield* server.requests).map((request) => request.state)
      assert.deepStrictEqual(states, [...malformed.map(() => "malformed"), "complete"])
      const bad = "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
      assert.match((yield* ask(server, bad)).text, /^HTTP\/1\.1 400 /)
    })
  )

  it.scopedLive("that the client gives up on are partial", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      const client = yield* connect(server.port)
      client.socket.end("POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234")
      yield* server.awaitClientClose
      const [request] = yield* server.requests
      assert.strictEqual(request?.state, "partial")
      assert.strictEqual(Buffer.from(request?.body ?? []).toString(), "01234")
    })
  )

  it.scopedLive("with Expect: 100-continue get their 100", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.text("done"))
      const client = yield* connect(server.port)
      yield* client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
      yield* client.sees("100 Continue\r\n\r\n")
      yield* client.send("ab")
      yield* client.sees("done")
    })
  )

  it.scopedLive("get the nth reply, and the last one from then on", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve([FaultServer.text("<a>"), FaultServer.text("<b>")])
      const texts = yield* Effect.forEach([1, 2, 3], () => ask(server, closing))
      assert.deepStrictEqual(
        texts.map(({ text }) => text.slice(-3)),
        ["<a>", "<b>", "<b>"]
      )
    })
  )

  it.scopedLive("whose script throws get a 500 that says so", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(() => {
        throw new Error("boom")
      })
      assert.match((yield* ask(server, closing)).text, /^HTTP\/1\.1 500 [\s\S]*boom/)
    })
  )
})

describe("the server", () => {
  it.scopedLive("counts connections and tells when they are idle, left or closed", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.text("ok"))
      const first = yield* connect(server.port)
      const second = yield* connect(server.port)
      yield* first.send(get)
      yield* second.send(get)
      yield* first.sees("ok")
      yield* second.sees("ok")
      assert.strictEqual(yield* server.connections, 2)
      assert.strictEqual(yield* server.open, 2)
      first.socket.destroy()
      second.socket.destroy()
      yield* server.awaitNoneOpen
      assert.strictEqual(yield* server.open, 0)
      assert.strictEqual(yield* server.closedByClient, 0)
    })
  )

  it.scopedLive("closes every connection with its scope, whatever they are doing", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* FaultServer.serve(
        [
          FaultServer.stallBeforeHead,
          FaultServer.stallMidBody(),
          FaultServer.largeBody({ bytes: Number.POSITIVE_INFINITY }),
          FaultServer.reply(FaultServer.delay("1 hour")),
          FaultServer.text("ok"),
          FaultServer.closeWithoutReply
        ],
        {}
      ).pipe(Scope.extend(scope), Effect.uninterruptible)
      const clients = yield* Effect.forEach([1, 2, 3, 4, 5, 6], (n) =>
        Effect.gen(function* () {
          const client = yield* connect(server.port)
          if (n === 6) client.socket.removeAllListeners("end")
          yield* client.send(get)
          yield* server.awaitRequests(n)
          return client
        })
      )
      const silent = yield* connect(server.port)
      yield* Scope.close(scope, Exit.void)
      for (const client of [...clients.slice(0, 5), silent]) yield* client.ended
      assert.strictEqual(yield* server.open, 0)
      const refused = yield* connect(server.port)
      assert.deepStrictEqual(yield* refused.ended, { text: "", end: "reset" })
    })
  )

  it.scoped("delays by the real clock under TestClock", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.reply(FaultServer.delay("20 millis"), FaultServer.end))
      assert.deepStrictEqual(yield* ask(server), { text: "", end: "fin" })
    })
  )

  it.scopedLive("refuses a port that is taken, or is none", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.garbage)
      const taken = yield* Effect.flip(FaultServer.serve(FaultServer.garbage, { port: server.port }))
      assert.strictEqual(taken._tag, "ListenError")
      assert.strictEqual(taken.message, `Cannot listen on 127.0.0.1:${server.port} (EADDRINUSE)`)
      const none = yield* Effect.flip(FaultServer.serve(FaultServer.garbage, { port: 99_999 }))
      assert.strictEqual(none.code, "ERR_SOCKET_BAD_PORT")
    })
  )

  it.scopedLive("only counts requests that it is told not to record", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.text("ok"), { record: false })
      yield* ask(server, closing)
      assert.strictEqual(yield* server.requestCount, 1)
      assert.deepStrictEqual(yield* server.requests, [])
    })
  )

  it.scopedLive("survives 300 requests at once", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve((request) => FaultServer.text(request.target))
      const statuses = yield* Effect.forEach(
        Array.from({ length: 300 }, (_, n) => n),
        (n) => Effect.promise(() => fetch(`${server.url}/${n}`).then((response) => response.text())),
        { concurrency: 50 }
      )
      assert.strictEqual(new Set(statuses).size, 300)
      yield* server.awaitRequests(300)
      assert.strictEqual(yield* server.requestCount, 300)
    })
  )

  layer(FaultServer.layer(FaultServer.text("shared")))("as a layer", (it) => {
    it.effect("is in the context", () =>
      Effect.gen(function* () {
        const server = yield* FaultServer.FaultServer
        assert.include((yield* ask(server, closing)).text, "shared")
      })
    )
  })
})

describe("tls", () => {
  const request = (server: FaultServer.Running, options: NodeHttps.RequestOptions = {}) =>
    Effect.async<string, unknown>((resume) => {
      NodeHttps.get(server.url, { ...options, agent: false }, (response) => {
        let text = ""
        response.on("data", (piece) => {
          text += piece
        })
        response.on("end", () => resume(Effect.succeed(text)))
        response.on("error", (error) => resume(Effect.fail(error)))
      }).on("error", (error) => resume(Effect.fail(error)))
    })

  it.scopedLive("selfSigned is refused unless trusted", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.text("safe"), { tls: "selfSigned" })
      assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/)
      assert.strictEqual(codeOf(yield* Effect.flip(request(server))), "DEPTH_ZERO_SELF_SIGNED_CERT")
      assert.strictEqual(yield* server.requestCount, 0)
      assert.strictEqual(yield* request(server, { ca: server.certificate }), "safe")
      assert.strictEqual(yield* request(server, { ca: server.certificate, servername: "localhost" }), "safe")
    })
  )

  it.scopedLive("expired and wrongHost are refused for that, even if trusted", () =>
    Effect.gen(function* () {
      const expired = yield* FaultServer.serve(FaultServer.text(""), { tls: "expired" })
      assert.strictEqual(codeOf(yield* Effect.flip(request(expired, { ca: expired.certificate }))), "CERT_HAS_EXPIRED")
      const wrong = yield* FaultServer.serve(FaultServer.text(""), { tls: "wrongHost" })
      assert.strictEqual(
        codeOf(yield* Effect.flip(request(wrong, { ca: wrong.certificate }))),
        "ERR_TLS_CERT_ALTNAME_INVALID"
      )
    })
  )

  it.scopedLive("faults work over it: resets, ends, accept faults, and the scope closes it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* FaultServer.serve(
        [
          FaultServer.acceptThenClose,
          FaultServer.resetWithoutReply,
          FaultServer.truncated("0123456789"),
          FaultServer.stallBeforeHead
        ],
        { tls: "selfSigned" }
      ).pipe(Scope.extend(scope))
      const trusted = { ca: server.certificate }
      const early = codeOf(yield* Effect.flip(request(server, trusted)))
      assert.strictEqual(early, "ECONNRESET")
      assert.strictEqual(yield* server.requestCount, 0)
      assert.strictEqual(codeOf(yield* Effect.flip(request(server, trusted))), "ECONNRESET")
      assert.strictEqual(codeOf(yield* Effect.flip(request(server, trusted))), "ECONNRESET")
      const stalled = yield* Effect.fork(Effect.flip(request(server, trusted)))
      yield* server.awaitRequests(3)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(codeOf(yield* Fiber.join(stalled)), "ECONNRESET")
      assert.strictEqual(yield* server.open, 0)
    })
  )
})

describe("unreachable", () => {
  const attempt = (url: string) =>
    Effect.gen(function* () {
      const { hostname, port } = new URL(url)
      const outcome = yield* Deferred.make<string>()
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => NodeNet.connect({ host: hostname, port: Number(port) })),
        (socket) => Effect.sync(() => socket.destroy())
      )
      socket.on("connect", () => Deferred.unsafeDone(outcome, Effect.succeed("connected")))
      socket.on("error", (error) => Deferred.unsafeDone(outcome, Effect.succeed(codeOf(error))))
      return { socket, outcome: Deferred.await(outcome) }
    })

  it.scopedLive("refusedUrl refuses, and a server may come up on it later", () =>
    Effect.gen(function* () {
      const url = yield* FaultServer.refusedUrl
      const { outcome } = yield* attempt(url)
      assert.strictEqual(yield* outcome, "ECONNREFUSED")
      const server = yield* FaultServer.serve(FaultServer.text("up"), { port: Number(new URL(url).port) })
      assert.strictEqual(server.url, url)
      assert.include((yield* ask(server, closing)).text, "up")
    })
  )

  it.scopedLive.skipIf(process.platform !== "linux")("blackHoleUrl neither connects nor refuses", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const url = yield* FaultServer.blackHoleUrl.pipe(Scope.extend(scope))
      const attempts = yield* Effect.forEach([1, 2, 3, 4, 5], () => attempt(url))
      // Silence has no event to wait for, so this one test has to let time pass.
      const outcome = yield* Effect.raceAll(attempts.map((attempt) => attempt.outcome)).pipe(
        Effect.timeoutOption("300 millis")
      )
      assert.isTrue(Option.isNone(outcome))
      assert.isTrue(attempts.every(({ socket }) => socket.connecting))
      yield* Scope.close(scope, Exit.void)
    })
  )
})
