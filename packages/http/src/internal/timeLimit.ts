/** A time limit for work that can be told to end. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** The clock that is there where none was set. Its time is that of `setTimeout`. */
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

/** Why work is ended of which nothing more is wanted. An `Error` made for each would take its stack. */
const done = new Error("nothing more of it is wanted")

/**
 * Runs work that ends, by failing, when its signal is aborted: when the limit runs out, and then it fails with `onTimeout`
 * instead; and when it is over or interrupted, so that whatever is left of it is given up. `Effect.timeoutFail` would run it
 * in a fiber of its own, and the clock in another, which takes 70 µs: as long as the request.
 */
export const timeLimit = <A, E, E2>(
  limit: Duration.Duration,
  onTimeout: () => E2,
  work: (signal: AbortSignal) => Effect.Effect<A, E>
): Effect.Effect<A, E | E2> =>
  Effect.suspend(() => {
    const controller = new AbortController()
    let expired = false
    const expire = () => {
      expired = true
      controller.abort(done)
    }
    return Effect.acquireUseRelease(
      start(limit, expire),
      () => Effect.mapError(work(controller.signal), (error) => (expired ? onTimeout() : error)),
      (stop) =>
        Effect.sync(() => {
          stop()
          controller.abort(done)
        })
    )
  })
