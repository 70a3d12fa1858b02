/** Notices new messages, also after the server was away. */
import { type HistoryCursor, MessagesService } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Model from "./Model.ts"
import { Store } from "./Store.ts"

export interface Follower {
  /** Tries again at once if it waits to do so. */
  readonly retry: Effect.Effect<void>
  readonly run: (from: HistoryCursor | undefined) => Effect.Effect<void>
}

export const make = Effect.gen(function* () {
  const messages = yield* MessagesService
  const store = yield* Store
  const gate = yield* Effect.makeLatch()

  /** Until the server answers again. */
  const back = messages
    .getHistory({ limit: 1 })
    .pipe(Effect.retry(Schedule.spaced("5 seconds")), Effect.orDie, Effect.raceFirst(gate.await))

  const run = (from: HistoryCursor | undefined): Effect.Effect<void> =>
    messages.followHistory({ from }).pipe(
      Stream.runForEach((message) => store.change(Model.arrived(message))),
      Effect.catchAll((error) =>
        gate.close.pipe(
          Effect.zipRight(store.change(Model.unfollowed(error.message))),
          Effect.zipRight(back),
          Effect.zipRight(store.change(Model.unfollowed(undefined))),
          // A place that is lost stays lost: then what appears from now on has to do.
          Effect.zipRight(
            Effect.suspend(() => run(error._tag === "HistoryStalled" ? undefined : (error.cursor ?? from)))
          )
        )
      )
    )

  const follower: Follower = { retry: Effect.asVoid(gate.open), run }
  return follower
})
