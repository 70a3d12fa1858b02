/**
 * The messages client for Node.js, complete: `Effect.provide(MixNode.layer())` is all a program needs.
 *
 * Connections are kept alive and reused, up to one for each call under way. A proxy is taken from `HTTP_PROXY`,
 * `HTTPS_PROXY` and `NO_PROXY` (in either case). When the layer's scope closes every connection is closed with it.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type { MessagesService } from "@mix-effect/core"
import { MessagesHttp, type MixConfig } from "@mix-effect/http"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici"
import * as UndiciClient from "./internal/undiciClient.ts"

/**
 * Reading a reply is timed by the SDK's own limits, which know a slow `send` from a slow read: the engine's, five minutes
 * each, are off. What it alone can tell apart is a connection that never stands.
 */
const agentOptions = { connect: { timeout: 10_000 }, headersTimeout: 0, bodyTimeout: 0 }

const variable = (name: string) =>
  Config.string(name.toLowerCase()).pipe(
    Config.orElse(() => Config.string(name)),
    Config.option,
    Config.map(Option.match({ onNone: () => "", onSome: (value) => value.trim() }))
  )

const checkProxy = (name: string, url: string): Effect.Effect<void, ConfigError.ConfigError> =>
  url === "" || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
    ? Effect.void
    : Effect.fail(ConfigError.InvalidData([name], "the proxy's url must begin with http:// or https://"))

const makeDispatcher: Effect.Effect<Dispatcher, ConfigError.ConfigError> = Effect.gen(function* () {
  const httpProxy = yield* variable("HTTP_PROXY")
  const httpsProxy = yield* variable("HTTPS_PROXY")
  const noProxy = yield* variable("NO_PROXY")
  yield* checkProxy("HTTP_PROXY", httpProxy)
  yield* checkProxy("HTTPS_PROXY", httpsProxy)
  // The proxy agent reads the environment by itself for what it is not given: empty strings keep it from that.
  return httpProxy === "" && httpsProxy === ""
    ? new Agent(agentOptions)
    : new EnvHttpProxyAgent({ ...agentOptions, httpProxy, httpsProxy, noProxy })
})

const client: Layer.Layer<HttpClient.HttpClient, ConfigError.ConfigError> = Layer.scoped(
  HttpClient.HttpClient,
  Effect.acquireRelease(makeDispatcher, (dispatcher) => Effect.promise(() => dispatcher.destroy())).pipe(
    Effect.map(UndiciClient.make)
  )
)

/**
 * @example
 * import { MessagesService } from "@mix-effect/core"
 * import { MixNode } from "@mix-effect/node"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const messages = yield* MessagesService
 *   yield* messages.streamHistory().pipe(Stream.runForEach((message) => Effect.log(message.userInput)))
 * })
 *
 * export const main = program.pipe(Effect.provide(MixNode.layer({ serverUrl: "http://localhost:8088" })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: MixConfig.Options): Layer.Layer<MessagesService, ConfigError.ConfigError> =>
  Layer.provide(MessagesHttp.layer(options), client)

/**
 * The same with options that are read by `Config`.
 *
 * @example
 * import { MixNode } from "@mix-effect/node"
 * import { Config } from "effect"
 *
 * export const MessagesLive = MixNode.layerConfig({
 *   serverUrl: Config.string("BACKEND_URL"),
 *   deadline: Config.duration("BACKEND_DEADLINE")
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<MixConfig.Options>
): Layer.Layer<MessagesService, ConfigError.ConfigError> => Layer.provide(MessagesHttp.layerConfig(options), client)
