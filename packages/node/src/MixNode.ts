/**
 * The messages client for Node.js, complete: `Effect.provide(MixNode.layer())` is all a program needs.
 *
 * Connections are kept alive and reused, up to one for each call under way. When the layer's scope closes every connection
 * is closed with it.
 *
 * A proxy is taken from `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (in either case). What goes to a server url of `http` the
 * proxy forwards (requests in absolute form), so that a 403 or 502 of its own cannot be told from the server's; to a server
 * url of `https`, and where its own url is `https`, it opens a tunnel (`CONNECT`). Its credentials, as in
 * `http://user:password@proxy:3128`, go to the proxy alone, and stand in no error.
 *
 * @since 0.1.0
 */
import { MessagesService, type Service } from "@mix-effect/core"
import * as Engine from "@mix-effect/http/Engine"
import type * as MixConfig from "@mix-effect/http/MixConfig"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici"
import * as UndiciEngine from "./internal/undiciEngine.ts"

/** A connection that never stands is the one thing that only the engine can time. */
const agentOptions = { connect: { timeout: 10_000 } }

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
    : new EnvHttpProxyAgent({ ...agentOptions, httpProxy, httpsProxy, noProxy, proxyTunnel: false })
})

const make = (options?: MixConfig.Options): Effect.Effect<Service, ConfigError.ConfigError, Scope.Scope> =>
  Effect.acquireRelease(makeDispatcher, (dispatcher) => Effect.promise(() => dispatcher.destroy())).pipe(
    Effect.flatMap((dispatcher) => Engine.toService(UndiciEngine.make(dispatcher), options))
  )

/**
 * `MessagesService` over connections of its own. A bad option or proxy variable is a `ConfigError` that names it, when the
 * layer is built.
 *
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
  Layer.scoped(MessagesService, make(options))

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
): Layer.Layer<MessagesService, ConfigError.ConfigError> =>
  Layer.scoped(MessagesService, Effect.flatMap(Config.unwrap(options), make))
