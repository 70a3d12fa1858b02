// The process in which `runAll` of runSnippets.ts runs them: node snippetsProcess.mjs <name of snippet-0.mjs> <name of snippet-1.mjs> ...
// It leaves what went wrong in problems.json.
import { writeFileSync } from "node:fs"
import type { MessagesService, SessionsService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Cause, Effect, Layer, ManagedRuntime, Option, Predicate, Stream } from "effect"

const problems: Array<string> = []

/** How Effect 3 and 4 tell of settings that only the reader has: a program that asks for them is in order. */
const lacksConfig = /^(Error: \(|ConfigError: )Missing data at /

const report = (name: string) => (cause: Cause.Cause<unknown>) =>
  Effect.sync(() => {
    const text = Cause.pretty(cause).replace("(FiberFailure) ", "")
    if (!lacksConfig.test(text)) problems.push(`${name}: ${text}`)
    return {}
  })

type Run = Effect.Effect<unknown, unknown, MessagesService | SessionsService>

/** What a snippet exports and can be run. Tags are functions, and are left alone; what else is needed is a defect. */
const toEffect = (value: unknown): Run => {
  if (typeof value !== "object" || value === null) return Effect.void
  if (Layer.isLayer(value)) return Effect.scoped(Layer.build(value as Layer.Layer<unknown>))
  if (Predicate.hasProperty(value, "channel")) return Stream.runDrain(value as unknown as Stream.Stream<unknown>)
  return Effect.isEffect(value) ? (value as Run) : Effect.void
}

const tooLong = () => new Error("does not end: export its effect, or mark it `ts no-run`")

const load = (index: number): Promise<object> => import(new URL(`snippet-${index}.mjs`, import.meta.url).href)

const runSnippet = (name: string, index: number) =>
  Effect.gen(function* () {
    const loaded = Effect.timeoutOption(
      Effect.promise(() => load(index)),
      "20 seconds"
    )
    const module = yield* Effect.catchAllCause(Effect.map(loaded, Option.getOrThrowWith(tooLong)), report(name))
    const runs = Object.entries(module).map(([key, value]) =>
      // Two seconds are for those that never end, such as one that follows the history.
      Effect.catchAllCause(Effect.timeoutOption(toEffect(value), "2 seconds"), report(`${name}: ${key}`))
    )
    yield* Effect.all(runs, { concurrency: "unbounded", discard: true })
  })

process.on("unhandledRejection", (error) => Effect.runSync(report("in the background of a snippet")(Cause.die(error))))

const main = Effect.forEach(process.argv.slice(2), runSnippet, { concurrency: "unbounded", discard: true }).pipe(
  Effect.tap(() => Effect.sleep("1 millis")), // Node tells of a rejection that nobody handles at the end of a turn.
  Effect.ensuring(Effect.sync(() => writeFileSync("problems.json", JSON.stringify(problems)))),
  Effect.ensuring(Effect.sync(() => process.exit()))
)

ManagedRuntime.make(MixNode.layer()).runFork(main)
