/**
 * The complete Mix client for Node.js: a program needs only `Effect.provide(MixNode.layer())`.
 *
 * Connections are kept alive and reused, at most one for each running call. When the layer's scope closes, all
 * connections are closed.
 *
 * When it is built, the layer reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (in upper or lower case) and decides
 * whether requests go through a proxy. For an `http` server url, the proxy forwards requests; for an `https` one, it
 * opens a tunnel. Credentials in the proxy's url, as in `http://user:password@proxy:3128`, go only to the proxy and
 * appear in no error.
 *
 * @since 0.1.0
 */
import { MessagesService, type SessionsService } from "@mix-effect/core"
import * as MixConfig from "@mix-effect/http/MixConfig"
import * as Services from "@mix-effect/http/Services"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Agent, type Dispatcher } from "undici"
import * as Proxy from "./internal/proxy.ts"
import * as Tunnels from "./internal/tunnels.ts"
import * as UndiciEngine from "./internal/undiciEngine.ts"

/**
 * Options of the layers: those of every client, and one for Node.js only.
 *
 * @since 0.2.0
 * @category options
 */
export interface Options extends MixConfig.Options {
  /**
   * The undici dispatcher that makes the requests instead of the layer's own: for a private CA, client certificates,
   * a unix socket, interceptors, or mocks. It also decides about proxies; the layer reads no proxy variable. The
   * layer does not close it.
   */
  readonly dispatcher?: Dispatcher | undefined
}

const isDispatcher = (value: unknown): value is Dispatcher =>
  typeof value === "object" && value !== null && "dispatch" in value && typeof value.dispatch === "function"

/** The layer's own connections, which are closed with its scope. */
const ownDispatcher = (
  proxy: Proxy.Proxy | undefined
): Effect.Effect<Dispatcher, ConfigError.ConfigError, Scope.Scope> =>
  Effect.suspend(() => {
    // A connection that never stands is the one thing that only the engine can time.
    const dispatcher: unknown =
      proxy?.tunnel === true ? Tunnels.make(proxy) : new Agent({ connect: { timeout: 10_000 } })
    // Bun replaces undici by an imitation that cannot dispatch.
    return isDispatcher(dispatcher)
      ? Effect.acquireRelease(Effect.succeed(dispatcher), () => Effect.promise(() => dispatcher.destroy()))
      : Effect.fail(
          MixConfig.invalid(
            "dispatcher",
            "this runtime replaces undici, which MixNode needs; use MixBrowser, or MessagesHttp with FetchHttpClient"
          )
        )
  })

const makeEngine = (config: MixConfig.MixConfig, dispatcher: Dispatcher | undefined) =>
  Effect.gen(function* () {
    if (dispatcher === undefined) {
      const proxy = yield* Proxy.choose(config.url, Proxy.variable)
      if (proxy !== undefined) yield* MixConfig.warnOfPlainText(config, new URL(proxy.origin))
      const own = yield* ownDispatcher(proxy)
      // Tunnels say nothing of their connections.
      return UndiciEngine.make(own, proxy, own instanceof Agent ? UndiciEngine.watchConnections(own) : undefined)
    }
    if (!isDispatcher(dispatcher)) {
      return yield* Effect.fail(MixConfig.invalid("dispatcher", "must be a dispatcher of undici 7"))
    }
    return UndiciEngine.make(dispatcher)
  })

const engineFor = (dispatcher: Dispatcher | undefined) => (config: MixConfig.MixConfig) =>
  makeEngine(config, dispatcher)

const make = (options?: Options) =>
  Effect.flatMap(MixConfig.copyOptions(options), ({ dispatcher, ...options }) =>
    Services.make(engineFor(dispatcher), options)
  )

/**
 * `MessagesService` and `SessionsService` with shared connections, one configuration and one retry budget. If an
 * option or a proxy variable is bad, building the layer fails with a `ConfigError` that names it.
 *
 * @example
 * import { SessionsService } from "@mix-effect/core"
 * import { MixNode } from "@mix-effect/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const sessions = yield* SessionsService
 *   const { id } = yield* sessions.create({ title: "Sales review" })
 *   const { text } = yield* sessions.ask({ id, text: "Summarise sales.csv by region" })
 *   yield* Effect.log(text)
 * })
 *
 * export const main = program.pipe(Effect.provide(MixNode.layer({ serverUrl: "http://localhost:8088" })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<MessagesService | SessionsService, ConfigError.ConfigError> =>
  Layer.scopedContext(make(options))

/**
 * The same with options that are read by `Config`.
 *
 * @example
 * import { MixNode } from "@mix-effect/node"
 * import { Config } from "effect"
 *
 * export const MixLive = MixNode.layerConfig({
 *   serverUrl: Config.string("BACKEND_URL"),
 *   deadline: Config.duration("BACKEND_DEADLINE")
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<MessagesService | SessionsService, ConfigError.ConfigError> =>
  Layer.scopedContext(Effect.flatMap(MixConfig.read(Config.unwrap(options)), make))

const makeMessages = ({ dispatcher, ...options }: Options = {}) => Services.makeMessages(engineFor(dispatcher), options)

/**
 * `MessagesService` alone.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerMessages = (options?: Options): Layer.Layer<MessagesService, ConfigError.ConfigError> =>
  Layer.scoped(MessagesService, makeMessages(options))

/**
 * The same with options that are read by `Config`.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerMessagesConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<MessagesService, ConfigError.ConfigError> =>
  Layer.scoped(MessagesService, Effect.flatMap(MixConfig.read(Config.unwrap(options)), makeMessages))
