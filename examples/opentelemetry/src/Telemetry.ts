/** Spans and metrics through the OpenTelemetry SDK. The program knows nothing of it. */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader,
  type PushMetricExporter
} from "@opentelemetry/sdk-metrics"
import { InMemorySpanExporter, SimpleSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base"
import { Effect } from "effect"

export interface Exporters {
  readonly spans: SpanExporter
  readonly metrics: PushMetricExporter
}

/** For a whole program, around it. In production: OTLP exporters, and a `BatchSpanProcessor`. */
export const layer = ({ metrics, spans }: Exporters) =>
  NodeSdk.layer(() => ({
    resource: { serviceName: "example" },
    spanProcessor: new SimpleSpanProcessor(spans),
    metricReader: new PeriodicExportingMetricReader({ exporter: metrics })
  }))

/** Runs a program, and hands back its spans and how long its requests took: to look at, and for tests. */
export const record = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const spans = new InMemorySpanExporter()
    const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const finished = yield* program.pipe(
      // The exporter forgets them when it is shut down, with the layer.
      Effect.map((value) => ({ value, spans: spans.getFinishedSpans() })),
      Effect.provide(layer({ spans, metrics }))
    )
    const durations = metrics
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      .filter((metric) => metric.dataPointType === DataPointType.HISTOGRAM)
      .filter(({ descriptor }) => descriptor.name === "http.client.request.duration")
      .flatMap(({ dataPoints }) => dataPoints)
    return { ...finished, durations }
  })
