/**
 * The async context of a caller, as `AsyncLocalStorage` has it. A pooled socket wakes a call in the context of whoever opened
 * the socket.
 */
import * as Effect from "effect/Effect"

/** After so many microtasks timers and sockets have their turn, as with Effect's own scheduler. */
const maxMicrotasks = 2048
let microtasks = 0

/**
 * Gives an effect that brings its fiber back to the async context in which this function was called. In every runtime a callback
 * of `then` runs in the context of its `then`, so none has to be asked for its API. The effect may be run once.
 */
export const wayBack = (): Effect.Effect<void> => {
  let arrive = () => {}
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  left.then(() => arrive())
  return Effect.async((resume) => {
    arrive = () => resume(Effect.void)
    if (++microtasks % maxMicrotasks === 0) setTimeout(leave, 0)
    else leave()
  })
}
