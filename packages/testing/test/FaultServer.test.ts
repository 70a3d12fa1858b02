import * as NodeHttp from "node:http"
import * as NodeZlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FaultServer from "../src/FaultServer.ts"
import { ask, connect, get } from "./FaultServerClient.ts"

const post = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789"
const closing = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

/** What a client gets that wants the connection closed after the reply. */
const wire = (reply: FaultServer.Reply, request: string = closing) =>
  Effect.flatMap(FaultServer.serve(reply), (server) => ask(server, request))

const bodyOf = (text: string) => Buffer.from(text.slice(text.indexOf("\r\n\r\n") + 4), "latin1")

const viaFetch = (url: string, init?: RequestInit) => Effect.promise(() => fetch(url, init))

const fails = (promise: () => Promise<unknown>) =>
  Effect.promise(() =>
    promise().then(
      () => assert.fail("expected a failure"),
      (error: unknown) => String(error instanceof Error ? (error.cause ?? error) : error)
    )
  )

describe("replies", () => {
  it.scopedLive("json", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wire(FaultServer.json({ a: "é" }, { status: 201, headers: [["X-A", "1"]] })), {
        text: 'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 10\r\nX-A: 1\r\n\r\n{"a":"Ã©"}',
        end: "fin"
      })
      const empty = yield* wire(FaultServer.json(undefined))
      assert.include(empty.text, "Content-Length: 0\r\n\r\n")
    })
  )

  it.scopedLive("a given header replaces the default one", () =>
    Effect.gen(function* () {
      const { text } = yield* wire(FaultServer.text("abc", { headers: [["content-length", "2"], "CONTENT-TYPE : x"] }))
      assert.strictEqual(text, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nCONTENT-TYPE : x\r\n\r\nabc")
    })
  )

  it.scopedLive("status and redirect", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* wire(FaultServer.status(503, [["Retry-After", "2"]], "later"))).text,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\nRetry-After: 2\r\n\r\nlater"
      )
      assert.strictEqual((yield* wire(FaultServer.status(204))).text, "HTTP/1.1 204 No Content\r\n\r\n")
      assert.strictEqual(
        (yield* wire(FaultServer.redirect(308, "/y"))).text,
        "HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\nLocation: /y\r\n\r\n"
      )
      assert.notInclude((yield* wire(FaultServer.redirect(302))).text, "Location")
    })
  )

  it.scopedLive("head: any lines, in any casing, twice", () =>
    Effect.gen(function* () {
      const head = FaultServer.head({ status: 299, reason: "Odd", headers: [["a", "1"], ["A", "2"], "no colon"] })
      assert.strictEqual(
        (yield* wire(FaultServer.reply(head, FaultServer.end), get)).text,
        "HTTP/1.1 299 Odd\r\na: 1\r\nA: 2\r\nno colon\r\n\r\n"
      )
    })
  )

  it.scopedLive("raw, garbage and closeDelimited end the connection by themselves", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wire(FaultServer.raw("hi"), get), { text: "hi", end: "fin" })
      const garbage = yield* FaultServer.serve(FaultServer.garbage)
      assert.match(yield* fails(() => fetch(garbage.url)), /HTTPParserError|Parse Error|Expected HTTP/)

      const delimited = yield* FaultServer.serve(FaultServer.closeDelimited("[1]"))
      assert.deepStrictEqual(yield* ask(delimited), {
        text: "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[1]",
        end: "fin"
      })
      const response = yield* viaFetch(delimited.url)
      assert.deepStrictEqual(yield* Effect.promise(() => response.json()), [1])
    })
  )

  it.scopedLive("earlyHints come before the reply", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.earlyHints(FaultServer.json([])))
      assert.match(
        (yield* ask(server, closing)).text,
        /^HTTP\/1\.1 103 Early Hints\r\nLink: .*\r\n\r\nHTTP\/1\.1 200 OK/
      )
      assert.strictEqual((yield* viaFetch(server.url)).status, 200)
    })
  )

  it.scopedLive("oversizedHeaders", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.oversizedHeaders())
      assert.match(yield* fails(() => fetch(server.url)), /HeadersOverflow|Headers Overflow/)
    })
  )

  it.scopedLive("gzip and brotli are readable; the broken ones are whole HTTP around broken data", () =>
    Effect.gen(function* () {
      for (const reply of [FaultServer.gzip('["é"]'), FaultServer.brotli('["é"]')]) {
        const server = yield* FaultServer.serve(reply)
        const response = yield* viaFetch(server.url)
        assert.deepStrictEqual(yield* Effect.promise(() => response.json()), ["é"])
      }
      const cut = bodyOf((yield* wire(FaultServer.gzipTruncated("[1,2,3]"))).text)
      assert.throws(() => NodeZlib.gunzipSync(cut), /unexpected end/)
      const corrupt = bodyOf((yield* wire(FaultServer.gzipCorrupt("[1,2,3]"))).text)
      assert.throws(() => NodeZlib.gunzipSync(corrupt), /invalid block type/)
    })
  )

  it.scopedLive("gzipBomb inflates to the bytes it says from about a thousandth", () =>
    Effect.gen(function* () {
      const bytes = 5_000_000
      const coded = bodyOf((yield* wire(FaultServer.gzipBomb({ bytes }))).text)
      assert.isBelow(coded.length, bytes / 500)
      assert.strictEqual(NodeZlib.gunzipSync(coded).length, bytes)
    })
  )

  it.scopedLive("largeBody: the exact number of bytes, with a length or in chunks", () =>
    Effect.gen(function* () {
      for (const chunked of [false, true]) {
        const server = yield* FaultServer.serve(FaultServer.largeBody({ bytes: 200_001, chunked }))
        const response = yield* viaFetch(server.url)
        assert.strictEqual(response.headers.get("content-length"), chunked ? null : "200001")
        assert.strictEqual((yield* Effect.promise(() => response.text())).length, 200_001)
      }
    })
  )

  it.scopedLive("an endless flood goes no faster than the client reads", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.largeBody({ bytes: Number.POSITIVE_INFINITY }))
      const client = yield* connect(server.port)
      yield* client.send(get)
      yield* client.sees("\r\n\r\n")
      client.socket.pause()
      yield* server.awaitRequests(1)
      const before = process.memoryUsage().arrayBuffers
      // Turns of the event loop, not time: without back-pressure each would queue another chunk.
      yield* Effect.promise(() => new Promise<void>((done) => setImmediate(done))).pipe(Effect.repeatN(2_000))
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 32 * 1024 * 1024)
      client.socket.destroy()
      yield* server.awaitClientClose
    })
  )
})

