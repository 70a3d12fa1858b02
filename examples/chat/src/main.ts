import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Backend from "@mix-effect/example-backend"
import { MixNode } from "@mix-effect/node"
import { MixAgent } from "@mix-effect/testing"
import { Console, Effect, Option } from "effect"
import { open, safeLine, turn } from "./chat.ts"
import * as Terminal from "./terminal.ts"

const { values } = parseArgs({ options: { once: { type: "string" }, session: { type: "string" } } })

/** What is asked where nobody can type. */
const question = values.once ?? (process.stdin.isTTY ? undefined : "What files are here?")

const once = (text: string) =>
  Effect.gen(function* () {
    const { id } = yield* open(Option.fromNullable(values.session))
    yield* turn(id, text, Terminal.write, () => Effect.succeed("deny"))
  })

const conversation = Effect.gen(function* () {
  const terminal = yield* Terminal.open
  const { id } = yield* open(Option.fromNullable(values.session))
  yield* terminal.write(`Session ${safeLine(id)} (--session resumes it). Ctrl-C stops the agent, then the program.\n`)
  for (;;) {
    const text = yield* terminal.ask("\nYou: ")
    if (text === undefined) return
    if (text.trim() === "") continue
    yield* turn(id, text, terminal.write, ({ description, toolName }) =>
      Effect.map(
        terminal.ask(`\n${safeLine(toolName)} wants to: ${safeLine(description)}. Allow it? [y/N] `),
        (answer) => (/^y(es)?$/i.test(answer?.trim() ?? "") ? "grant" : "deny")
      )
    ).pipe(
      Effect.ignore, // it was said
      // Interrupting the turn cancels the agent's run.
      Effect.raceFirst(Effect.zipRight(terminal.interrupted, terminal.write("\n(stopped)\n")))
    )
  }
}).pipe(Effect.scoped)

const program = question === undefined ? conversation : once(question)

program.pipe(
  Effect.provide(MixNode.layer()),
  Effect.provide(Backend.layer({ generation: "2026-02", agent: MixAgent.demo })), // not in a program of your own
  Effect.tapError((error) => Console.error(safeLine(error.message))),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
