/** Spans that do a call no harm: Effect makes a defect of what a tracer throws. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"

const quietly = (f: () => void): void => {
  try {
    f()
  } catch {
    // The tracer's trouble is not the call's.
  }
}

/** Runs with a span, or without one where the tracer has none to give. */
export const use = <A, E, R>(
  name: string,
  options: Tracer.SpanOptions,
  body: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.catchAllDefect(
      Effect.makeSpan(name, { ...options, captureStackTrace: false }),
      (): Effect.Effect<Tracer.Span | undefined> => Effect.succeed(undefined)
    ),
    body,
    // What came of it is nothing for a tracer to keep: messages are long, and users'.
    (span, exit) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => quietly(() => span?.end(clock.unsafeCurrentTimeNanos(), Exit.asVoid(exit))))
      )
  )

export const annotate = (span: Tracer.Span | undefined, attributes: Readonly<Record<string, unknown>>): void => {
  for (const [key, value] of Object.entries(attributes)) quietly(() => span?.attribute(key, value))
}
