/** Bun, which puts an imitation in the place of undici: classes of the same names that cannot dispatch. */
import { assert, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { MixNode } from "../src/index.ts"

vi.mock("undici", () => ({ Agent: class {}, ProxyAgent: class {} }))

for (const [way, HTTPS_PROXY] of [
  ["directly", ""],
  ["through a proxy", "http://proxy.invalid:3128"]
] as const) {
  it.effect(`165 ${way}: a ConfigError when the layer is built, which names what works`, () =>
    Effect.gen(function* () {
      const layer = MixNode.layer({ serverUrl: "https://mix.invalid" })
      const error = yield* Effect.flip(Effect.provide(MessagesService, layer)).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["HTTPS_PROXY", HTTPS_PROXY]])))
      )
      assert.isTrue(ConfigError.isConfigError(error))
      assert.match(String(error), /replaces undici.*MixBrowser/)
    })
  )
}
