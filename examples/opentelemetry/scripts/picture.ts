/** Draws the trace of one run into trace.svg, beside the README. */
import { writeFileSync } from "node:fs"
import { MixNode } from "@mix-effect/node"
import { MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import { newest } from "../src/newest.ts"
import * as Telemetry from "../src/Telemetry.ts"
import * as Waterfall from "../src/Waterfall.ts"

const program = Effect.gen(function* () {
  const server = yield* MixServer.serve({
    seed: { messages: 100 },
    latency: "40 millis",
    faults: ({ index }) => Effect.succeed(index === 1 ? MixServer.Fault.Respond({ status: 503 }) : undefined)
  })
  const { spans } = yield* Effect.gen(function* () {
    yield* newest // a first call opens the connection
    return yield* Telemetry.record(newest)
  }).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url })))
  writeFileSync(new URL("../trace.svg", import.meta.url), Waterfall.toSvg(spans))
}).pipe(Effect.scoped)

await Effect.runPromise(program)
