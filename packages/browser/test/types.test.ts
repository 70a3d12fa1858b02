/** Types are checked by the compiler (`tsc -p tsconfig.check.json`), which reads this file; no browser runs it. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { type BackendMessage, type FollowHistoryError, MessagesService, type SessionsService } from "@mix-effect/core"
import type { MixConfig } from "@mix-effect/http"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { MixBrowser } from "../src/index.ts"

/** Never run: it has to compile, and not to where it says so. */
const compile = (_body: () => unknown) => {}

describe("types", () => {
  it("a layer is complete", () => {
    type Live<Services> = Layer.Layer<Services, ConfigError.ConfigError>
    expectTypeOf(MixBrowser.layer).returns.toEqualTypeOf<Live<MessagesService | SessionsService>>()
    expectTypeOf(MixBrowser.layerConfig).returns.toEqualTypeOf<Live<MessagesService | SessionsService>>()
    expectTypeOf(MixBrowser.layerMessages).returns.toEqualTypeOf<Live<MessagesService>>()
    expectTypeOf(MixBrowser.layerMessagesConfig).returns.toEqualTypeOf<Live<MessagesService>>()
  })

  it("a stream that has it needs nothing more", () => {
    const follow = () =>
      Stream.unwrap(Effect.map(MessagesService, (messages) => messages.followHistory())).pipe(
        Stream.provideLayer(Layer.orDie(MixBrowser.layer()))
      )
    expectTypeOf(follow).returns.toEqualTypeOf<Stream.Stream<BackendMessage, FollowHistoryError>>()
  })

  it("takes the options of every layer and one of its own", () => {
    expectTypeOf<Exclude<keyof MixBrowser.Options, keyof MixConfig.Options>>().toEqualTypeOf<"waitWhileOffline">()
    expectTypeOf<MixBrowser.Options>().toExtend<MixConfig.Options>()
    expectTypeOf(MixBrowser.layer).parameter(0).toEqualTypeOf<MixBrowser.Options | undefined>()
    expectTypeOf(MixBrowser.layerConfig).parameter(0).toEqualTypeOf<Config.Config.Wrap<MixBrowser.Options>>()
    compile(() => [
      MixBrowser.layer({ waitWhileOffline: true }),
      MixBrowser.layerConfig({ waitWhileOffline: Config.boolean("WAIT") }),
      // @ts-expect-error
      MixBrowser.layer({ waitOffline: true }),
      // @ts-expect-error
      MixBrowser.layerConfig({ waitWhileOffline: Config.string("WAIT") })
    ])
  })
})
