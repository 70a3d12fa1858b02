import * as Http from "node:http"
import { finished } from "node:stream/promises"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { MixNode } from "@mix-effect/node"
import { MixServer } from "@mix-effect/testing"
import { Context, Deferred, Effect, Exit, Layer, Logger } from "effect"
import * as History from "../src/History.ts"

/** The url of `/history` over this Mix server. */
const serve = (mix: MixServer.Running) =>
  Effect.gen(function* () {
    const NodeServer = NodeHttpServer.layer(() => Http.createServer(), { host: "127.0.0.1", port: 0 })
    const app = History.layer.pipe(
      Layer.provide(MixNode.layer({ serverUrl: mix.url })),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provideMerge(NodeServer)
    )
    const { address } = Context.get(yield* Layer.build(app), HttpServer.HttpServer)
    return `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}/history`
  })

/** A response that nobody reads yet. It is left with the scope. */
const open = (url: string) =>
  Effect.acquireRelease(
    Effect.async<Http.IncomingMessage>((resume) => {
      Http.get(url, { agent: false }, (response) => resume(Effect.succeed(response)))
    }),
    (response) => Effect.sync(() => response.destroy())
  )

/** Reads to the end. */
const idsOf = (response: Http.IncomingMessage) =>
  Effect.promise(async () => {
    let text = ""
    for await (const piece of response.setEncoding("utf8")) text += piece
    return text
      .split("\n")
      .slice(0, -1)
      .map((line): string => JSON.parse(line).id)
  })

describe("ndjson-server", () => {
  it.scopedLive("asks for no more than its reader takes", () =>
    Effect.gen(function* () {
      const mix = yield* MixServer.serve()
      const text = "long ".repeat(80_000)
      for (let second = 0; second < 40; second++) yield* mix.append({ sessionId: "s1", text, createdAt: second })
      const url = yield* serve(mix)
      const smallPages = Effect.map(
        mix.requests,
        (requests) => requests.filter(({ target }) => /limit=\d&/.test(target)).length
      )

      const slow = yield* open(`${url}?pageSize=2`)
      // Another reader takes all 16 MB meanwhile: as much time as the 20 pages of the first would need.
      const fast = yield* open(`${url}?pageSize=20`)
      yield* Effect.promise(() => finished(fast.resume()))
      assert.isBelow(yield* smallPages, 15, "what the sockets hold, and no more")

      assert.deepStrictEqual(yield* idsOf(slow), yield* mix.messages)
      assert.isAtLeast(yield* smallPages, 20)
    })
  )

  it.scopedLive("stops asking when its reader leaves", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const given = yield* Deferred.make<void>()
      const mix = yield* MixServer.serve({
        seed: { messages: 50 },
        // The second page takes for ever; only a client that gives up ends the wait.
        faults: ({ index }) =>
          index === 1
            ? Deferred.succeed(asked, undefined).pipe(
                Effect.zipRight(Effect.never),
                Effect.onInterrupt(() => Deferred.succeed(given, undefined))
              )
            : Effect.succeed(undefined)
      })
      const url = yield* serve(mix)
      const reader = yield* open(`${url}?pageSize=10`)
      yield* Deferred.await(asked)
      reader.destroy()
      yield* Deferred.await(given)
      assert.strictEqual(yield* mix.aborted, 1)
      assert.strictEqual(yield* mix.requestCount, 2)
    })
  )

  it.scopedLive("a list that breaks off does not look whole", () =>
    Effect.gen(function* () {
      const mix = yield* MixServer.serve({
        seed: { messages: 50 },
        faults: ({ index }) => Effect.succeed(index === 1 ? MixServer.Fault.Respond({ status: 404 }) : undefined)
      })
      const url = yield* serve(mix)
      const outcome = yield* Effect.exit(Effect.tryPromise(async () => (await fetch(`${url}?pageSize=10`)).text()))
      assert.isTrue(Exit.isFailure(outcome))
    })
  )

  it.scopedLive("a list that cannot begin is a status", () =>
    Effect.gen(function* () {
      const mix = yield* MixServer.serve({
        faults: () => Effect.succeed(MixServer.Fault.Respond({ status: 404 }))
      })
      const url = yield* serve(mix)
      const get = (url: string) =>
        Effect.promise(async () => {
          const response = await fetch(url)
          return [response.status, await response.text()]
        })
      const refusal = "getHistory: not found (404): is the server url that of a Mix backend?"
      assert.deepStrictEqual(yield* get(url), [502, refusal])
      assert.deepStrictEqual(yield* get(`${url}?pageSize=many`), [400, "pageSize must be a number"])
      const [status, text] = yield* get(`${url}?pageSize=0`)
      assert.strictEqual(status, 400)
      assert.include(text, "pageSize must be")
    })
  )

  it.scopedLive("no messages are no lines", () =>
    Effect.gen(function* () {
      const url = yield* serve(yield* MixServer.serve())
      const response = yield* open(url)
      assert.deepStrictEqual([response.statusCode, response.headers["content-type"]], [200, "application/x-ndjson"])
      assert.deepStrictEqual(yield* idsOf(response), [])
    })
  )
})
