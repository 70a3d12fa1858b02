import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Backend from "@mix-effect/example-backend"
import { Effect } from "effect"
import { AppLive, LoggingLive, program } from "./App.ts"

program.pipe(
  Effect.provide(AppLive),
  Effect.provide(Backend.layer()), // not in a program of your own
  Effect.provide(LoggingLive),
  // The logger is ours to choose.
  NodeRuntime.runMain({ disablePrettyLogger: true })
)
