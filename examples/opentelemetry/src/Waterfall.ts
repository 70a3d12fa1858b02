/** Spans of one trace, drawn below each other along the time. */
import { type HrTime, SpanKind, SpanStatusCode } from "@opentelemetry/api"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"

interface Row {
  readonly depth: number
  readonly label: string
  /** Milliseconds since the trace began. */
  readonly start: number
  readonly duration: number
  readonly failed: boolean
}

const millis = ([seconds, nanos]: HrTime) => seconds * 1e3 + nanos / 1e6

const labelOf = ({ attributes, kind, name }: ReadableSpan) => {
  const status = attributes["http.response.status_code"]
  return `${name}  ${SpanKind[kind]}${status === undefined ? "" : `  ${status}`}`
}

/** Parents before their children, children in the order in which they began. */
const rowsOf = (spans: ReadonlyArray<ReadableSpan>): ReadonlyArray<Row> => {
  const began = Math.min(...spans.map((span) => millis(span.startTime)))
  const below = (parent: string | undefined, depth: number): ReadonlyArray<Row> =>
    spans
      .filter((span) => span.parentSpanContext?.spanId === parent)
      .sort((a, b) => millis(a.startTime) - millis(b.startTime))
      .flatMap((span) => [
        {
          depth,
          label: labelOf(span),
          start: millis(span.startTime) - began,
          duration: millis(span.duration),
          failed: span.status.code === SpanStatusCode.ERROR
        },
        ...below(span.spanContext().spanId, depth + 1)
      ])
  return below(undefined, 0)
}

const length = (ms: number) => `${ms.toFixed(1)} ms`

export const toText = (spans: ReadonlyArray<ReadableSpan>) =>
  rowsOf(spans)
    .map(
      ({ depth, duration, failed, label, start }) =>
        `${"  ".repeat(depth)}${label}  at ${length(start)} for ${length(duration)}${failed ? "  failed" : ""}`
    )
    .join("\n")

const escape = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;")

const width = 860
const margin = 20
const rowHeight = 46

export const toSvg = (spans: ReadonlyArray<ReadableSpan>) => {
  const rows = rowsOf(spans)
  const scale = (width - 2 * margin) / Math.max(...rows.map(({ duration, start }) => start + duration))
  const height = 2 * margin + rows.length * rowHeight
  const drawn = rows.map(({ duration, failed, label, start, depth }, index) => {
    const x = margin + start * scale
    const y = margin + index * rowHeight
    const bar = Math.max(2, duration * scale)
    // What begins late in the trace is described to the left of where it ends.
    const late = x > width / 2
    const text = escape(`${label}  ${length(duration)}`)
    return `  <text x="${(late ? x + bar : x).toFixed(1)}" y="${y + 14}"${late ? ' text-anchor="end"' : ""}>${text}</text>
  <rect x="${x.toFixed(1)}" y="${y + 21}" width="${bar.toFixed(1)}" height="12" rx="2" class="${failed ? "failed" : `depth${Math.min(depth, 2)}`}"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="The spans of a trace, along the time">
  <style>
    text { font: 13px ui-monospace, monospace; fill: #1f2328; white-space: pre }
    .depth0 { fill: #8b95a1 } .depth1 { fill: #4a7fb5 } .depth2 { fill: #3a8f5c } .failed { fill: #c0392b }
  </style>
  <rect width="${width}" height="${height}" rx="6" fill="#f6f8fa"/>
${drawn.join("\n")}
</svg>
`
}