describe("steps", () => {
  it.scopedLive("drip sends piece by piece", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(
        FaultServer.reply(FaultServer.drip({ data: "abcdefg", chunkSize: 3, every: "20 millis" }), FaultServer.end)
      )
      const client = yield* connect(server.port)
      yield* client.send(get)
      assert.strictEqual((yield* client.ended).text, "abcdefg")
      assert.deepStrictEqual(
        client.seen.map((piece) => piece.toString()),
        ["abc", "def", "g"]
      )
    })
  )

  it.scopedLive("chunk, delay and lastChunk", () =>
    Effect.gen(function* () {
      const reply = FaultServer.reply(
        FaultServer.chunk("hello"),
        FaultServer.delay("30 millis"),
        FaultServer.chunk(Uint8Array.of(65)),
        FaultServer.lastChunk
      )
      const started = performance.now()
      assert.strictEqual((yield* wire(reply)).text, "5\r\nhello\r\n1\r\nA\r\n0\r\n\r\n")
      assert.isAtLeast(performance.now() - started, 29)
    })
  )

  it.scopedLive("keepAlive outlives a request for Connection: close", () =>
    Effect.gen(function* () {
      const answer = FaultServer.text("one")
      const server = yield* FaultServer.serve({ ...answer, steps: [...answer.steps, FaultServer.keepAlive] })
      const client = yield* connect(server.port)
      yield* client.send(closing)
      yield* client.sees("one")
      yield* client.send(closing)
      yield* server.awaitRequests(2)
      assert.strictEqual(yield* server.connections, 1)
    })
  )

  it.scopedLive("flood cuts the last piece", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* wire(FaultServer.reply(FaultServer.flood({ chunk: "abc", bytes: 7 })))).text,
        "abcabca"
      )
      assert.strictEqual(
        (yield* wire(FaultServer.reply(FaultServer.flood({ chunk: "abc", bytes: 4, chunked: true })))).text,
        "3\r\nabc\r\n1\r\na\r\n"
      )
    })
  )
})

