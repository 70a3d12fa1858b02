/** Types are checked by the compiler (`tsc -p tsconfig.check.json`), which reads this file; running it shows little. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { type BackendMessage, MessagesService, type SessionsService, type StreamHistoryError } from "@mix-effect/core"
import type { MixConfig } from "@mix-effect/http"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Agent } from "undici"
import { MixNode } from "../src/index.ts"

/** Never run: it has to compile, and not to where it says so. */
const compile = (_body: () => unknown) => {}

describe("types", () => {
  it("a layer is complete", () => {
    type Live<Services> = Layer.Layer<Services, ConfigError.ConfigError>
    expectTypeOf(MixNode.layer).returns.toEqualTypeOf<Live<MessagesService | SessionsService>>()
    expectTypeOf(MixNode.layerConfig).returns.toEqualTypeOf<Live<MessagesService | SessionsService>>()
    expectTypeOf(MixNode.layerMessages).returns.toEqualTypeOf<Live<MessagesService>>()
    expectTypeOf(MixNode.layerMessagesConfig).returns.toEqualTypeOf<Live<MessagesService>>()
  })

  it("a program that has it needs nothing more", () => {
    const program = () =>
      Stream.unwrap(Effect.map(MessagesService, (messages) => messages.streamHistory())).pipe(
        Stream.runCollect,
        Effect.map((rows): ReadonlyArray<BackendMessage> => [...rows]),
        Effect.provide(MixNode.layer())
      )
    expectTypeOf(program).returns.toEqualTypeOf<
      Effect.Effect<ReadonlyArray<BackendMessage>, ConfigError.ConfigError | StreamHistoryError>
    >()
  })

  it("takes the options of every layer, a dispatcher, and no other", () => {
    expectTypeOf(MixNode.layer).parameter(0).toEqualTypeOf<MixNode.Options | undefined>()
    expectTypeOf<Omit<MixNode.Options, "dispatcher">>().toEqualTypeOf<MixConfig.Options>()
    compile(() => [
      MixNode.layerConfig({ serverUrl: Config.string("URL"), headers: { "x-key": Config.redacted("KEY") } }),
      MixNode.layer({ dispatcher: new Agent() }),
      MixNode.layerConfig({ dispatcher: Config.succeed(new Agent()) }),
      // @ts-expect-error: not a Config
      MixNode.layerConfig({ dispatcher: new Agent() }),
      // @ts-expect-error
      MixNode.layer({ dispatcher: {} }),
      // @ts-expect-error: of browsers
      MixNode.layer({ waitWhileOffline: true }),
      // @ts-expect-error
      MixNode.layerConfig({ url: Config.string("URL") })
    ])
  })
})
