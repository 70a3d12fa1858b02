/**
 * The complete Mix client for browsers: a page or a worker needs only `Effect.provide(MixBrowser.layer())`.
 *
 * It uses `fetch`, for reads with `cache: "no-store"`. A read sets only the header `Accept`, so it needs no CORS
 * preflight. A `send`, a bearer token and most `headers` need one, and Mix allows only `Authorization` and
 * `X-Requested-With` there. A browser has no environment: options that you leave out come from the `ConfigProvider`,
 * if there is one, then from defaults.
 *
 * Browsers report less than Node.js, so some errors say less:
 *
 * - A redirect, which is never followed, is an `UnexpectedStatus` as everywhere, but its `status` is always 300. The
 *   browser hides the real status, and RFC 9110 says to treat an unknown redirect as 300.
 * - A server that is down, a server that refuses this origin, and a refused preflight all look alike: a
 *   `ConnectionError` with the code `FETCH_FAILED`, whose `hint` lists the possible causes. If the browser says that
 *   it is offline, the code is `OFFLINE`. For an `https` page and an `http` server url, it is `MIXED_CONTENT`.
 * - While the browser says that it is offline, a `send` is not tried, unless the server is on this machine. Its
 *   message was then certainly not sent, and may be sent again. Any other `send` that fails in `fetch` may have
 *   arrived.
 * - `Retry-After` is hidden unless a proxy exposes it, so the delays of the retry policy apply.
 *
 * If the page becomes visible after 45 seconds without a byte, the stream of a session's events is reopened, because
 * the browser may have suspended the page and its connections.
 *
 * @since 0.1.0
 */
import { MessagesService, type SessionsService } from "@mix-effect/core"
import type * as Engine from "@mix-effect/http/Engine"
import * as MixConfig from "@mix-effect/http/MixConfig"
import * as Services from "@mix-effect/http/Services"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FetchEngine from "./internal/fetchEngine.ts"
import * as Hint from "./internal/hint.ts"
import * as Retry from "./internal/retry.ts"

/**
 * Options of the layers: those of every client, and one for browsers only.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends MixConfig.Options {
  /**
   * Whether a retry waits until the browser is online again, but no longer than the call's deadline allows. Otherwise
   * retries fail while the browser is offline, until the policy ends them. Default: `false`.
   */
  readonly waitWhileOffline?: boolean | undefined
}

/** The engine, the options of every client, and what is specific to browsers. */
const client = (options?: Options) =>
  Effect.map(MixConfig.copyOptions(options), ({ waitWhileOffline = false, ...options }) => {
    const platform: Engine.Platform = {
      policy: (policy) => Retry.adapt(policy, waitWhileOffline),
      explain: Hint.make(options)
    }
    return [() => FetchEngine.make, options, platform] as const
  })

const make = (options?: Options) => Effect.flatMap(client(options), (client) => Services.make(...client))

/**
 * `MessagesService` and `SessionsService` over `fetch`, with one configuration and one retry budget. If an option is
 * bad, building the layer fails with a `ConfigError` that names it.
 *
 * Browsers open at most six connections to an HTTP/1.1 server, for all pages together. Each session whose events are
 * read, or in which an ask runs, uses one of them.
 *
 * @example
 * import { SessionId, SessionsService } from "@mix-effect/core"
 * import { MixBrowser } from "@mix-effect/browser"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const sessions = yield* SessionsService
 *   const { text } = yield* sessions.ask({ id: SessionId.make("s1"), text: "Hello" })
 *   yield* Effect.log(text)
 * })
 *
 * export const main = program.pipe(
 *   Effect.provide(MixBrowser.layer({ serverUrl: "http://localhost:8088", waitWhileOffline: true }))
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<MessagesService | SessionsService, ConfigError.ConfigError> =>
  Layer.effectContext(make(options))

/**
 * The same with options that are read by `Config`.
 *
 * @example
 * import { MixBrowser } from "@mix-effect/browser"
 * import { Config, ConfigProvider, Layer } from "effect"
 *
 * // A page has no environment: give it a `ConfigProvider`.
 * const settings = ConfigProvider.fromJson({ backend: { url: "https://mix.example.com" } })
 *
 * export const MixLive = MixBrowser.layerConfig({
 *   serverUrl: Config.string("url").pipe(Config.nested("backend"))
 * }).pipe(Layer.provide(Layer.setConfigProvider(settings)))
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<MessagesService | SessionsService, ConfigError.ConfigError> =>
  Layer.effectContext(Effect.flatMap(MixConfig.read(Config.unwrap(options)), make))

const makeMessages = (options?: Options) =>
  Effect.flatMap(client(options), (client) => Services.makeMessages(...client))

/**
 * `MessagesService` alone, for a page that does not use sessions and should not download their code. With esbuild,
 * import the module as here: if a namespace comes from the package's index, esbuild keeps every member of it.
 *
 * @example
 * import { MessagesService } from "@mix-effect/core"
 * import * as MixBrowser from "@mix-effect/browser/MixBrowser"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const messages = yield* MessagesService
 *   yield* messages.followHistory().pipe(Stream.runForEach((message) => Effect.log(message.userInput)))
 * })
 *
 * export const main = program.pipe(
 *   Effect.provide(MixBrowser.layerMessages({ serverUrl: "http://localhost:8088", waitWhileOffline: true }))
 * )
 *
 * @since 0.2.0
 * @category layers
 */
export const layerMessages = (options?: Options): Layer.Layer<MessagesService, ConfigError.ConfigError> =>
  Layer.effect(MessagesService, makeMessages(options))

/**
 * The same with options that are read by `Config`.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerMessagesConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<MessagesService, ConfigError.ConfigError> =>
  Layer.effect(MessagesService, Effect.flatMap(MixConfig.read(Config.unwrap(options)), makeMessages))
