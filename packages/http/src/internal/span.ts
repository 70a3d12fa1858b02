/** Spans that do a call no harm: Effect makes a defect of what a tracer throws. */
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Tracer from "effect/Tracer"

/** The tracer that is there where none was set: its spans go nowhere. */
const unset = Context.get(DefaultServices.liveServices, Tracer.Tracer)

const quietly = (f: () => void): void => {
  try {
    f()
  } catch {
    // The tracer's trouble is not the call's.
  }
}

/**
 * Runs with a span, or without one where the tracer has none to give. Where tracing is off there is none, since ids of spans
 * that are none must not be sent; nor where no tracer is set, unless it is `needed`: two spans cost as much as all else that
 * is done for a call.
 */
export const use = <A, E, R>(
  name: string,
  options: () => Tracer.SpanOptions,
  needed: boolean,
  body: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    (fiber.currentTracer === unset && !needed) || !fiber.getFiberRef(FiberRef.currentTracerEnabled)
      ? body(undefined)
      : Effect.acquireUseRelease(
          Effect.catchAllDefect(
            Effect.makeSpan(name, { ...options(), captureStackTrace: false }),
            (): Effect.Effect<Tracer.Span | undefined> => Effect.succeed(undefined)
          ),
          body,
          // What came of it is nothing for a tracer to keep: messages are long, and users'.
          (span, exit) =>
            Effect.clockWith((clock) =>
              Effect.sync(() => quietly(() => span?.end(clock.unsafeCurrentTimeNanos(), Exit.asVoid(exit))))
            )
        )
  )

export const annotate = (span: Tracer.Span | undefined, attributes: Readonly<Record<string, unknown>>): void => {
  for (const [key, value] of Object.entries(attributes)) quietly(() => span?.attribute(key, value))
}
