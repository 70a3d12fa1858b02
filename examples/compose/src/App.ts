/** The layers of the application, and what each reads from the configuration. */
import { printable } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Config, Effect, Layer, Logger, LogLevel } from "effect"
import { Digest } from "./Digest.ts"

/** Options that are left out keep their defaults: the server url that of `MIX_SERVER_URL`. */
const MessagesLive = MixNode.layerConfig({
  deadline: Config.duration("MIX_DEADLINE").pipe(Config.withDefault("20 seconds"))
})

/** `LOG_LEVEL=Debug` shows more, `LOG_FORMAT=json` suits a machine. */
export const LoggingLive = Layer.unwrapEffect(
  Effect.gen(function* () {
    const level = yield* Config.logLevel("LOG_LEVEL").pipe(Config.withDefault(LogLevel.Info))
    const format = yield* Config.literal("pretty", "json")("LOG_FORMAT").pipe(Config.withDefault("pretty"))
    return Layer.merge(Logger.minimumLogLevel(level), format === "json" ? Logger.json : Logger.pretty)
  })
)

export const AppLive = Digest.layer.pipe(Layer.provide(MessagesLive))

export const program = Effect.gen(function* () {
  const { busiest } = yield* Digest
  for (const { latest, messages, sessionId } of yield* busiest) {
    yield* Effect.logInfo(`${printable(sessionId)}: ${messages} messages, lately "${printable(latest)}"`)
  }
})
