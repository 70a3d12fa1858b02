/** Tests as the code that is tested: promises, no Effect but in the server. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { NotFound } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { FaultServer, MixServer } from "@mix-effect/testing"
import { Deferred, Effect } from "effect"
import { makeHandler } from "../src/handler.ts"
import { MixMessages } from "../src/MixMessages.ts"

/** The class, closed with the scope. */
const connect = (serverUrl: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new MixMessages(MixNode.layer({ serverUrl }))),
    (messages) => Effect.promise(() => messages.close())
  )

/** The handler in a server of its own. */
const listen = (messages: MixMessages<unknown>) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer(makeHandler(messages))
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${port}`,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const settled = (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    () => "rejected"
  )

describe("MixMessages", () => {
  it.scopedLive("answers with what there is", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const id = yield* server.createSession()
      const messages = yield* connect(server.url)
      yield* Effect.promise(async () => {
        const sent = await messages.send(id, "Hello")
        assert.isTrue(sent.ok && sent.value.assistantResponse !== undefined)
        const latest = await messages.latest(10)
        assert.deepStrictEqual(latest.ok && latest.value.map(({ userInput }) => userInput), ["Hello"])
        const session = await messages.session(id)
        assert.deepStrictEqual(session.ok && session.value.map(({ role }) => role), ["user", "assistant"])
      })
    })
  )

  it.scopedLive("answers with what went wrong, as a value", () =>
    Effect.gen(function* () {
      const messages = yield* connect((yield* FaultServer.serve(FaultServer.status(401))).url)
      yield* Effect.promise(async () => {
        const latest = await messages.latest(10)
        assert.strictEqual(!latest.ok && latest.error._tag, "Unauthorized")
        const sent = await messages.send("s1", "")
        assert.strictEqual(!sent.ok && sent.error._tag, "InvalidRequest")
      })
    })
  )

  it.scopedLive("reads the history as a loop goes on, and no further", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 1000 } })
      const messages = yield* connect(server.url)
      yield* Effect.promise(async () => {
        let count = 0
        for await (const _ of messages.history()) if (++count === 150) break
        assert.strictEqual(count, 150)
      })
      assert.isAtMost(yield* server.requestCount, 3)
    })
  )

  it.scopedLive("a loop is told what goes wrong", () =>
    Effect.gen(function* () {
      const messages = yield* connect((yield* FaultServer.serve(FaultServer.status(404))).url)
      yield* Effect.promise(async () => {
        const error: unknown = await messages
          .history()
          .next()
          .catch((error) => error)
        assert.isTrue(error instanceof NotFound)
      })
    })
  )

  it.scopedLive("close ends what is under way", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const server = yield* MixServer.serve({
        faults: () => Effect.as(Deferred.succeed(asked, undefined), MixServer.Fault.Stall())
      })
      const messages = yield* connect(server.url)
      const call = messages.latest(1)
      yield* Deferred.await(asked)
      yield* Effect.promise(async () => {
        await messages.close()
        const result = await call
        assert.strictEqual(!result.ok && result.error._tag, "ConnectionError")
        assert.strictEqual(await settled(messages.latest(1)), "rejected")
      })
    })
  )

  it("a layer that cannot be built rejects every call", async () => {
    const messages = new MixMessages(MixNode.layer({ serverUrl: "mix.example.com" }))
    assert.strictEqual(await settled(messages.latest(1)), "rejected")
    await messages.close()
  })

  it.scopedLive("a signal ends a call", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const messages = yield* connect(server.url)
      const call = messages.latest(1, { signal: AbortSignal.abort() })
      assert.strictEqual(yield* Effect.promise(() => settled(call)), "rejected")
      assert.strictEqual(yield* server.requestCount, 0)
    })
  )
})

describe("the handler", () => {
  it.scopedLive("serves what the class answers", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 3, sessions: 1 } })
      const { url } = yield* listen(yield* connect(server.url))
      const [id] = yield* server.sessions
      yield* Effect.promise(async () => {
        const latest = await fetch(`${url}/latest`)
        assert.strictEqual(latest.status, 200)
        assert.lengthOf((await latest.json()) as ReadonlyArray<unknown>, 3)
        assert.strictEqual((await fetch(`${url}/sessions/${id}`)).status, 200)
        assert.strictEqual((await fetch(`${url}/favicon.ico`)).status, 404)
      })
    })
  )

  const statuses = [
    { of: FaultServer.status(404), status: 502, error: "not found (404): is the server url that of a Mix backend?" },
    {
      of: FaultServer.status(429, [["Retry-After", "3600"]]),
      status: 503,
      error: "too many requests (429): it asks to wait 1h"
    }
  ]
  for (const { error, of, status } of statuses) {
    it.scopedLive(`says ${status}: ${error}`, () =>
      Effect.gen(function* () {
        const { url } = yield* listen(yield* connect((yield* FaultServer.serve(of)).url))
        yield* Effect.promise(async () => {
          const latest = await fetch(`${url}/latest`)
          assert.strictEqual(latest.status, status)
          assert.deepStrictEqual(await latest.json(), { error: `getHistory: ${error}` })
        })
      })
    )
  }

  it.scopedLive("a client that leaves ends its call", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const given = yield* Deferred.make<void>()
      const server = yield* MixServer.serve({
        faults: () =>
          Deferred.succeed(asked, undefined).pipe(
            Effect.zipRight(Effect.never),
            Effect.onInterrupt(() => Deferred.succeed(given, undefined))
          )
      })
      const { url } = yield* listen(yield* connect(server.url))
      const client = new AbortController()
      const left = fetch(`${url}/latest`, { signal: client.signal }).catch(() => "left")
      yield* Deferred.await(asked)
      client.abort()
      assert.strictEqual(yield* Effect.promise(() => left), "left")
      yield* Deferred.await(given)
      assert.strictEqual(yield* server.aborted, 1)
    })
  )
})
