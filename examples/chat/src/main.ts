import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Backend from "@mix-effect/example-backend"
import { MixNode } from "@mix-effect/node"
import { MixAgent } from "@mix-effect/testing"
import { Console, Effect, Option } from "effect"
import { conversation, open, safeLine, turn } from "./chat.ts"
import * as Terminal from "./terminal.ts"

class BadUsage {
  readonly _tag = "BadUsage"
  constructor(readonly message: string) {}
}

const flags = Effect.try({
  try: () => parseArgs({ options: { once: { type: "string" }, session: { type: "string" } } }).values,
  catch: (error) =>
    new BadUsage(`${error instanceof Error ? error.message : "bad flags"} Usage: chat [--session ID] [--once TEXT]`)
})

const program = Effect.gen(function* () {
  const { once, session } = yield* flags
  const resumed = Option.fromNullable(session)
  // What is asked where nobody can type.
  const question = once ?? (process.stdin.isTTY ? undefined : "What files are here?")
  if (question === undefined)
    return yield* Effect.flatMap(Terminal.open(), (terminal) => conversation(terminal, resumed))
  const { id } = yield* open(resumed)
  yield* turn(id, question, Terminal.write, () => Effect.succeed("deny"))
}).pipe(
  Effect.scoped,
  Effect.provide(MixNode.layer()),
  Effect.provide(Backend.layer({ generation: "2026-02", agent: MixAgent.demo })) // not in a program of your own
)

program.pipe(
  Effect.tapError((error) => Console.error(safeLine(error.message))),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
