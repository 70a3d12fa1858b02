import * as Http from "node:http"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as MixServer from "../src/MixServer.ts"
import { call, countingSleeps, eventually, post } from "./MixServerClient.ts"

const history = "/api/messages/history"

const serve = (faults: NonNullable<MixServer.Options["faults"]>, messages = 60) =>
  MixServer.serve({ seed: { messages }, faults })

const always = (fault: MixServer.Fault, messages?: number) => serve(() => Effect.succeed(fault), messages)

const ids = (server: MixServer.Running, query = "") =>
  Effect.map(
    call(server, `${history}${query}`),
    ({ body }): ReadonlyArray<string> => JSON.parse(body).map((row: { readonly id: string }) => row.id)
  )

/** A bare connection; what it receives is thrown away. */
const connect = (server: MixServer.Running) =>
  Effect.acquireRelease(
    Effect.async<Net.Socket>((resume) => {
      const socket = Net.connect(Number(new URL(server.url).port), "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
      socket.resume()
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const closed = (socket: Net.Socket) =>
  Effect.async<void>((resume) => {
    if (socket.destroyed) resume(Effect.void)
    else socket.once("close", () => resume(Effect.void))
  })

describe("MixServer faults", () => {
  it.scoped("asks about every request, with what it needs to choose", () =>
    Effect.gen(function* () {
      const asked: Array<MixServer.FaultRequest> = []
      const server = yield* serve((request) => {
        asked.push(request)
        return Effect.succeed(request.index === 1 ? MixServer.Fault.Respond({ status: 503 }) : undefined)
      })
      const statuses = yield* Effect.forEach([0, 1, 2], (index) =>
        Effect.map(call(server, `${history}?limit=1&offset=${index}`), ({ status }) => status)
      )
      assert.deepStrictEqual(statuses, [200, 503, 200])
      assert.deepStrictEqual(
        asked.map(({ index, method, path, query }) => [index, method, path, query.get("offset")]),
        [0, 1, 2].map((index) => [index, "GET", history, String(index)])
      )
    })
  )

  it.scoped("responds with exactly what is given", () =>
    Effect.gen(function* () {
      const server = yield* always(
        MixServer.Fault.Respond({
          status: 502,
          headers: { "Content-Type": "text/html", "Retry-After": "7" },
          body: "<h1>Bad Gateway</h1>"
        })
      )
      const { body, headers, names, status } = yield* call(server, history)
      assert.deepStrictEqual([status, body], [502, "<h1>Bad Gateway</h1>"])
      assert.deepStrictEqual([headers["content-type"], headers["retry-after"]], ["text/html", "7"])
      assert.sameMembers([...names], ["Content-Type", "Retry-After", "Content-Length", "Date", "Connection"])
    })
  )

  it.scoped("adds no content type of its own", () =>
    Effect.gen(function* () {
      const server = yield* always(MixServer.Fault.Respond({ status: 500, body: "?" }))
      const { body, headers } = yield* call(server, history)
      assert.strictEqual(body, "?")
      assert.isUndefined(headers["content-type"])
    })
  )

  it.scoped("cuts a body short of its declared length", () =>
    Effect.gen(function* () {
      for (const [bytes, messages] of [
        [0, 5],
        [7, 5],
        [5000, 60]
      ] as const) {
        const server = yield* always(MixServer.Fault.Truncate({ bytes }), messages)
        const socket = yield* connect(server)
        const received: Array<Uint8Array> = []
        socket.on("data", (chunk) => received.push(chunk))
        socket.write(`GET ${history} HTTP/1.1\r\nHost: x\r\n\r\n`)
        yield* closed(socket)
        const [head = "", body = ""] = Buffer.concat(received).toString("latin1").split("\r\n\r\n")
        assert.match(head, /^HTTP\/1.1 200 OK\r\n/)
        assert.isAbove(Number(/Content-Length: (\d+)/.exec(head)?.[1]), bytes)
        assert.strictEqual(body.length, bytes)
        const error = yield* Effect.flip(call(server, history))
        assert.strictEqual(error.code, "ECONNRESET")
        assert.strictEqual(yield* server.aborted, 0)
      }
    })
  )

  it.scoped("resets a connection before any byte", () =>
    Effect.gen(function* () {
      const server = yield* always(MixServer.Fault.Reset())
      const error = yield* Effect.flip(call(server, history))
      assert.strictEqual(error.code, "ECONNRESET")
      const [record] = yield* server.requests
      assert.isUndefined(record?.status)
      assert.strictEqual(yield* server.aborted, 0)
    })
  )

  it.scoped("stalls until the client leaves, which interrupts nothing else", () =>
    Effect.gen(function* () {
      const server = yield* serve(({ index }) => Effect.succeed(index === 0 ? MixServer.Fault.Stall() : undefined))
      const fiber = yield* Effect.fork(call(server, history))
      yield* eventually(Effect.map(server.requestCount, (count) => count === 1))
      assert.lengthOf(yield* ids(server), 50)
      assert.strictEqual(yield* server.aborted, 0)
      yield* Fiber.interrupt(fiber)
      yield* eventually(Effect.map(server.aborted, (count) => count === 1))
    })
  )

  it.scoped("clamps the limit and ignores parameters", () =>
    Effect.gen(function* () {
      const clamped = yield* always(MixServer.Fault.ClampLimit({ max: 10 }))
      const all = yield* clamped.messages
      assert.deepStrictEqual(yield* ids(clamped, "?limit=20&offset=5"), all.slice(5, 15))
      assert.deepStrictEqual(yield* ids(clamped, "?limit=3"), all.slice(0, 3))
      assert.deepStrictEqual(
        yield* ids(yield* always(MixServer.Fault.IgnoreOffset()), "?limit=3&offset=5"),
        all.slice(0, 3)
      )
      assert.deepStrictEqual(
        yield* ids(yield* always(MixServer.Fault.IgnoreLimit()), "?limit=3&offset=5"),
        all.slice(5, 55)
      )
    })
  )

  it.scoped("shows a request what its fault changed", () =>
    Effect.gen(function* () {
      const server = yield* serve(
        ({ index }, running) => Effect.as(running.append({ sessionId: "s", id: `new-${index}` }), undefined),
        3
      )
      assert.strictEqual((yield* ids(server))[0], "new-0")
      assert.deepStrictEqual((yield* ids(server)).slice(0, 2), ["new-0", "new-1"])
    })
  )

  it.scoped("closes the connection when the callback dies", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => Effect.die("broken test"))
      assert.strictEqual((yield* Effect.flip(call(server, history))).code, "ECONNRESET")
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )
})

describe("MixServer latency", () => {
  it.scoped("holds a finished response back by the clock", () =>
    countingSleeps((sleeping) =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ latency: "3 seconds" })
        yield* server.createSession({ id: "s" })
        const fiber = yield* Effect.fork(post(server, "/api/sessions/s/messages", { text: "a" }))
        yield* eventually(Effect.map(server.messages, (messages) => messages.length === 1))
        yield* eventually(Effect.map(sleeping, (count) => count === 1))
        yield* TestClock.adjust("2999 millis")
        assert.isUndefined((yield* server.requests)[0]?.status)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
      })
    )
  )

  it.scoped("is given up with the client, after the effect of the request", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ latency: "3 seconds" })
      yield* server.createSession({ id: "s" })
      const fiber = yield* Effect.fork(post(server, "/api/sessions/s/messages", { text: "a" }))
      yield* eventually(Effect.map(server.messages, (messages) => messages.length === 1))
      yield* Fiber.interrupt(fiber)
      yield* eventually(Effect.map(server.aborted, (count) => count === 1))
      yield* TestClock.adjust("3 seconds")
      assert.isUndefined((yield* server.requests)[0]?.status)
    })
  )
})

