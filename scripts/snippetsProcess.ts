// The process in which `run` of snippets.ts runs them: node main.mjs <name of snippet-0.mjs> <name of snippet-1.mjs> ...
import type { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Cause, ConfigError, Effect, Layer, ManagedRuntime, Option, Predicate, Runtime, Stream } from "effect"

const problems: Array<string> = []

const causeOf = (error: unknown): Cause.Cause<unknown> =>
  Runtime.isFiberFailure(error) ? error[Runtime.FiberFailureCauseId] : Cause.die(error)

/** Settings that only the reader has: a program that asks for them is in order. */
const lacksConfig = (cause: Cause.Cause<unknown>) =>
  Option.exists(
    Cause.failureOption(cause),
    (error) => ConfigError.isConfigError(error) && ConfigError.isMissingDataOnly(error)
  )

const report = (name: string, cause: Cause.Cause<unknown>) => {
  if (!lacksConfig(cause)) problems.push(`${name}: ${Cause.pretty(cause)}`)
}

/** What a snippet exports and can be run, as an effect. Tags are functions, and are left alone. */
const toEffect = (value: unknown): Effect.Effect<unknown, unknown, MessagesService> | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  // What they need is not known here; more than a `MessagesService` is a defect, and reported.
  if (Layer.isLayer(value)) return Effect.scoped(Layer.build(value as Layer.Layer<unknown, unknown, MessagesService>))
  if (Predicate.hasProperty(value, Stream.StreamTypeId)) {
    return Stream.runDrain(value as unknown as Stream.Stream<unknown, unknown, MessagesService>)
  }
  return Effect.isEffect(value) ? (value as Effect.Effect<unknown, unknown, MessagesService>) : undefined
}

const importSnippet = (name: string, index: number) =>
  Effect.promise((): Promise<object> => import(new URL(`snippet-${index}.mjs`, import.meta.url).href)).pipe(
    Effect.timeoutFail({
      duration: "20 seconds",
      onTimeout: () => new Error("does not end: export its effect, or mark it `ts no-run`")
    }),
    Effect.catchAllCause((cause) => {
      const [defect] = Cause.defects(cause)
      report(name, defect === undefined ? cause : causeOf(defect))
      return Effect.succeed({})
    }),
    Effect.map((module) => ({ name, module }))
  )

const runExports = ({ module, name }: { readonly name: string; readonly module: object }) =>
  Effect.forEach(
    Object.entries(module),
    ([key, value]) => {
      const effect = toEffect(value)
      // Two seconds are for those that never end, such as one that follows the history.
      return effect === undefined
        ? Effect.void
        : effect.pipe(
            Effect.timeoutOption("2 seconds"),
            Effect.catchAllCause((cause) => Effect.sync(() => report(`${name}: ${key}`, cause)))
          )
    },
    { concurrency: "unbounded", discard: true }
  )

process.on("unhandledRejection", (error) => report("in the background of a snippet", causeOf(error)))

const main = Effect.forEach(process.argv.slice(2), importSnippet, { concurrency: "unbounded" }).pipe(
  Effect.flatMap(Effect.forEach(runExports, { concurrency: "unbounded", discard: true })),
  Effect.ensuring(Effect.sync(() => process.send?.(problems, () => process.exit())))
)

ManagedRuntime.make(MixNode.layer()).runFork(main)
