/** A server of made-up messages, in a process of its own: prints its url. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { MixServer } from "@mix-effect/testing"
import { Console, Effect } from "effect"

const [messages = "1000", sessions = "20"] = process.argv.slice(2)

Effect.gen(function* () {
  const server = yield* MixServer.serve({
    generation: "2026-02",
    seed: { messages: Number(messages), sessions: Number(sessions) }
  })
  yield* Console.log(server.url)
  yield* Effect.never
}).pipe(Effect.scoped, NodeRuntime.runMain)
