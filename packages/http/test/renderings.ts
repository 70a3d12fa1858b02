/** Everywhere a secret could show: what becomes of an error, and what a call leaves in spans, logs and metrics. */
import * as util from "node:util"
import { MixError } from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import { recorder } from "./recorder.ts"

const inspect = (value: unknown) => util.inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true })

const encode = Schema.encodeUnknownSync(MixError)

/** Every way in which an error is written down. */
export const ofCause = (cause: Cause.Cause<unknown>): ReadonlyArray<string> => [
  Cause.pretty(cause),
  Cause.pretty(cause, { renderErrorCause: true }),
  inspect(cause),
  JSON.stringify(cause),
  ...[...Cause.failures(cause), ...Cause.defects(cause)].flatMap((error) => [
    String(error),
    inspect(error),
    JSON.stringify(error) ?? "",
    ...(error instanceof Error ? [error.message, error.stack ?? "", inspect(error.cause)] : []),
    ...(Schema.is(MixError)(error) ? [JSON.stringify(encode(error))] : []),
    ...(ConfigError.isConfigError(error) ? [error.toString()] : [])
  ])
]

/** Spans and log lines of whatever runs in `watch`. */
export const watcher = () => {
  const found: Array<string> = []
  const { tracer } = recorder((...values) => {
    for (const value of values)
      found.push(inspect(value), ...(Exit.isExit(value) && Exit.isFailure(value) ? ofCause(value.cause) : []))
  })
  const logger = Logger.make(({ annotations, cause, message }) => {
    found.push(inspect(message), inspect(Object.fromEntries(annotations)), ...ofCause(cause))
  })
  const watch = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    effect.pipe(
      // What a program logs of a failure, it logs as it is.
      Effect.tapErrorCause((cause) => Effect.logError("it failed", cause)),
      Effect.withTracer(tracer),
      Logger.withMinimumLogLevel(LogLevel.All),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
  return { found, watch }
}

interface State {
  readonly buckets?: ReadonlyArray<readonly [boundary: number, count: number]>
  readonly count?: number
  readonly sum?: number
  readonly value?: number
}

/** All metrics of this process. */
export const metrics = Effect.map(Metric.snapshot, (pairs) =>
  pairs.map(({ metricKey, metricState }) => ({
    name: metricKey.name,
    labels: Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value])),
    state: metricState as State
  }))
)

/** The names and labels of all metrics of this process. */
export const ofMetrics: Effect.Effect<ReadonlyArray<string>> = Effect.map(metrics, (found) =>
  found.map(({ labels, name }) => inspect([name, labels]))
)
