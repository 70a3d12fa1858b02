/** Connections are kept and reused, given up when they must be, and closed with the layer. */

import * as diagnostics from "node:diagnostics_channel"
import * as Http from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import { MessagesService, type Service, SessionId } from "@mix-effect/core"
import { type MixConfig, RetryPolicy } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { draws } from "../../core/test/draws.ts"
import { MixNode } from "../src/index.ts"
import { engineNames, layerOf } from "./everyEngine.ts"
import { turnOfLoop } from "./faultTime.ts"

const withClient = <A, E, R>(
  server: { readonly url: string },
  use: (messages: Service) => Effect.Effect<A, E, R>,
  options?: MixConfig.Options
) => Effect.flatMap(MessagesService, use).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url, ...options })))

const message = { id: "m1", sessionId: "s1", role: "user", userInput: "Hello" }

it.scopedLive("23 100 times 503 and then 200: at most one new connection", () =>
  Effect.gen(function* () {
    const replies = Array.from({ length: 200 }, (_, index) =>
      index % 2 === 0 ? FaultServer.status(503, [], "busy".repeat(1000)) : FaultServer.json([])
    )
    const server = yield* FaultServer.serve(replies as [FaultServer.Reply])
    yield* withClient(server, (messages) =>
      Effect.gen(function* () {
        for (let index = 0; index < 100; index++) yield* messages.getHistory()
      }).pipe(Effect.withRandom(Random.fixed([0])))
    )
    assert.strictEqual(yield* server.requestCount, 200)
    // The engine opens a second one while it makes sure of the first.
    assert.isAtMost(yield* server.connections, 2)
  })
)

it.scopedLive("every kind of reply that is read to its end leaves its connection to the next call", () =>
  Effect.gen(function* () {
    const kinds = [
      FaultServer.json([message]),
      FaultServer.json(null),
      FaultServer.json({ wrong: "shape" }),
      FaultServer.text("{", { headers: [["Content-Type", "application/json"]] }),
      FaultServer.status(204),
      FaultServer.status(404, [], "x".repeat(100_000)),
      FaultServer.redirect(302, "/elsewhere"),
      FaultServer.gzip("[]"),
      FaultServer.earlyHints(FaultServer.json([]))
    ]
    const server = yield* FaultServer.serve([...kinds, ...kinds, ...kinds] as unknown as [FaultServer.Reply])
    yield* withClient(server, (messages) =>
      Effect.gen(function* () {
        for (let index = 0; index < 3 * kinds.length; index++) {
          yield* Effect.exit(messages.getHistory().pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none)))
        }
      })
    )
    assert.strictEqual(yield* server.requestCount, 3 * kinds.length)
    assert.isAtMost(yield* server.connections, 2)
  })
)

// undici gives a connection to the next request once the turn of the event loop is over in which its reply ended. A call that
// follows at once takes a second one. `node:http` keeps none.
for (const engine of engineNames.filter((name) => name !== "HttpClient, node:http")) {
  it.scopedLive(`calls in turn use at most two connections: ${engine}`, () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([message]))
      yield* Effect.gen(function* () {
        const messages = yield* MessagesService
        for (let call = 0; call < 10; call++) yield* messages.getHistory()
        for (let call = 0; call < 10; call++) yield* Fiber.join(yield* Effect.fork(messages.getHistory()))
      }).pipe(Effect.provide(layerOf(engine, { serverUrl: server.url })))
      assert.strictEqual(yield* server.requestCount, 20)
      assert.isAtMost(yield* server.connections, 2)
    })
  )
}

it.scopedLive("a body that is not wanted is not read: its connection is closed", () =>
  Effect.gen(function* () {
    const head = (...headers: ReadonlyArray<readonly [string, string]>) =>
      FaultServer.head({ status: 200, headers: [["Transfer-Encoding", "chunked"], ...headers] })
    const endless = FaultServer.flood({ bytes: Number.POSITIVE_INFINITY, chunked: true })
    const json = ["Content-Type", "application/json"] as const
    const broken = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff])
    for (const [name, reply] of [
      ["too large", FaultServer.reply(head(json), endless)],
      ["of another type", FaultServer.reply(head(["Content-Type", "text/html"]), endless)],
      [
        "of an error",
        FaultServer.reply(FaultServer.head({ status: 500, headers: [["Transfer-Encoding", "chunked"]] }), endless)
      ],
      ["in an unknown coding", FaultServer.reply(head(json, ["Content-Encoding", "rot13"]), endless)],
      [
        "in a broken coding",
        FaultServer.reply(head(json, ["Content-Encoding", "gzip"]), FaultServer.chunk(broken), endless)
      ]
    ] as const) {
      const server = yield* FaultServer.serve(reply)
      yield* withClient(
        server,
        (messages) =>
          Effect.gen(function* () {
            const failed = yield* Effect.flip(messages.getHistory().pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none)))
            assert.include(["ResponseDecodeError", "ServerError"], failed._tag, name)
            // While the client lives on.
            yield* server.awaitClientClose
            yield* server.awaitNoneOpen
          }),
        { maxResponseBytes: 1_000_000 }
      )
    }
  })
)

