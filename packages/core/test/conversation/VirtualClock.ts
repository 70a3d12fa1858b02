/**
 * A clock that jumps from one timer to the next, so that timers fire one by one as in real time. `TestClock` moves in steps,
 * and takes milliseconds for each: thousands of simulated minutes want this one.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Now and then Effect's scheduler, and the way back to an async context, go by a timer of no length, to let sockets have their turn.
 * Here are none, and virtual time would pass meanwhile.
 */
const withoutTurns = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { setTimeout } = globalThis
      const orMicrotask = (work: () => void, millis?: number, ...rest: ReadonlyArray<never>) =>
        millis === 0 ? queueMicrotask(work) : setTimeout(work, millis, ...rest)
      globalThis.setTimeout = Object.assign(orMicrotask, setTimeout) as typeof setTimeout
      return setTimeout
    }),
    () => effect,
    (setTimeout) =>
      Effect.sync(() => {
        globalThis.setTimeout = setTimeout
      })
  )

export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private time = 0
  private timers: Array<{ readonly at: number; readonly fire: () => void }> = []

  unsafeCurrentTimeMillis() {
    return this.time
  }
  unsafeCurrentTimeNanos() {
    return BigInt(Math.round(this.time * 1e6))
  }
  readonly currentTimeMillis = Effect.sync(() => this.time)
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async((resume) => {
      const timer = { at: this.time + Duration.toMillis(duration), fire: () => resume(Effect.void) }
      const index = this.timers.findIndex(({ at }) => at > timer.at)
      this.timers.splice(index < 0 ? this.timers.length : index, 0, timer)
      return Effect.sync(() => {
        this.timers = this.timers.filter((other) => other !== timer)
      })
    })
  }

  /** Jumps to the next timer. `false`: there is none. */
  next(): boolean {
    const timer = this.timers.shift()
    if (timer === undefined) return false
    this.time = timer.at
    timer.fire()
    return true
  }
}

/** What is scheduled runs; with several rounds also what is scheduled by that. */
const idle = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Runs effects side by side, each in a time of its own. Effects that wait for something else than time are a failure. */
export const run = <A, E>(effects: ReadonlyArray<Effect.Effect<A, E>>): Effect.Effect<ReadonlyArray<A>, E> =>
  Effect.gen(function* () {
    const running = yield* Effect.forEach(effects, (effect) => {
      const clock = new VirtualClock()
      return Effect.map(Effect.forkDaemon(Effect.withClock(effect, clock)), (fiber) => ({ clock, fiber, idleFor: 0 }))
    })
    for (let left = running; left.length > 0; left = left.filter(({ fiber }) => fiber.unsafePoll() === null)) {
      yield* idle
      for (const one of left) {
        one.idleFor = one.clock.next() ? 0 : one.idleFor + 1
        if (one.idleFor > 1000) return yield* Effect.dieMessage(`number ${running.indexOf(one)} waits for ever`)
      }
    }
    return yield* Effect.forEach(running, ({ fiber }) => Fiber.join(fiber))
  }).pipe(withoutTurns)
