/**
 * The async context of a caller, as `AsyncLocalStorage` has it. A pooled socket wakes a call in the context of whoever opened
 * the socket, and Effect runs all fibers that wake together in the context of the first.
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type { Scheduler, Task } from "effect/Scheduler"

/** As Effect's own scheduler does: after so many tasks in a row timers and sockets have their turn. */
const maxMicrotasks = 2048
let microtasks = 0

/**
 * Runs tasks in the context in which it was made. In every runtime a callback of `then` runs in the context of its `then`, so
 * none has to be asked for its API.
 */
class CallerScheduler implements Scheduler {
  private tasks: Array<Task> = []
  private wake = () => {}

  constructor(private readonly inner: Scheduler) {
    this.listen()
  }

  private listen(): void {
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve
    })
    woken.then(() => {
      const { tasks } = this
      this.tasks = []
      this.listen()
      for (const task of tasks) task()
    })
  }

  scheduleTask(...[task, priority, fiber]: Parameters<Scheduler["scheduleTask"]>): void {
    const run = () => {
      this.tasks.push(task)
      if (++microtasks % maxMicrotasks === 0) setTimeout(this.wake, 0)
      else this.wake()
    }
    this.inner.scheduleTask(run, priority, fiber)
  }

  shouldYield: Scheduler["shouldYield"] = (fiber) => this.inner.shouldYield(fiber)
}

/** The fiber that runs this stays in its async context, until it runs the effect that it gives. */
export const stay: Effect.Effect<Effect.Effect<void>> = Effect.withFiberRuntime((fiber) => {
  const before = fiber.currentScheduler
  return Effect.as(
    FiberRef.set(FiberRef.currentScheduler, new CallerScheduler(before)),
    FiberRef.set(FiberRef.currentScheduler, before)
  )
})