describe("faults", () => {
  it.scopedLive("truncated and truncatedChunked", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wire(FaultServer.truncated("[1,2,3]", 3), get), {
        text: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n[1,",
        end: "fin"
      })
      assert.deepStrictEqual(yield* wire(FaultServer.truncatedChunked("[1,2,3]", 3), get), {
        text: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n",
        end: "fin"
      })
    })
  )

  it.scopedLive("acceptThenClose and acceptThenReset read nothing", () =>
    Effect.gen(function* () {
      const closes = yield* FaultServer.serve(FaultServer.acceptThenClose)
      assert.deepStrictEqual(yield* ask(closes), { text: "", end: "fin" })
      const resets = yield* FaultServer.serve(FaultServer.acceptThenReset)
      assert.deepStrictEqual(yield* ask(resets), { text: "", end: "reset" })
      for (const server of [closes, resets]) {
        assert.strictEqual(yield* server.requestCount, 0)
        assert.strictEqual(yield* server.connections, 1)
      }
    })
  )

  it.scopedLive("in a list, an accept fault takes one connection", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve([FaultServer.acceptThenClose, FaultServer.text("up")])
      assert.strictEqual((yield* ask(server, closing)).text, "")
      assert.include((yield* ask(server, closing)).text, "up")
    })
  )

  it.scopedLive("closeWithoutReply and resetWithoutReply read the request", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve([FaultServer.closeWithoutReply, FaultServer.resetWithoutReply])
      assert.deepStrictEqual(yield* ask(server, post), { text: "", end: "fin" })
      assert.deepStrictEqual(yield* ask(server, post), { text: "", end: "reset" })
      assert.deepStrictEqual(
        (yield* server.requests).map((request) => request.state),
        ["complete", "complete"]
      )
    })
  )

  it.scopedLive("resetAfterHeaders and resetMidBody: what was sent comes first, every time", () =>
    Effect.gen(function* () {
      const after = yield* FaultServer.serve(FaultServer.resetAfterHeaders)
      const mid = yield* FaultServer.serve(FaultServer.resetMidBody("0123456789"))
      const firsts = yield* Effect.replicateEffect(ask(after), 100, { concurrency: 10 })
      for (const { end, text } of firsts) {
        assert.strictEqual(end, "reset")
        assert.match(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 23\r\n\r\n$/)
      }
      const seconds = yield* Effect.replicateEffect(ask(mid), 100, { concurrency: 10 })
      for (const { end, text } of seconds) {
        assert.strictEqual(end, "reset")
        assert.match(text, /Content-Length: 10\r\n\r\n01234$/)
      }
      const response = yield* viaFetch(mid.url)
      assert.match(yield* fails(() => response.text()), /ECONNRESET|terminated|other side closed/)
    })
  )

  it.scopedLive("resetDuringUpload resets before the body is whole, however small it is", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.resetDuringUpload)
      assert.deepStrictEqual(yield* ask(server, post), { text: "", end: "reset" })
      const client = yield* connect(server.port)
      yield* client.send("POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
      assert.strictEqual(yield* server.requestCount, 1)
      yield* client.send("first bytes")
      assert.strictEqual((yield* client.ended).end, "reset")
      assert.deepStrictEqual(
        (yield* server.requests).map((request) => [request.state, request.body.length]),
        [
          ["partial", 1],
          ["partial", 1]
        ]
      )
    })
  )

  it.scopedLive("duringUpload answers early and reads the rest", () =>
    Effect.gen(function* () {
      const early = FaultServer.duringUpload(...FaultServer.text("early").steps)
      const server = yield* FaultServer.serve([early, FaultServer.text("next")])
      const client = yield* connect(server.port)
      yield* client.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234")
      yield* client.sees("early")
      yield* client.send("56789")
      yield* client.send(closing)
      assert.include((yield* client.ended).text, "next")
      assert.strictEqual(yield* server.requestCount, 2)
    })
  )

  it.scopedLive("stallBeforeHead and stallMidBody wait for the client to leave", () =>
    Effect.gen(function* () {
      const before = yield* FaultServer.serve(FaultServer.stallBeforeHead)
      const first = yield* connect(before.port)
      yield* first.send(get)
      yield* before.awaitRequests(1)
      first.socket.destroy()
      yield* before.awaitClientClose
      yield* before.awaitNoneOpen
      assert.strictEqual(first.seen.length, 0)

      const mid = yield* FaultServer.serve(FaultServer.stallMidBody("0123456789"))
      const second = yield* connect(mid.port)
      yield* second.send(get)
      yield* second.sees("\r\n\r\n01234")
      assert.strictEqual(yield* mid.closedByClient, 0)
      second.socket.resetAndDestroy()
      yield* mid.awaitClientCloses(1)
    })
  )

  it.scopedLive("answerThenCloseIdle: a pooled connection is dead at its next use", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve([
        FaultServer.answerThenCloseIdle(FaultServer.text("one")),
        FaultServer.text("two")
      ])
      const client = yield* connect(server.port)
      yield* client.send(get)
      yield* client.sees("one")
      assert.strictEqual(yield* server.open, 1)
      yield* client.send(get)
      assert.strictEqual((yield* client.ended).end, "reset")
      assert.strictEqual(yield* server.requestCount, 1)
      assert.include((yield* ask(server, closing)).text, "two")

      const pooled = yield* FaultServer.serve(FaultServer.answerThenCloseIdle(FaultServer.text("one")))
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new NodeHttp.Agent({ keepAlive: true, maxSockets: 1 })),
        (agent) => Effect.sync(() => agent.destroy())
      )
      const pooledGet = Effect.async<string>((resume) => {
        const request = NodeHttp.get(pooled.url, { agent }, (response) => {
          response.resume().on("end", () => resume(Effect.succeed("answered")))
        })
        request.on("error", (error) => resume(Effect.succeed(error.message)))
      })
      assert.deepStrictEqual(yield* Effect.all([pooledGet, pooledGet, pooledGet], { concurrency: 3 }), [
        "answered",
        "read ECONNRESET",
        "answered"
      ])
      assert.strictEqual(yield* pooled.connections, 2)
    })
  )
})
