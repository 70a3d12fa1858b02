/**
 * Spans, metrics and log lines, by OpenTelemetry's conventions for HTTP clients where there are any. None holds a header or a
 * body.
 */
import type { MixError, Operation } from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Progress, Reply, Request } from "../Engine.ts"
import * as Span from "./span.ts"

/** Seconds; the bucket boundaries that OpenTelemetry advises. */
const duration = Metric.histogram(
  "http.client.request.duration",
  MetricBoundaries.fromIterable([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]),
  "Duration of one request to a Mix backend, in seconds"
)

const retries = Metric.counter("mix.client.retries", {
  description: "Requests to a Mix backend that were made again",
  incremental: true
})

const budget = Metric.gauge("mix.client.retry_budget", {
  description: "What is left of a layer's retry budget: 500 at first, a retry takes 5"
})

type Attributes = Readonly<Record<string, string | number>>

const withAttributes = <Type, In, Out>(metric: Metric.Metric<Type, In, Out>, attributes: Attributes) =>
  Metric.taggedWithLabels(
    metric,
    Object.entries(attributes).map(([key, value]) => MetricLabel.make(key, String(value)))
  )

export interface Server {
  readonly address: string
  readonly port: number
}

export interface Target {
  readonly method: Request["method"]
  readonly route: string
  readonly url: string
}

export interface Attempt {
  readonly span: Tracer.Span | undefined
  readonly elapsed: () => Duration.Duration
  /** For the engine to keep up to date. */
  readonly progress: Progress
  /** Notes the status of a reply. Of the reply that it gives, it notes the length of the body as well. */
  readonly observe: (reply: Reply) => Reply
}

/** By what an attempt that failed is known. */
export const errorType = (error: MixError, status: number | undefined): string =>
  status !== undefined && status >= 400 ? String(status) : error._tag

/** Logs without harm to the call: Effect makes a defect of what a logger throws. */
const log = (write: Effect.Effect<void>, annotations: Readonly<Record<string, unknown>>): Effect.Effect<void> =>
  Effect.catchAllDefect(Effect.annotateLogs(write, annotations), () => Effect.void)

/** What is recorded of the calls of one layer. Spans are `needed` where requests carry their ids. */
export const make = (server: Server, needed: boolean) => {
  const common = { "server.address": server.address, "server.port": server.port }

  // To find a metric by its labels takes longer than to update it.
  const durations = new Map<string, typeof duration>()
  const durationOf = (method: string, outcome: Attributes): typeof duration => {
    const key = `${method} ${outcome["http.response.status_code"]} ${outcome["error.type"]}`
    let metric = durations.get(key)
    if (metric === undefined) {
      metric = withAttributes(duration, { "http.request.method": method, ...common, ...outcome })
      durations.set(key, metric)
    }
    return metric
  }

  const budgetOfLayer = withAttributes(budget, common)

  return {
    /** One span around a call with all its attempts. */
    call: <A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Span.use(
        name,
        () => ({ kind: "internal" }),
        needed,
        (span) => (span === undefined ? effect : Effect.withParentSpan(effect, span))
      ),

    /** One span, one measurement and one Trace line for an attempt. */
    attempt: <A, E extends MixError>(
      { method, route, url }: Target,
      number: number,
      attempt: (observed: Attempt) => Effect.Effect<A, E>
    ): Effect.Effect<A, E> => {
      const spanOptions = (): Tracer.SpanOptions => ({
        kind: "client",
        attributes: {
          "http.request.method": method,
          ...common,
          "url.full": url,
          "url.template": route,
          ...(number > 1 && { "http.request.resend_count": number - 1 })
        }
      })
      return Span.use(`${method} ${route}`, spanOptions, needed, (span) =>
        Effect.withFiberRuntime((fiber) =>
          Effect.clockWith((clock) => {
            // What a Trace line says takes time to note.
            const isTraced = !LogLevel.greaterThan(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), LogLevel.Trace)
            const start = clock.unsafeCurrentTimeNanos()
            const elapsed = () => Duration.nanos(clock.unsafeCurrentTimeNanos() - start)
            const progress: Progress = { phase: "unknown" }
            let status: number | undefined
            let bytes: number | undefined
            const finish = (exit: Exit.Exit<A, E>) => {
              const failure = Exit.isSuccess(exit) ? undefined : Cause.failureOption(exit.cause)
              const outcome = {
                ...(status !== undefined && { "http.response.status_code": status }),
                ...(failure !== undefined && {
                  "error.type": Option.isNone(failure) ? "interrupted" : errorType(failure.value, status)
                })
              }
              if (span !== undefined) Span.annotate(span, outcome)
              const took = elapsed()
              const measured = Metric.update(durationOf(method, outcome), Duration.toSeconds(took))
              if (!isTraced) return measured
              const line = log(Effect.logTrace(`${method} ${route}`), {
                attempt: number,
                ...outcome,
                ...codeOf(failure),
                ms: Math.round(Duration.toMillis(took)),
                ...(bytes !== undefined && { bytes }),
                ...(progress.connection !== undefined && { connection: progress.connection })
              })
              return Effect.zipRight(measured, line)
            }
            const observe = (reply: Reply): Reply => {
              status = reply.status
              if (!isTraced) return reply
              return {
                status,
                hint: reply.hint,
                header: (name) => reply.header(name),
                body: (maxBytes) =>
                  Effect.map(reply.body(maxBytes), (body) => {
                    bytes = body.byteLength
                    return body
                  }),
                chunks: (onChunk) => reply.chunks(onChunk)
              }
            }
            return Effect.onExit(attempt({ span, elapsed, progress, observe }), finish)
          })
        )
      )
    },

    /** A line in the log and a count, for an attempt that follows another. */
    retry: (operation: Operation, error: MixError, attempt: number, delay: Duration.Duration): Effect.Effect<void> => {
      const attributes = { "mix.operation": operation, "error.type": errorType(error, statusOf(error)) }
      const retried = withAttributes(retries, { ...attributes, ...common })
      return Effect.zipRight(
        Metric.increment(retried),
        log(Effect.logDebug("A request to the Mix backend failed; trying again"), { ...attributes, attempt, delay })
      )
    },

    /** What is left of the layer's budget, each time that it changes. */
    budget: (left: number): Effect.Effect<void> => Metric.update(budgetOfLayer, left)
  }
}

/** Why a connection failed, which its tag does not say. */
const codeOf = (failure: Option.Option<MixError> | undefined) =>
  failure?._tag === "Some" && failure.value._tag === "ConnectionError" ? { "error.code": failure.value.code } : {}

export const statusOf = (error: MixError): number | undefined => ("status" in error ? error.status : undefined)
