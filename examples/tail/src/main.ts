import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeSink from "@effect/platform-node/NodeSink"
import * as Backend from "@mix-effect/example-backend"
import { MixNode } from "@mix-effect/node"
import { Console, Effect, Schedule, Stream } from "effect"
import { tail } from "./tail.ts"

tail({ last: 10, schedule: Schedule.spaced("1 second") }).pipe(
  Stream.run(NodeSink.stdout),
  // The reader has left, as `head` does.
  Effect.catchTag("SystemError", () => Effect.void),
  Effect.provide(MixNode.layer()),
  Effect.provide(Backend.layer()), // not in a program of your own
  // Stdout is for messages.
  Effect.tapError((error) => Console.error(error.message)),
  // Ctrl-C interrupts the stream, the layers close their connections, and the process exits with 0.
  NodeRuntime.runMain({ disableErrorReporting: true })
)
