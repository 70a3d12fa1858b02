/** What requests say of themselves, and dispatchers that are not the layer's own. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type Service, SessionId } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Agent, type Dispatcher, MockAgent } from "undici"
import { MixNode } from "../src/index.ts"
import * as ContentEncoding from "../src/internal/contentEncoding.ts"
import { version } from "../src/internal/version.ts"

const withClient = <A, E, R>(
  options: MixNode.Options,
  use: (messages: Service) => Effect.Effect<A, E, R>,
  provider = ConfigProvider.fromMap(new Map())
) =>
  Effect.flatMap(MessagesService, use).pipe(
    Effect.provide(MixNode.layer({ requestTimeout: "5 seconds", ...options })),
    Effect.withConfigProvider(provider)
  )

const get = (messages: Service) => messages.getHistory()

const agent = Effect.acquireRelease(
  Effect.sync(() => new Agent()),
  (agent) => Effect.promise(() => agent.destroy())
)

describe("requests", () => {
  const userAgent = `mix-effect/${version} node/${process.versions.node}`

  it.scopedLive("say who they are and which encodings are decoded, reads and sends", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      yield* withClient({ serverUrl: server.url }, (messages) =>
        Effect.zipRight(get(messages), Effect.exit(messages.send({ id: SessionId.make("s1"), text: "Hello" })))
      )
      const requests = yield* server.requests
      assert.lengthOf(requests, 2)
      for (const { headers } of requests) {
        assert.strictEqual(headers.get("user-agent"), userAgent)
        assert.strictEqual(headers.get("accept-encoding"), ContentEncoding.accepted)
      }
    })
  )

  it.scopedLive("say what `headers` says instead", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      const headers = { "User-Agent": "app/1", "ACCEPT-ENCODING": "identity" }
      yield* withClient({ serverUrl: server.url, headers }, get)
      const [request] = yield* server.requests
      assert.strictEqual(request?.headers.get("user-agent"), "app/1")
      assert.strictEqual(request?.headers.get("accept-encoding"), "identity")
    })
  )

  it("name the version of the package", () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
    assert.strictEqual(version, manifest.version)
  })
})

describe("a dispatcher of the user's own", () => {
  it.scopedLive("makes the requests, for layer and layerConfig, and is open afterwards", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      const own = yield* agent
      let dispatched = 0
      const dispatcher = own.compose((dispatch) => (options, handler) => {
        dispatched++
        return dispatch(options, handler)
      })
      yield* withClient({ serverUrl: server.url, dispatcher }, get)
      const layer = MixNode.layerConfig({
        serverUrl: Config.succeed(server.url),
        dispatcher: Config.succeed(dispatcher)
      })
      yield* Effect.flatMap(MessagesService, get).pipe(Effect.provide(layer))
      yield* withClient({ serverUrl: server.url, dispatcher: own }, get)
      assert.strictEqual(dispatched, 2)
      assert.isFalse(own.closed || own.destroyed)
      assert.strictEqual(yield* server.requestCount, 3)
      assert.isAtMost(yield* server.connections, 2)
    })
  )

  it.scopedLive("decides about proxies itself: no variable is read", () =>
    Effect.gen(function* () {
      const dispatcher = new MockAgent()
      dispatcher.disableNetConnect()
      dispatcher
        .get("http://mix.invalid")
        .intercept({ path: "/api/messages/history" })
        .reply(200, "[]", { headers: { "content-type": "application/json" } })
      const variables = ConfigProvider.fromMap(new Map(Object.entries({ HTTP_PROXY: "nonsense" })))
      const options = { serverUrl: "http://mix.invalid", dispatcher }
      assert.deepStrictEqual(yield* withClient(options, get, variables), [])
      dispatcher.assertNoPendingInterceptors()
    })
  )

  for (const value of [null, 5, "agent", {}, { dispatch: 1 }, Agent, () => {}]) {
    it.scopedLive(
      `${typeof value === "object" ? JSON.stringify(value) : String(value).slice(0, 12)} is a ConfigError`,
      () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(withClient({ dispatcher: value as unknown as Dispatcher }, get)) // as from JavaScript
          assert.isTrue(ConfigError.isConfigError(error))
          assert.match(String(error), /dispatcher.*undici 7/)
        })
    )
  }

  it.scopedLive("of undici 6, as is built into Node.js 20: the error says so, and nothing is tried again", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      // What undici 6 does with a handler of undici 7.
      const dispatcher = Object.assign(yield* agent, {
        dispatch: () => {
          throw Object.assign(new Error("invalid onError method"), { code: "UND_ERR_INVALID_ARG" })
        }
      })
      const error = yield* Effect.flip(withClient({ serverUrl: server.url, dispatcher }, get))
      assert.match(error.message, /is it of undici 7\?/)
      assert.deepInclude({ ...error }, { attempts: 1, transient: false, phase: "connect" })
      assert.strictEqual(yield* server.requestCount, 0)
    })
  )
})

it.scopedLive("a failure of one attempt is not made a failure for good by an interceptor's own error", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.json([]))
    const own = yield* agent
    let count = 0
    const dispatcher = own.compose((dispatch) => (options, handler) => {
      if (count++ === 0) throw new TypeError("of an interceptor")
      return dispatch(options, handler)
    })
    const once = (messages: Service) => RetryPolicy.withRetryPolicy(get(messages), RetryPolicy.none)
    const error = yield* Effect.flip(withClient({ serverUrl: server.url, dispatcher }, once))
    assert.deepInclude({ ...error }, { code: "UNKNOWN", phase: "connect" })
    assert.notMatch(error.message, /CORS/)
    count = 0
    assert.deepStrictEqual(yield* withClient({ serverUrl: server.url, dispatcher }, get), [])
  })
)

it.scoped("what are no options is a ConfigError", () =>
  Effect.gen(function* () {
    for (const options of [null, 5, { headers: null }] as ReadonlyArray<unknown>) {
      const error = yield* Effect.flip(Layer.build(MixNode.layer(options as MixNode.Options))) // as from JavaScript
      assert.isTrue(ConfigError.isConfigError(error))
    }
  })
)
