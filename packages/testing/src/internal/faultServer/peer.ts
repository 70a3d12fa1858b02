import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

/** The other side of one connection. */
export interface Peer {
  /** What came next; `undefined` once the client has left. */
  readonly read: Effect.Effect<Buffer | undefined>
  /** Completes when the system has taken the bytes; never, if the client has left: race it with `gone`. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void>
  /** Sends what is written, then FIN. */
  readonly end: Effect.Effect<void>
  readonly reset: Effect.Effect<void>
  /** Completes when the client has ended, closed or reset the connection. */
  readonly gone: Effect.Effect<void>
}

/**
 * `stream` carries the bytes; it is `socket` itself, or the TLS layer over it.
 *
 * Bytes are read as soon as they come, also while a reply runs: only a socket that is being read tells when its client
 * leaves. A client's FIN counts as leaving, because that is all that the server sees of a client that aborted.
 */
export const make = Effect.fnUntraced(function* (stream: Duplex, socket: Socket) {
  const inbox = yield* Queue.unbounded<Buffer | undefined>()
  const gone = yield* Deferred.make<void>()

  const leave = () => {
    inbox.unsafeOffer(undefined)
    Deferred.unsafeDone(gone, Effect.void)
  }
  stream.on("end", leave)
  stream.on("error", leave)
  stream.on("close", leave)
  stream.on("data", (bytes: Buffer) => {
    inbox.unsafeOffer(bytes)
  })
  if (stream.destroyed) leave()

  const peer: Peer = {
    read: Queue.take(inbox),
    write: (bytes) =>
      Effect.async((resume) => {
        stream.write(bytes, (error) => {
          if (error == null) resume(Effect.void)
        })
      }),
    end: Effect.async((resume) => {
      stream.end(() => resume(Effect.void))
    }),
    reset: Effect.sync(() => {
      socket.resetAndDestroy()
    }),
    gone: Deferred.await(gone)
  }
  return peer
})
