/** What the engine keeps to, beyond what the operations show of it. */
import { randomBytes } from "node:crypto"
import { gzipSync } from "node:zlib"
import { assert, it } from "@effect/vitest"
import type { Engine } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import { Agent, type Dispatcher } from "undici"
import { draws } from "../../core/test/draws.ts"
import * as UndiciEngine from "../src/internal/undiciEngine.ts"

const engine = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new Agent()),
    (agent) => Effect.promise(() => agent.destroy())
  ),
  UndiciEngine.make
)

const request = (server: { readonly url: string }, signal: AbortSignal): Engine.Request => ({
  method: "GET",
  url: `${server.url}/`,
  headers: {},
  signal
})

const progress = (): Engine.Progress => ({ phase: "unknown" })

const { gzip } = FaultServer

it.scopedLive("151 a dispatcher that repeats requests by their errors' codes sends no message twice", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.resetWithoutReply)
    // As undici's interceptors for retries and DNS do.
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Agent().compose((dispatch) => (options, handler) => {
          let tries = 0
          const again: Dispatcher.DispatchHandler = {
            onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
            onResponseError: (controller, error) => {
              if (++tries < 3 && !controller.aborted) dispatch(options, again)
              else handler.onResponseError?.(controller, error)
            }
          }
          return dispatch(options, again)
        })
      ),
      (agent) => Effect.promise(() => agent.destroy())
    )
    const ask = UndiciEngine.make(agent)
    const signal = new AbortController().signal
    const get = yield* Effect.flip(ask(request(server, signal), progress()))
    assert.strictEqual(get._tag, "EngineError")
    assert.strictEqual(yield* server.requestCount, 3)
    const reached = progress()
    const post = yield* Effect.flip(ask({ ...request(server, signal), method: "POST", body: "{}" }, reached))
    assert.deepStrictEqual([post.code, reached.phase], ["MESSAGE_REPEATED", "headers"])
    assert.strictEqual(yield* server.requestCount, 4)
  })
)

it.scopedLive("between the head of a reply and its body: an abort closes the connection, and reading fails", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.stallMidBody())
    const ask = yield* engine
    const controller = new AbortController()
    const reached = progress()
    const reply = yield* ask(request(server, controller.signal), reached)
    assert.deepStrictEqual([reply.status, reached.phase], [200, "body"])
    controller.abort()
    assert.strictEqual((yield* Effect.flip(reply.body(1000)))._tag, "EngineError")
    yield* server.awaitClientClose
  })
)

it.scopedLive("an abort while a body is read ends the reading", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.stallMidBody())
    const ask = yield* engine
    const controller = new AbortController()
    const reply = yield* ask(request(server, controller.signal), progress())
    setImmediate(() => controller.abort())
    assert.strictEqual((yield* Effect.flip(reply.body(1000)))._tag, "EngineError")
    yield* server.awaitClientClose
  })
)

it.scopedLive("a signal that is aborted already: nothing is written", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.json([]))
    const ask = yield* engine
    const reached = progress()
    const error = yield* Effect.flip(ask(request(server, AbortSignal.abort()), reached))
    assert.strictEqual(error._tag, "EngineError")
    assert.strictEqual(reached.phase, "connect")
    yield* ask(request(server, new AbortController().signal), progress())
    assert.strictEqual(yield* server.requestCount, 1)
  })
)

it.scopedLive("an abort after the last byte costs no connection, and takes nothing away", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.gzip("[1,2,3]"))
    const ask = yield* engine
    for (let turn = 0; turn < 5; turn++) {
      const controller = new AbortController()
      const reply = yield* ask(request(server, controller.signal), progress())
      assert.deepStrictEqual(yield* reply.body(1000), { text: "[1,2,3]", byteLength: 7 })
      controller.abort()
    }
    assert.isAtMost(yield* server.connections, 2)
  })
)

it.scopedLive("maxBytes is about what comes of decompression", () =>
  Effect.gen(function* () {
    const bytes = randomBytes(300_000)
    assert.isAbove(gzipSync(bytes).length, bytes.length)
    const server = yield* FaultServer.serve([gzip(bytes), gzip(bytes), gzip(Buffer.alloc(300_000, "x"))])
    const ask = yield* engine
    const read = (maxBytes: number) =>
      Effect.flatMap(ask(request(server, new AbortController().signal), progress()), (reply) => reply.body(maxBytes))
    assert.strictEqual((yield* read(bytes.length)).byteLength, bytes.length)
    assert.isAbove((yield* read(bytes.length / 3)).byteLength, bytes.length / 3)
    assert.isAbove((yield* read(299_999)).byteLength, 299_999)
  })
)

it.scopedLive("a long compressed body may come on a connection that its server closes, or resets", () =>
  Effect.gen(function* () {
    const bytes = randomBytes(4_000_000)
    const coded = gzipSync(bytes, { level: 1 })
    const ask = yield* engine
    for (const [last, length] of [
      [FaultServer.end, undefined],
      [FaultServer.end, coded.length],
      [FaultServer.reset, undefined]
    ] as const) {
      const headers: ReadonlyArray<readonly [string, string]> = [
        ["Content-Encoding", "gzip"],
        ["Connection", "close"],
        ...(length === undefined ? [] : [["Content-Length", String(length)] as const])
      ]
      const server = yield* FaultServer.serve(
        FaultServer.reply(FaultServer.head({ status: 200, headers }), FaultServer.write(coded), last)
      )
      for (let turn = 0; turn < draws(1, 5); turn++) {
        const reply = yield* ask(request(server, new AbortController().signal), progress())
        // A reset may overtake what was sent before it.
        const body = yield* Effect.either(reply.body(bytes.length))
        if (last === FaultServer.end) {
          assert.strictEqual(body._tag === "Right" ? body.right.byteLength : body.left.code, bytes.length)
        }
      }
    }
  })
)
