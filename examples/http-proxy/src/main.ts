import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { MixServer } from "@mix-effect/testing"
import { Config, ConfigProvider, Console, Effect, Option } from "effect"
import { count } from "./count.ts"
import * as Proxy from "./Proxy.ts"

/** As if these were the variables of the process. */
const withEnv = (env: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))

/** A server and a proxy of our own. */
const demo = Effect.gen(function* () {
  const server = yield* MixServer.serve({ seed: { messages: 300 } })
  const proxy = yield* Proxy.serve(() => "127.0.0.1")
  // A name that only the proxy can resolve, as in a company's network.
  const inside = server.url.replace("127.0.0.1", "mix.internal")

  for (const env of [
    { MIX_SERVER_URL: inside, HTTP_PROXY: proxy.url },
    { MIX_SERVER_URL: server.url, HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" }
  ]) {
    const before = (yield* proxy.asked).length
    yield* Console.log(`${yield* withEnv(env)(count)} messages with`, env)
    yield* Console.log("the proxy was asked for", (yield* proxy.asked).slice(before))
  }
})

const program = Effect.gen(function* () {
  const url = yield* Config.option(Config.nonEmptyString("MIX_SERVER_URL"))
  if (Option.isNone(url)) return yield* demo
  yield* Console.log(`${yield* count} messages`)
})

program.pipe(Effect.scoped, NodeRuntime.runMain)