it.scopedLive("a gigabyte costs no more than the limit: it is not read ahead", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.largeBody({ bytes: 1e9, chunked: true }))
    const before = process.memoryUsage().rss
    const error = yield* Effect.flip(
      withClient(server, (messages) => messages.getHistory(), { maxResponseBytes: 20_000_000 })
    )
    assert.strictEqual("reason" in error ? error.reason : error._tag, "tooLarge")
    assert.isBelow(process.memoryUsage().rss - before, 200_000_000)
  })
)

it.scopedLive("as many connections as calls under way", () =>
  Effect.gen(function* () {
    const slow = FaultServer.reply(FaultServer.delay("30 millis"), ...FaultServer.json([]).steps)
    const server = yield* FaultServer.serve(slow)
    yield* withClient(server, (messages) =>
      Effect.gen(function* () {
        const calls = Effect.all(
          Array.from({ length: 20 }, () => messages.getHistory()),
          { concurrency: "unbounded" }
        )
        yield* Effect.repeatN(calls, 4)
      })
    )
    assert.strictEqual(yield* server.requestCount, 100)
    assert.isAtMost(yield* server.connections, 40)
  })
)

it.scopedLive("when the layer's scope closes, every connection does, in use or not", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.json([message]))
    yield* withClient(server, (messages) =>
      Effect.all([messages.getHistory(), messages.getHistory(), messages.listSession({ id: SessionId.make("s1") })], {
        concurrency: "unbounded"
      })
    )
    yield* server.awaitNoneOpen
    assert.isAbove(yield* server.connections, 0)
  })
)

/** The clock of undici, which counts the seconds of a connection. */
const clock: { readonly tick: (millis: number) => void } = createRequire(import.meta.url)("undici/lib/util/timers.js")

it.scopedLive.skipIf(process.platform !== "linux")("a connection must stand within 10 seconds", () =>
  Effect.gen(function* () {
    const serverUrl = yield* FaultServer.blackHoleUrl
    const connecting = Effect.async<void>((resume) => {
      const hear = () => resume(turnOfLoop)
      diagnostics.subscribe("undici:client:beforeConnect", hear)
      return Effect.sync(() => diagnostics.unsubscribe("undici:client:beforeConnect", hear))
    })
    const call = withClient({ url: serverUrl }, (messages) => messages.getHistory(), { requestTimeout: "1 minute" })
    const fiber = yield* call.pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none), Effect.flip, Effect.fork)
    yield* connecting
    // A tick moves the clock on by half a second more than it is told. The first one starts the timer.
    for (const millis of [0, 9_000]) clock.tick(millis)
    yield* Effect.repeatN(turnOfLoop, 2)
    assert.isTrue(fiber.unsafePoll() === null)
    clock.tick(0)
    const error = yield* Fiber.join(fiber)
    assert(error._tag === "RequestTimeout")
    assert.deepStrictEqual([error.phase, error.scope], ["connect", "engine"])
  })
)

/** A plain server of Node's, which takes less time than the client. Every twentieth request is not found. */
const serveMany = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly server: Http.Server; requests: number; connections: number }>(
    (resume) => {
      const server = Http.createServer((_, response) => {
        running.requests += 1
        response.statusCode = running.requests % 20 === 0 ? 404 : 200
        response.setHeader("Content-Type", "application/json")
        response.end(JSON.stringify([message]))
      })
      const running = { url: "", server, requests: 0, connections: 0 }
      server.on("connection", () => {
        running.connections += 1
      })
      server.listen(0, "127.0.0.1", () => {
        running.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
        resume(Effect.succeed(running))
      })
    }
  ),
  ({ server }) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
)

it.scopedLive(
  "137 many calls (npm run soak makes 100,000): no warning of the process, nothing unhandled, and no connection for each",
  () =>
    Effect.gen(function* () {
      const count = draws(250, 1000)
      const server = yield* serveMany
      const heard: Array<unknown> = []
      const hear = (what: unknown) => heard.push(what)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          process.on("warning", hear)
          process.on("unhandledRejection", hear)
        }),
        () =>
          Effect.sync(() => {
            process.off("warning", hear)
            process.off("unhandledRejection", hear)
          })
      )
      yield* withClient(server, (messages) =>
        Stream.range(1, count).pipe(
          Stream.mapEffect(() => Effect.exit(messages.getHistory()), { concurrency: 8, unordered: true }),
          Stream.runDrain
        )
      )
      assert.strictEqual(server.requests, count)
      assert.isAtMost(server.connections, 32)
      assert.deepStrictEqual(heard, [])
    })
)
