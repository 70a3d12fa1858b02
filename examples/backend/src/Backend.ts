/** The backend of the examples: the one that MIX_SERVER_URL names, else a reference server in this process. */
import { MixServer } from "@mix-effect/testing"
import { Config, ConfigProvider, Console, Effect, Layer, Schedule } from "effect"

/** A blank variable counts as none, as it does for the SDK. */
const isNamed = Config.string("MIX_SERVER_URL").pipe(
  Config.map((url) => url.trim() !== ""),
  Config.withDefault(false)
)

const embed = (options: MixServer.Options) =>
  Effect.gen(function* () {
    const server = yield* MixServer.serve({ seed: { messages: 2000, sessions: 20 }, ...options })
    yield* Console.error(`MIX_SERVER_URL is not set: serving an embedded reference server at ${server.url}`)
    const [sessionId = ""] = yield* server.sessions
    yield* server
      .append({ sessionId, text: "And what changed since last week?" })
      .pipe(Effect.schedule(Schedule.spaced("2 seconds")), Effect.forkScoped)
    // Proxies and tokens of the environment are for other servers.
    const own = new Map([
      ["MIX_SERVER_URL", server.url],
      ["MIX_BEARER_TOKEN", ""],
      ["no_proxy", "*"]
    ])
    return Layer.setConfigProvider(ConfigProvider.orElse(ConfigProvider.fromMap(own), () => ConfigProvider.fromEnv()))
  })

/**
 * Sees to it that `MIX_SERVER_URL` names a server: what is built on this layer reads it as it would in production. The
 * embedded server gets a message every two seconds.
 */
export const layer = (options: MixServer.Options = {}) =>
  Layer.unwrapScoped(Effect.flatMap(isNamed, (isNamed) => (isNamed ? Effect.succeed(Layer.empty) : embed(options))))
