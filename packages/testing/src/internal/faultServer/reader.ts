import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Peer } from "./peer.ts"

/** The client left before what was to be read had come. */
export class Ended extends Data.TaggedError("Ended") {}

/** What came is not HTTP/1.x. */
export class Malformed extends Data.TaggedError("Malformed")<{ readonly reason: string }> {}

/** Cuts the bytes of a connection into what the protocol needs next. */
export interface Reader {
  /** Waits until there is a byte to read; false if the client left instead. */
  readonly ready: Effect.Effect<boolean>
  /** At least one byte and at most `max`. */
  readonly some: (max: number) => Effect.Effect<Uint8Array, Ended>
  /** The Latin-1 text before the delimiter, which is taken too. */
  readonly until: (delimiter: string) => Effect.Effect<string, Ended | Malformed>
}

const maxHeadBytes = 1024 * 1024

export const make = (peer: Peer): Reader => {
  let pending: Buffer = Buffer.alloc(0)

  const fill = Effect.flatMap(peer.read, (bytes) =>
    bytes === undefined
      ? Effect.fail(new Ended())
      : Effect.sync(() => {
          pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
        })
  )

  const cut = (bytes: number): Buffer => {
    const taken = pending.subarray(0, bytes)
    pending = pending.subarray(bytes)
    return taken
  }

  const filled = Effect.suspend(() => (pending.length === 0 ? fill : Effect.void))

  return {
    ready: Effect.match(filled, { onFailure: () => false, onSuccess: () => true }),
    some: (max) => Effect.map(filled, () => cut(max)),
    until: Effect.fnUntraced(function* (delimiter) {
      let at = pending.indexOf(delimiter, 0, "latin1")
      while (at === -1) {
        if (pending.length > maxHeadBytes) return yield* new Malformed({ reason: "a head or a line over 1 MiB" })
        yield* fill
        at = pending.indexOf(delimiter, 0, "latin1")
      }
      const text = cut(at).toString("latin1")
      cut(delimiter.length)
      return text
    })
  }
}
