/** Which server to read: `--server`, then `MIX_SERVER_URL`, then one of our own. */
import type { MessagesService } from "@mix-effect/core"
import * as MixNode from "@mix-effect/node/MixNode"
import * as MixServer from "@mix-effect/testing/MixServer"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { note, type Output } from "./Output.ts"

/** A reference server in this process, full of made-up messages. */
const embedded: Layer.Layer<MessagesService, ConfigError.ConfigError | MixServer.ListenError, Output> =
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 5000, sessions: 40 } })
      yield* note(`Neither --server nor MIX_SERVER_URL is set: reading an embedded reference server at ${server.url}`)
      return MixNode.layer({ serverUrl: server.url })
    })
  ).pipe(
    // Proxies and tokens of the environment are for other servers.
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map())))
  )

const isSet = Config.string("MIX_SERVER_URL").pipe(
  Config.map((url) => url.trim() !== ""),
  Config.withDefault(false)
)

/** Whether the server is ours, and the client for it. */
export const choose = (flag: Option.Option<string>) =>
  Effect.map(isSet, (isSet) =>
    Option.isSome(flag)
      ? { isEmbedded: false, layer: MixNode.layer({ serverUrl: flag.value }) }
      : isSet
        ? { isEmbedded: false, layer: MixNode.layer() }
        : { isEmbedded: true, layer: embedded }
  )
