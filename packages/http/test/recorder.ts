/** Spans, as a tracer is given them. */
import { assert } from "@effect/vitest"
import type * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"

export interface Recorded extends Tracer.Span {
  readonly ended: Exit.Exit<unknown, unknown> | undefined
}

/** A tracer that keeps its spans, and hands over whatever it is told. Without `told` no span has events. */
export const recorder = (told?: (...values: ReadonlyArray<unknown>) => void) => {
  const spans: Array<Recorded> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      told?.(name)
      const attributes = new Map<string, unknown>()
      const span = {
        _tag: "Span" as const,
        spanId: String(spans.length).padStart(16, "0"),
        traceId: "0".repeat(32),
        sampled: true,
        name,
        parent,
        context,
        links,
        kind,
        status: { _tag: "Started", startTime } as Tracer.SpanStatus,
        attributes,
        ended: undefined as Exit.Exit<unknown, unknown> | undefined,
        end: (endTime: bigint, exit: Exit.Exit<unknown, unknown>) => {
          span.ended = exit
          span.status = { _tag: "Ended", startTime, endTime, exit }
          told?.(exit)
        },
        attribute: (key: string, value: unknown) => {
          attributes.set(key, value)
          told?.(key, value)
        },
        event: (name: string, _: bigint, attributes?: Record<string, unknown>) =>
          told === undefined ? assert.fail("no events") : told(name, attributes),
        addLinks: () => assert.fail("no links")
      }
      spans.push(span)
      return span
    },
    context: (f) => f()
  })
  return { spans, tracer }
}
