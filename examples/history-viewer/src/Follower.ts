/** Notices new messages, also after the server was away. */
import { type BackendMessage, type HistoryCursor, MessagesService } from "@mix-effect/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Model from "./Model.ts"
import { Store } from "./Store.ts"

export interface Follower {
  /** Tries again at once if it waits to do so. */
  readonly retry: Effect.Effect<void>
  /** From a place, or from when there was no message at all. */
  readonly run: (beginning: HistoryCursor | undefined) => Effect.Effect<void>
}

export const make = Effect.gen(function* () {
  const messages = yield* MessagesService
  const store = yield* Store
  const gate = yield* Effect.makeLatch()

  /** Until the server answers again. */
  const back = messages
    .getHistory({ limit: 1 })
    .pipe(Effect.retry(Schedule.spaced("5 seconds")), Effect.orDie, Effect.raceFirst(gate.await))

  /** Says what went wrong until the server answers again. */
  const away = ({ message }: { readonly message: string }) =>
    gate.close.pipe(
      Effect.zipRight(store.change(Model.unfollowed(message))),
      Effect.zipRight(back),
      Effect.zipRight(store.change(Model.unfollowed(undefined)))
    )

  const arrived = (message: BackendMessage) => store.change(Model.arrived(message))

  /** A history without messages has no place to follow from. Once it has some, all of them are new. */
  const first: Effect.Effect<HistoryCursor> = messages.streamHistoryPages().pipe(
    Stream.runCollect,
    Effect.matchEffect({
      onFailure: (error) => Effect.zipRight(away(error), first),
      onSuccess: (pages) =>
        Chunk.isNonEmpty(pages)
          ? Effect.forEach([...pages].flatMap(({ messages }) => messages).reverse(), arrived).pipe(
              Effect.as(Chunk.headNonEmpty(pages).cursor)
            )
          : Effect.delay(first, "2 seconds")
    })
  )

  const follow = (from: HistoryCursor | undefined): Effect.Effect<void> =>
    messages.followHistory({ from }).pipe(
      Stream.runForEach(arrived),
      // A place that is lost stays lost: then what appears from now on has to do.
      Effect.catchAll((error) =>
        Effect.zipRight(away(error), follow(error._tag === "HistoryStalled" ? undefined : (error.cursor ?? from)))
      )
    )

  const follower: Follower = {
    retry: Effect.asVoid(gate.open),
    run: (beginning) => (beginning === undefined ? Effect.flatMap(first, follow) : follow(beginning))
  }
  return follower
})
