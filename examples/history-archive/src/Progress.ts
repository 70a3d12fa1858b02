/** How far a mirror is: counted while it runs, and told once a second. */
import { Clock, Effect, Ref } from "effect"
import * as Output from "./Output.ts"

export type Phase = "walking" | "listing" | "following"

interface Counts {
  readonly phase: Phase
  /** Messages and sessions read since the start. */
  readonly messages: number
  readonly sessions: number
  /** Sessions that are known to have changed. */
  readonly due: number
  /** When something was last read, and when the archive last held all that the server held. */
  readonly readAt: number | undefined
  readonly caughtUpAt: number | undefined
}

export interface Snapshot extends Counts {
  readonly server: string
  readonly startedAt: number
}

/** The mirrors of this process, as they come and go. */
export type Mirrors = Ref.Ref<ReadonlyArray<Progress>>

export interface Progress {
  readonly phase: (phase: Phase) => Effect.Effect<void>
  readonly read: (counts: { readonly messages?: number; readonly sessions?: number }) => Effect.Effect<void>
  readonly due: (count: number) => Effect.Effect<void>
  readonly caughtUp: (at: number) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

export const make = (server: string): Effect.Effect<Progress> =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const counts = yield* Ref.make<Counts>({
      phase: "walking",
      messages: 0,
      sessions: 0,
      due: 0,
      readAt: undefined,
      caughtUpAt: undefined
    })
    const set = (change: Partial<Counts>) => Ref.update(counts, (before) => ({ ...before, ...change }))
    return {
      phase: (phase) => set({ phase }),
      read: ({ messages = 0, sessions = 0 }) =>
        Effect.flatMap(Clock.currentTimeMillis, (readAt) =>
          Ref.update(counts, (before) => ({
            ...before,
            messages: before.messages + messages,
            sessions: before.sessions + sessions,
            readAt
          }))
        ),
      due: (due) => set({ due }),
      caughtUp: (caughtUpAt) => set({ caughtUpAt }),
      snapshot: Effect.map(Ref.get(counts), (counts) => ({ ...counts, server, startedAt }))
    }
  })

/** Among the mirrors of this process until the scope closes. */
export const makeScoped = (server: string, mirrors: Mirrors) =>
  Effect.acquireRelease(
    Effect.tap(make(server), (progress) => Ref.update(mirrors, (all) => [...all, progress])),
    (progress) => Ref.update(mirrors, (all) => all.filter((other) => other !== progress))
  )

/** What is shown: the rate since the start, and for how long the archive has not been known to be complete. */
export const measure = (snapshot: Snapshot, now: number) => {
  const { caughtUpAt, due, messages, phase, server, sessions, startedAt } = snapshot
  const seconds = (now - startedAt) / 1000
  return {
    server,
    phase,
    messages,
    sessions,
    due,
    rate: seconds === 0 ? 0 : Math.round(messages / seconds),
    lagSeconds: caughtUpAt === undefined ? null : Math.round((now - caughtUpAt) / 1000)
  }
}

export const render = (measured: ReturnType<typeof measure>): string => {
  const { due, lagSeconds, messages, phase, rate, server, sessions } = measured
  const lag = lagSeconds === null ? "not yet complete" : `${lagSeconds} s behind`
  return `${server}: ${phase}, ${messages} messages and ${sessions} sessions read, ${rate} messages/s, ${due} sessions to list, ${lag}`
}

/** Tells how far all mirrors are: as JSON lines on stdout, or to the person at the terminal. */
export const report = (mirrors: Mirrors, json: boolean) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const { snapshot } of yield* Ref.get(mirrors)) {
      const measured = measure(yield* snapshot, now)
      yield* json ? Output.print(JSON.stringify(measured)) : Output.note(render(measured))
    }
  })

export const keepReporting = (mirrors: Mirrors, json: boolean) =>
  Effect.forever(Effect.delay(report(mirrors, json), "1 second"))
