/**
 * `MessagesService` over any `HttpClient`.
 *
 * The runtime packages (`@mix-effect/node`, `@mix-effect/browser`) have the same layers with a client of their own.
 * Use this module with another client.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import { MessagesService, type Service } from "@mix-effect/core"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpClientEngine from "./internal/httpClientEngine.ts"
import * as MixConfig from "./MixConfig.ts"
import * as Services from "./Services.ts"

/**
 * Makes the service over the `HttpClient` in the context. It uses the client as it is, with two exceptions. First,
 * the client's own spans and trace headers are off, because these spans hold headers; the service writes its own
 * spans. Second, over `fetch`, redirects are not followed and reads carry `cache: "no-store"`, unless a
 * `FetchHttpClient.RequestInit` sets another `cache`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options?: MixConfig.Options
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Services.makeMessages(() => HttpClientEngine.make, options)

/**
 * `make` as a layer. If an option is bad, building the layer fails with a `ConfigError` that names it.
 *
 * @example
 * import { FetchHttpClient } from "@effect/platform"
 * import { MessagesHttp } from "@mix-effect/http"
 * import { Layer } from "effect"
 *
 * export const MessagesLive = MessagesHttp.layer({ serverUrl: "http://localhost:8088" }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: MixConfig.Options
): Layer.Layer<MessagesService, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(MessagesService, make(options))

/**
 * The same, with options read through `Config`.
 *
 * @example
 * import { MessagesHttp } from "@mix-effect/http"
 * import { Config } from "effect"
 *
 * export const MessagesLive = MessagesHttp.layerConfig({
 *   serverUrl: Config.string("BACKEND_URL"),
 *   bearerToken: Config.redacted("BACKEND_TOKEN")
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<MixConfig.Options>
): Layer.Layer<MessagesService, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(MessagesService, Effect.flatMap(MixConfig.read(Config.unwrap(options)), make))
