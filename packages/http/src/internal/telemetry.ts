/** Spans and the metric, by OpenTelemetry's conventions for HTTP clients. Neither holds a header or a body. */
import type { MixError, Operation } from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import * as Span from "./span.ts"

/** Seconds; the bucket boundaries that OpenTelemetry advises. */
const duration = Metric.histogram(
  "http.client.request.duration",
  MetricBoundaries.fromIterable([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]),
  "Duration of one request to a Mix backend, in seconds"
)

export interface Target {
  readonly operation: Operation
  readonly method: "GET" | "POST"
  readonly route: string
  readonly url: string
  readonly address: string
  readonly port: number
}

/** One span around a call with all its attempts. */
export const call = <A, E, R>({ operation }: Target, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Span.use(`MessagesService.${operation}`, { kind: "internal" }, (span) =>
    span === undefined ? effect : Effect.withParentSpan(effect, span)
  )

/** One span and one measurement for an attempt. `attempt` tells the status as soon as it is known. */
export const attempt = <A, E extends MixError>(
  target: Target,
  number: number,
  attempt: (span: Tracer.Span | undefined, onStatus: (status: number) => void) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const labels = {
    "http.request.method": target.method,
    "server.address": target.address,
    "server.port": target.port
  }
  const attributes = {
    ...labels,
    "url.full": target.url,
    "url.template": target.route,
    ...(number > 1 && { "http.request.resend_count": number - 1 })
  }
  return Span.use(`${target.method} ${target.route}`, { kind: "client", attributes }, (span) =>
    Effect.clockWith((clock) => {
      const start = clock.unsafeCurrentTimeNanos()
      let status: number | undefined
      const finish = (errorType: string | undefined) => {
        const outcome = {
          ...(status !== undefined && { "http.response.status_code": status }),
          ...(errorType !== undefined && { "error.type": errorType })
        }
        Span.annotate(span, outcome)
        const seconds = Number(clock.unsafeCurrentTimeNanos() - start) / 1e9
        return Metric.update(Metric.taggedWithLabels(duration, labelsOf({ ...labels, ...outcome })), seconds)
      }
      return attempt(span, (received) => {
        status = received
      }).pipe(
        Effect.onExit((exit) =>
          finish(
            Exit.match(exit, {
              onSuccess: () => undefined,
              onFailure: (cause) => {
                const failure = Cause.failureOption(cause)
                if (Option.isNone(failure)) return "interrupted"
                return status !== undefined && status >= 400 ? String(status) : failure.value._tag
              }
            })
          )
        )
      )
    })
  )
}

const labelsOf = (labels: Record<string, unknown>) =>
  Object.entries(labels).map(([key, value]) => MetricLabel.make(key, String(value)))
