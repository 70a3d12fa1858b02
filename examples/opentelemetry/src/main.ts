import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Backend from "@mix-effect/example-backend"
import { MixServer } from "@mix-effect/testing"
import { Console, Effect } from "effect"
import { MessagesLive, newest } from "./newest.ts"
import * as Telemetry from "./Telemetry.ts"
import * as Waterfall from "./Waterfall.ts"

/** The embedded server fails once, so that there is something to see. */
const faults = ({ index }: MixServer.FaultRequest) =>
  Effect.succeed(index === 0 ? MixServer.Fault.Respond({ status: 503 }) : undefined)

const program = Effect.gen(function* () {
  const { durations, spans } = yield* Telemetry.record(newest)
  yield* Console.log(Waterfall.toText(spans))
  for (const { attributes, value } of durations) {
    yield* Console.log("http.client.request.duration", { count: value.count, sum: value.sum }, attributes)
  }
})

program.pipe(
  Effect.provide(MessagesLive),
  Effect.provide(Backend.layer({ faults, latency: "20 millis" })), // not in a program of your own
  NodeRuntime.runMain
)
