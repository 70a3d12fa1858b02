/**
 * The async context of a caller, as `AsyncLocalStorage` has it. What a fiber waits for wakes it in another one: a socket in
 * that of whoever opened it, an event in that of the connection, another fiber in its own.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"

/** After so many microtasks timers and sockets have their turn, as with Effect's own scheduler. */
const maxMicrotasks = 2048
let microtasks = 0

/**
 * Gives an effect that brings its fiber back to the async context in which this function was called. The effect may be run once.
 *
 * @since 0.2.0
 * @category constructors
 */
// In every runtime a callback of `then` runs in the context of its `then`, so none has to be asked for its API. Two of them: what
// the fiber scheduled on its way here, as by releasing a semaphore, runs after the first, in the context that it leaves, and the
// fiber would be run with it.
export const wayBack = (): Effect.Effect<void> => {
  let arrive = () => {}
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  left.then(() => {}).then(() => arrive())
  return Effect.async((resume) => {
    arrive = () => resume(Effect.void)
    if (++microtasks % maxMicrotasks === 0) setTimeout(leave, 0)
    else leave()
  })
}

/**
 * Runs an effect, and goes on in the async context in which it began, whoever wakes it and however it ends. For those who
 * implement a service over a transport of their own: the services do this for what they wait for themselves.
 *
 * @since 0.2.0
 * @category combinators
 */
export const keep = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.ensuring(effect, wayBack()))
