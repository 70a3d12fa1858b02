import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import { conclude, exchange, type Line, type Next } from "./exchange.ts"
import type { Ledger } from "./ledger.ts"
import * as Peer from "./peer.ts"
import { perform } from "./perform.ts"
import type { Plan } from "./plan.ts"
import * as Reader from "./reader.ts"

/** What all connections of a server share. */
export interface Shared {
  readonly ledger: Ledger
  readonly plan: Plan
  /** Lays TLS over a connection; the identity for plain HTTP. */
  readonly secure: (socket: Socket) => Duplex
}

const converse = Effect.fnUntraced(function* (socket: Socket, index: number, { ledger, plan, secure }: Shared) {
  const atAccept = plan.atAccept()
  const peer = yield* Peer.make(atAccept === undefined ? secure(socket) : socket, socket)
  const line: Line = { index, peer, reader: Reader.make(peer), ledger, plan }

  let next: Next = "read"
  if (atAccept !== undefined) next = yield* conclude(line, yield* perform(peer, atAccept))
  while (next !== "over" && (yield* line.reader.ready)) {
    if (next === "resetOnReuse") return yield* peer.reset
    next = yield* exchange(line)
  }
})

const destroy = (socket: Socket): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.destroy()
  })

/** Serves one connection until it is closed; interruption closes it. */
export const serve = (socket: Socket, shared: Shared): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    shared.ledger.opened,
    (index) => converse(socket, index, shared),
    () => Effect.zipRight(destroy(socket), shared.ledger.closed)
  )
