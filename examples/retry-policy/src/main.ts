import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { MessagesService } from "@mix-effect/core"
import * as Backend from "@mix-effect/example-backend"
import { MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import { count, isUp, MessagesLive, newest } from "./program.ts"

/** The embedded server fails every other request, so that there is something to see. */
const faults = ({ index }: MixServer.FaultRequest) =>
  Effect.succeed(index % 2 === 0 ? MixServer.Fault.Respond({ status: 503 }) : undefined)

const program = Effect.gen(function* () {
  yield* Effect.log(`without retries, the server ${(yield* isUp) ? "is up" : "seems to be down"}`)
  yield* newest
  yield* Effect.log(`${yield* count} messages, with a quick policy for each page`)
  yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory())
  yield* Effect.log("one page, with the patient policy of the application")
})

program.pipe(
  Effect.provide(MessagesLive),
  Effect.provide(Backend.layer({ faults })), // not in a program of your own
  NodeRuntime.runMain
)
