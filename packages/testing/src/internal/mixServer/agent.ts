import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as Events from "./events.ts"
import type { Traits } from "./generations.ts"
import type { AgentRequest } from "./model.ts"
import * as Runs from "./run.ts"
import type { Step } from "./script.ts"
import type { Store } from "./store.ts"
import { letWrite } from "./streams.ts"

interface Run {
  readonly ended: Deferred.Deferred<Runs.Ending>
  fiber: Fiber.RuntimeFiber<Runs.RunResult> | undefined
}

/** Keeps the runs of a server. */
export const make = (options: {
  readonly store: Store
  readonly traits: Traits
  readonly script: (request: AgentRequest) => ReadonlyArray<Step>
  readonly broadcast: (sessionId: string, event: Events.Event) => void
  readonly scope: Scope.Scope
}) => {
  const runs = new Map<string, Array<Run>>()
  const permissions = new Map<string, Deferred.Deferred<boolean>>()
  const perform = Runs.make({ ...options, permissions })
  let idle: Array<Deferred.Deferred<void>> = []
  let sends = 0

  const isBusy = (sessionId: string) => (runs.get(sessionId)?.length ?? 0) > 0

  const leave = (sessionId: string, run: Run) =>
    Effect.suspend(() => {
      const left = (runs.get(sessionId) ?? []).filter((other) => other !== run)
      if (left.length > 0) runs.set(sessionId, left)
      else runs.delete(sessionId)
      if (runs.size > 0) return Effect.void
      const waiting = idle
      idle = []
      return Effect.forEach(waiting, (deferred) => Deferred.succeed(deferred, undefined), { discard: true })
    })

  /** Starts a run, which goes on whoever waits for it. The session is busy from this moment on. */
  const start = (
    request: Omit<AgentRequest, "index">,
    audience?: Runs.Audience
  ): Effect.Effect<Fiber.RuntimeFiber<Runs.RunResult>> =>
    Effect.gen(function* () {
      const run: Run = { ended: yield* Deferred.make<Runs.Ending>(), fiber: undefined }
      const { sessionId } = request
      runs.set(sessionId, [...(runs.get(sessionId) ?? []), run])
      const toStreams: Runs.Audience = {
        tell: (event) =>
          Effect.suspend(() => {
            // Every run's own listener hears the events of all runs of its session.
            const times = event.isFinal === true ? 1 : (runs.get(sessionId)?.length ?? 1)
            for (let time = 0; time < times; time++) options.broadcast(sessionId, event)
            return letWrite
          })
      }
      const fiber = yield* perform({ ...request, index: sends++ }, audience ?? toStreams, run.ended).pipe(
        Effect.tapDefect((cause) => Effect.logError("MixServer: the agent's script failed", cause)),
        Effect.ensuring(leave(sessionId, run)),
        // The reply to the request comes first.
        (effect) => Effect.zipRight(Effect.yieldNow(), effect),
        Effect.forkIn(options.scope)
      )
      run.fiber = fiber
      return fiber
    })

  return {
    isBusy,
    start,
    /**
     * What a shell command writes on the stream route of Sept 25, 2025: what the script says. Nothing is run, and no row
     * is stored.
     */
    shell: (sessionId: string, text: string): string =>
      options
        .script({ index: sends++, sessionId, text, planMode: false })
        .flatMap((step) => (step._tag === "Say" ? step.pieces : []))
        .join(""),
    /** Cancels the newest run of a session. */
    cancel: (sessionId: string): Effect.Effect<void> => {
      const run = runs.get(sessionId)?.at(-1)
      return run === undefined ? Effect.void : Deferred.succeed(run.ended, { _tag: "Cancelled" })
    },
    /** Answers a permission request; there may be none. */
    answer: (id: string, granted: boolean): Effect.Effect<void> => {
      const waiting = permissions.get(id)
      return waiting === undefined ? Effect.void : Deferred.succeed(waiting, granted)
    },
    /** Ends all runs as a crash does: nothing more is stored. */
    crash: Effect.suspend(() =>
      Fiber.interruptAll([...runs.values()].flat().flatMap(({ fiber }) => (fiber === undefined ? [] : [fiber])))
    ),
    runCount: Effect.sync(() => [...runs.values()].flat().length),
    awaitIdle: Effect.suspend(() => {
      if (runs.size === 0) return Effect.void
      return Effect.flatMap(Deferred.make<void>(), (deferred) => {
        idle.push(deferred)
        return Deferred.await(deferred)
      })
    })
  }
}

/** The agent of a server. */
export type Agent = ReturnType<typeof make>
