// The process in which `run` of snippets.ts runs them: node snippetsProcess.mjs <name of snippet-0.mjs> <name of snippet-1.mjs> ...
import { MixNode } from "@mix-effect/node"
import { Cause, ConfigError, Effect, Layer, ManagedRuntime, Option, Predicate, Runtime, Stream } from "effect"

const problems: Array<string> = []

/** Settings that only the reader has are no problem: a program that asks for them is in order. */
const report = (name: string, cause: Cause.Cause<unknown>) => {
  const [defect] = Cause.defects(cause)
  const own = Runtime.isFiberFailure(defect) ? defect[Runtime.FiberFailureCauseId] : cause
  const lacksConfig = (error: unknown) => ConfigError.isConfigError(error) && ConfigError.isMissingDataOnly(error)
  if (!Option.exists(Cause.failureOption(own), lacksConfig)) problems.push(`${name}: ${Cause.pretty(own)}`)
}

type Run = Effect.Effect<unknown, unknown, Layer.Layer.Success<ReturnType<typeof MixNode.layer>>>

/** What a snippet exports and can be run. Tags are functions, and are left alone; what else is needed is a defect. */
const toEffect = (value: unknown): Run => {
  if (typeof value !== "object" || value === null) return Effect.void
  if (Layer.isLayer(value)) return Effect.scoped(Layer.build(value as Layer.Layer<unknown>))
  if (Predicate.hasProperty(value, Stream.StreamTypeId)) return Stream.runDrain(value as Stream.Stream<unknown>)
  return Effect.isEffect(value) ? (value as Run) : Effect.void
}

const runSnippet = (name: string, index: number) =>
  Effect.promise((): Promise<object> => import(new URL(`snippet-${index}.mjs`, import.meta.url).href)).pipe(
    Effect.timeoutFail({
      duration: "20 seconds",
      onTimeout: () => new Error("does not end: export its effect, or mark it `ts no-run`")
    }),
    Effect.catchAllCause((cause) =>
      Effect.as(
        Effect.sync(() => report(name, cause)),
        {}
      )
    ),
    Effect.flatMap((module) =>
      Effect.forEach(
        Object.entries(module),
        ([key, value]) =>
          // Two seconds are for those that never end, such as one that follows the history.
          toEffect(value).pipe(
            Effect.timeoutOption("2 seconds"),
            Effect.catchAllCause((cause) => Effect.sync(() => report(`${name}: ${key}`, cause)))
          ),
        { concurrency: "unbounded", discard: true }
      )
    )
  )

process.on("unhandledRejection", (error) => report("in the background of a snippet", Cause.die(error)))

const main = Effect.forEach(process.argv.slice(2), runSnippet, { concurrency: "unbounded", discard: true }).pipe(
  Effect.zipLeft(Effect.sleep("1 millis")), // Node tells of a rejection that nobody handles at the end of a turn.
  Effect.ensuring(Effect.sync(() => process.send?.(problems, () => process.exit())))
)

ManagedRuntime.make(MixNode.layer()).runFork(main)