describe("MixServer lifecycle", () => {
  it.effect("is served by a layer", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.MixServer
      assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/)
      assert.lengthOf(yield* ids(server), 2)
    }).pipe(Effect.provide(MixServer.layer({ seed: { messages: 2 } })))
  )

  it.scoped("records requests and counts connections", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
      yield* call(server, `${history}?limit=1`, { agent, headers: { "X-Test": "yes" } })
      yield* call(server, "/api/sessions/s/messages", { agent, method: "POST", body: '{"text":"é"}' })
      agent.destroy()
      yield* call(server, "/nowhere")
      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map(({ body, method, status, target }) => [method, target, body, status]),
        [
          ["GET", `${history}?limit=1`, "", 200],
          ["POST", "/api/sessions/s/messages", '{"text":"é"}', 500],
          ["GET", "/nowhere", "", 404]
        ]
      )
      assert.strictEqual(requests[0]?.headers["x-test"], "yes")
      assert.strictEqual(yield* server.requestCount, 3)
      assert.strictEqual(yield* server.connectionCount, 2)
      assert.strictEqual(yield* server.aborted, 0)
    })
  )

  it.scoped("counts a client that leaves in the middle of its own body", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const socket = yield* connect(server)
      socket.write("POST /api/sessions/s/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
      yield* eventually(Effect.map(server.connectionCount, (count) => count === 1))
      yield* call(server, "/health")
      socket.destroy()
      yield* eventually(Effect.map(server.aborted, (count) => count === 1))
      assert.strictEqual(yield* server.requestCount, 1)
    })
  )

  it.scoped("ends every connection and handler with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const interrupted = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const server = yield* Scope.extend(
        serve(({ path }) =>
          path === "/health"
            ? Effect.succeed(undefined)
            : Deferred.succeed(started, undefined).pipe(
                Effect.zipRight(Effect.never),
                Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
              )
        ),
        scope
      )
      const silentSocket = yield* connect(server)
      const idle = yield* connect(server)
      idle.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
      const busy = yield* Effect.fork(Effect.flip(call(server, history)))
      yield* Deferred.await(started)
      yield* eventually(Effect.map(server.requests, (requests) => requests.some(({ status }) => status === 200)))
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(interrupted)
      yield* closed(silentSocket)
      yield* closed(idle)
      assert.strictEqual((yield* Fiber.join(busy)).code, "ECONNRESET")
      assert.strictEqual((yield* Effect.flip(call(server, "/health"))).code, "ECONNREFUSED")
      assert.strictEqual(yield* server.aborted, 0)
    })
  )

  it.scoped("fails to listen on a taken port", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const port = Number(new URL(server.url).port)
      const error = yield* Effect.flip(MixServer.serve({ port }))
      assert.deepStrictEqual([error._tag, error.port, error.code], ["ListenError", port, "EADDRINUSE"])
      assert.include(error.message, String(port))
    })
  )
})
