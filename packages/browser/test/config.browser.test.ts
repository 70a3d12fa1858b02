/** Where options come from in a browser, which has no environment. */
import { assert, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { MixBrowser } from "../src/index.ts"
import { replaced, startMix } from "./support.ts"

const provider = (values: Readonly<Record<string, string>>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

it.scopedLive("from Config, by layerConfig", () =>
  Effect.gen(function* () {
    const { url } = yield* startMix({ seed: { messages: 2 } })
    const layer = MixBrowser.layerConfig({
      serverUrl: Config.string("BACKEND"),
      waitWhileOffline: Config.boolean("WAIT")
    }).pipe(Layer.provide(provider({ BACKEND: url, WAIT: "yes" })))
    const page = yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(Effect.provide(layer))
    assert.lengthOf(page, 2)
  })
)

it.scopedLive("from the ConfigProvider, under the names of the environment", () =>
  Effect.gen(function* () {
    const { url } = yield* startMix({ seed: { messages: 2 } })
    const layer = MixBrowser.layer().pipe(Layer.provide(provider({ MIX_SERVER_URL: url })))
    const page = yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(Effect.provide(layer))
    assert.lengthOf(page, 2)
  })
)

it.effect("what are no options, or no headers, is a ConfigError", () =>
  Effect.gen(function* () {
    // As from JavaScript.
    for (const options of [null, 5, { headers: null }] as ReadonlyArray<unknown>) {
      const error = yield* Effect.flip(Layer.build(MixBrowser.layer(options as MixBrowser.Options)))
      assert.isTrue(ConfigError.isConfigError(error))
    }
  }).pipe(Effect.scoped)
)

it.scopedLive("from defaults: http://localhost:8088, and no preflight", () =>
  Effect.gen(function* () {
    const asked: Array<unknown> = []
    yield* replaced(globalThis, "fetch", (url: unknown, init: RequestInit) => {
      asked.push(url, init.headers)
      return Promise.resolve(Response.json([]))
    })
    yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(Effect.provide(MixBrowser.layer()))
    assert.deepStrictEqual(asked, ["http://localhost:8088/api/messages/history", { accept: "application/json" }])
  })
)
