// The process in which `runAll` of snippets.ts runs them: node snippetsProcess.mjs <name of snippet-0.mjs> <name of snippet-1.mjs> ...
// It leaves what went wrong in problems.json.
import { writeFileSync } from "node:fs"
import { MixNode } from "@mix-effect/node"
import { Cause, ConfigError, Effect, Layer, ManagedRuntime, Option, Predicate, Runtime, Stream } from "effect"

const problems: Array<string> = []

/** Settings that only the reader has are no problem: a program that asks for them is in order. */
const report = (name: string) => (cause: Cause.Cause<unknown>) =>
  Effect.sync(() => {
    const [defect] = Cause.defects(cause)
    const own = Runtime.isFiberFailure(defect) ? defect[Runtime.FiberFailureCauseId] : cause
    const lacksConfig = (error: unknown) => ConfigError.isConfigError(error) && ConfigError.isMissingDataOnly(error)
    if (!Option.exists(Cause.failureOption(own), lacksConfig)) problems.push(`${name}: ${Cause.pretty(own)}`)
    return {}
  })

type Run = Effect.Effect<unknown, unknown, Layer.Layer.Success<ReturnType<typeof MixNode.layer>>>

/** What a snippet exports and can be run. Tags are functions, and are left alone; what else is needed is a defect. */
const toEffect = (value: unknown): Run => {
  if (typeof value !== "object" || value === null) return Effect.void
  if (Layer.isLayer(value)) return Effect.scoped(Layer.build(value as Layer.Layer<unknown>))
  if (Predicate.hasProperty(value, Stream.StreamTypeId)) return Stream.runDrain(value as Stream.Stream<unknown>)
  return Effect.isEffect(value) ? (value as Run) : Effect.void
}

const tooLong = () => new Error("does not end: export its effect, or mark it `ts no-run`")

const runSnippet = (name: string, index: number) =>
  Effect.gen(function* () {
    const module = yield* Effect.promise(
      (): Promise<object> => import(new URL(`snippet-${index}.mjs`, import.meta.url).href)
    ).pipe(Effect.timeoutFail({ duration: "20 seconds", onTimeout: tooLong }), Effect.catchAllCause(report(name)))
    const runs = Object.entries(module).map(([key, value]) =>
      // Two seconds are for those that never end, such as one that follows the history.
      Effect.catchAllCause(Effect.timeoutOption(toEffect(value), "2 seconds"), report(`${name}: ${key}`))
    )
    yield* Effect.all(runs, { concurrency: "unbounded", discard: true })
  })

process.on("unhandledRejection", (error) => Effect.runSync(report("in the background of a snippet")(Cause.die(error))))

const main = Effect.forEach(process.argv.slice(2), runSnippet, { concurrency: "unbounded", discard: true }).pipe(
  Effect.zipLeft(Effect.sleep("1 millis")), // Node tells of a rejection that nobody handles at the end of a turn.
  Effect.ensuring(Effect.sync(() => writeFileSync("problems.json", JSON.stringify(problems)))),
  Effect.ensuring(Effect.sync(() => process.exit()))
)

ManagedRuntime.make(MixNode.layer()).runFork(main)
