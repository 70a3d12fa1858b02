/**
 * `SessionsService` over any `HttpClient`.
 *
 * The runtime packages (`@mix-effect/node`, `@mix-effect/browser`) have the same layers with a client of their own.
 * Use this module with another client.
 *
 * @since 0.2.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { MessagesService, SessionsService } from "@mix-effect/core"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpClientEngine from "./internal/httpClientEngine.ts"
import * as MixConfig from "./MixConfig.ts"
import * as Services from "./Services.ts"

/**
 * Makes this service and `MessagesService` over the `HttpClient` in the context. They share one configuration and one
 * retry budget. The client is used as in `MessagesHttp.make`. It must deliver the body of a reply while it arrives.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  options?: MixConfig.Options
): Effect.Effect<Context.Context<MessagesService | SessionsService>, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Services.make(() => HttpClientEngine.make, options)

/**
 * `make` as a layer. If an option is bad, building the layer fails with a `ConfigError` that names it.
 *
 * @example
 * import { FetchHttpClient } from "@effect/platform"
 * import { SessionsHttp } from "@mix-effect/http"
 * import { Layer } from "effect"
 *
 * export const MixLive = SessionsHttp.layer({ serverUrl: "http://localhost:8088" }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (
  options?: MixConfig.Options
): Layer.Layer<MessagesService | SessionsService, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effectContext(make(options))

/**
 * The same, with options read through `Config`.
 *
 * @example
 * import { SessionsHttp } from "@mix-effect/http"
 * import { Config } from "effect"
 *
 * export const MixLive = SessionsHttp.layerConfig({
 *   serverUrl: Config.string("BACKEND_URL"),
 *   bearerToken: Config.redacted("BACKEND_TOKEN")
 * })
 *
 * @since 0.2.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<MixConfig.Options>
): Layer.Layer<MessagesService | SessionsService, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effectContext(Effect.flatMap(MixConfig.read(Config.unwrap(options)), make))
