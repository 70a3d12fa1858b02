/**
 * The Mix client for browsers, complete: `Effect.provide(MixBrowser.layer())` is all a page or a worker needs.
 *
 * Requests go out by `fetch`, reads with `cache: "no-store"`. A read sets no header but `Accept`, so it needs no CORS preflight; a `send`, a bearer
 * token and nearly every one of `headers` need one, and there Mix admits `Authorization` and `X-Requested-With` only. There is
 * no environment to read options from: what `options` leave out comes from the `ConfigProvider`, if there is one, then from
 * defaults.
 *
 * Browsers tell less than Node.js does, so some errors say less:
 *
 * - A redirect, which is never followed, is an `UnexpectedStatus` as everywhere, but its `status` is 300: which of the
 *   redirects it was is hidden, and RFC 9110 has an unknown one treated as 300.
 * - A server that is down, one that refuses this origin and a refused preflight all look alike: they are a
 *   `ConnectionError` whose `hint` says which it may be, with the code `FETCH_FAILED`. Where the browser says that it is
 *   offline the code is `OFFLINE`; for a page of `https` and a server url of `http` it is `MIXED_CONTENT`.
 * - While the browser says that it is offline a `send` is not even tried, unless the server is on this machine: so its
 *   message is known not to have been sent, and may be sent again. Any other `send` that `fetch` fails may have arrived.
 * - `Retry-After` is hidden, unless a proxy exposes it: then the delays of the retry policy hold.
 *
 * The stream of a session's events is opened again when the page becomes visible after 45 seconds without a byte: a browser
 * may have suspended the page, and its connections with it.
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
 * Options of the layers: those of every client, and one that only browsers have.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends MixConfig.Options {
  /**
   * Whether a retry waits until the browser is online again, for as long as the deadline of its call allows. Without it
   * retries go on failing while the browser is offline, until the policy ends them. Default: `false`.
   */
  readonly waitWhileOffline?: boolean | undefined
}

/** The engine, the options that every client has, and what browsers do of their own. */
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
 * `MessagesService` and `SessionsService` by `fetch`, with one configuration and one retry budget. A bad option is a
 * `ConfigError` that names it, when the layer is built.
 *
 * Browsers open six connections to a server of HTTP/1.1, for all pages together. The events of each session that is listened
 * to, and each session that is asked, take one of them meanwhile.
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
 * `MessagesService` alone: a page that only reads and sends messages need not download what sessions take. Where esbuild bundles
 * it, import the module as here: of a namespace that comes from the package's index it keeps every member.
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
