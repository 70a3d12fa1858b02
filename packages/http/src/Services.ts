/**
 * Makes the services over an `Engine`, with configuration, retry policy and telemetry.
 *
 * @since 0.2.0
 */
import { MessagesService, type Service, SessionsService } from "@mix-effect/core"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Engine, Platform } from "./Engine.ts"
import * as Client from "./internal/client.ts"
import * as Messages from "./internal/messages.ts"
import * as Sessions from "./internal/sessions.ts"
import type * as MixConfig from "./MixConfig.ts"

/**
 * Makes both services over one engine. They share the configuration, the retry budget and the telemetry.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = <R>(
  makeEngine: (config: MixConfig.MixConfig) => Effect.Effect<Engine, ConfigError.ConfigError, R>,
  options?: MixConfig.Options,
  platform?: Platform
): Effect.Effect<Context.Context<MessagesService | SessionsService>, ConfigError.ConfigError, R> =>
  Effect.map(Client.make(makeEngine, options, platform), (client) =>
    Context.make(MessagesService, Messages.make(client)).pipe(Context.add(SessionsService, Sessions.make(client)))
  )

/**
 * Makes `MessagesService` alone.
 *
 * @example
 * import { MessagesService } from "@mix-effect/core"
 * import { type Engine, Services } from "@mix-effect/http"
 * import { Effect, Layer } from "effect"
 *
 * export const layer = (engine: Engine.Engine) =>
 *   Layer.effect(MessagesService, Services.makeMessages(() => Effect.succeed(engine)))
 *
 * @since 0.2.0
 * @category constructors
 */
export const makeMessages = <R>(
  makeEngine: (config: MixConfig.MixConfig) => Effect.Effect<Engine, ConfigError.ConfigError, R>,
  options?: MixConfig.Options,
  platform?: Platform
): Effect.Effect<Service, ConfigError.ConfigError, R> =>
  Effect.map(Client.make(makeEngine, options, platform), (client) => Messages.make(client))
