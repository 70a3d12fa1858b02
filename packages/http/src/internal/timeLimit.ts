/**
 * Time limits, by signals and timers. Nothing here waits for work that was given up, so a limit holds where nothing can be
 * interrupted as well: in finalizers and uninterruptible regions. There `Effect.timeout` and `Effect.race` wait for the loser.
 */
import { AsyncContext } from "@mix-effect/core"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

/**
 * The clock that Effect uses if a program sets none. Its time is that of `setTimeout`, and a timer takes 5 µs less than the fiber
 * that another clock needs, of the 60 µs that a call takes.
 */
const unset = Context.get(DefaultServices.liveServices, Clock.Clock)

/** Calls `expire` after `limit`. Gives a function that calls it off. */
const start = (limit: Duration.Duration, expire: () => void): Effect.Effect<() => void> =>
  Effect.clockWith((clock) => {
    if (clock === unset) {
      const timer = setTimeout(expire, Math.ceil(Duration.toMillis(limit)))
      return Effect.succeed(() => clearTimeout(timer))
    }
    return Effect.map(
      // Forked where nothing can be interrupted, it would sleep on after it was called off.
      Effect.forkDaemon(Effect.interruptible(Effect.andThen(clock.sleep(limit), () => expire()))),
      (fiber) => () => fiber.unsafeInterruptAsFork(fiber.id())
    )
  })

/** The reason of every abort. A new `Error` for each would record its stack. */
const done = new Error("nothing more of it is wanted")

/** A limit that runs. */
export interface TimeLimit {
  /** Is aborted when the limit runs out, and when the work is over, unless that is kept. Work has to end soon after that. */
  readonly signal: AbortSignal
  /** Whether the limit ran out. */
  readonly expired: () => boolean
  /** Runs a part of the work that aborts all of it after a time of its own, which does not count as `expired`. */
  readonly within: <A, E>(limit: Duration.Duration, part: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** What the work gives goes on after it, until the function that this gives is called. It aborts the signal. */
  readonly keep: () => () => void
}

/**
 * Runs work with a limit, and keeps its fiber in the async context of its caller. `Effect.timeoutFail` would run the work in one
 * fiber and the clock in another, which takes 70 µs: as long as the request.
 */
export const timeLimit = <A, E>(
  limit: Duration.Duration,
  work: (limit: TimeLimit) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const controller = new AbortController()
    const abort = () => controller.abort(done)
    let expired = false
    let kept = false
    const keep = () => {
      kept = true
      return abort
    }
    const within: TimeLimit["within"] = (limit, part) =>
      Effect.acquireUseRelease(
        start(limit, abort),
        () => part,
        (stop) => Effect.sync(stop)
      )
    const expire = () => {
      expired = true
      abort()
    }
    return Effect.acquireUseRelease(
      Effect.map(start(limit, expire), (stop) => ({ stop, back: AsyncContext.wayBack() })),
      () => work({ signal: controller.signal, expired: () => expired, within, keep }),
      ({ back, stop }) =>
        Effect.suspend(() => {
          stop()
          if (!kept) abort()
          return back
        })
    )
  })

/**
 * Runs work that knows nothing of signals, in a fiber of its own. When the signal is aborted the fiber is interrupted and left
 * to itself, and `onAbort` is the answer. What such fibers fail with may hold requests, headers and all: they log none of it.
 */
export const until =
  <B, E2>(signal: AbortSignal, onAbort: Effect.Effect<B, E2>) =>
  <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A | B, E | E2> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDaemon(Effect.interruptible(work)), (fiber) => {
        const answer = Effect.async<A | B, E | E2>((resume) => {
          const abort = () => {
            fiber.unsafeInterruptAsFork(fiber.id())
            resume(onAbort)
          }
          if (signal.aborted) return abort()
          signal.addEventListener("abort", abort)
          fiber.addObserver((exit) => {
            signal.removeEventListener("abort", abort)
            resume(Effect.zipRight(fiber.inheritAll, exit))
          })
        })
        return Effect.onInterrupt(restore(answer), () => Fiber.interrupt(fiber))
      })
    ).pipe(Effect.withUnhandledErrorLogLevel(Option.none()))
