/** A bounded queue between a connection, which never waits, and a reader, who may be slow. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as AsyncContext from "../AsyncContext.ts"
import type { SessionEvent } from "../SessionEvent.ts"

const maxEvents = 1024

/** In characters. */
const maxSize = 8 * 1024 * 1024

/** How many events survive an overflow: nothing that follows makes up for these. */
const maxKept = 256

const isKept = ({ event: { _tag } }: { readonly event: SessionEvent }) =>
  _tag === "Completed" || _tag === "Failed" || _tag === "PermissionRequested" || _tag === "MessageCreated"

export interface Reader<A, E> {
  /** An overflow drops what only shows progress, and puts `Reconnected` in its place. */
  readonly offer: (event: SessionEvent, size: number) => void
  /** What the reader gets when it has read everything else. */
  readonly end: (effect: Effect.Effect<A, Option.Option<E>>) => void
  readonly stream: Stream.Stream<SessionEvent | A, E>
}

export const make = <A = never, E = never>(): Reader<A, E> => {
  let queue: Array<{ readonly event: SessionEvent; readonly size: number }> = []
  let total = 0
  let last: Effect.Effect<A, Option.Option<E>> | undefined
  let wake: () => void = () => {}
  const pull = Effect.async<Chunk.Chunk<SessionEvent | A>, Option.Option<E>>((resume) => {
    wake = () => {
      if (queue.length > 0) {
        const events = queue.map(({ event }) => event)
        queue = []
        total = 0
        // The reader may go on at once, and wait again.
        wake = () => {}
        resume(Effect.succeed(Chunk.unsafeFromArray(events)))
      } else if (last !== undefined) {
        const end = last
        last = Effect.fail(Option.none())
        wake = () => {}
        resume(Effect.map(end, Chunk.of))
      }
    }
    wake()
    return Effect.sync(() => {
      wake = () => {}
    })
  })
  return {
    offer: (event, size) => {
      if (queue.length >= maxEvents || total > maxSize) {
        queue = [{ event: { _tag: "Reconnected" }, size: 0 }, ...queue.filter(isKept).slice(-maxKept)]
        total = queue.reduce((sum, item) => sum + item.size, 0)
      }
      queue.push({ event, size })
      total += size
      wake()
    },
    end: (effect) => {
      last = effect
      wake()
    },
    stream: Stream.repeatEffectChunkOption(AsyncContext.keep(pull))
  }
}
