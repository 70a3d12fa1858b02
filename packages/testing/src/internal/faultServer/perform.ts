import * as Effect from "effect/Effect"
import type { Reply, Step } from "./model.ts"
import type { Peer } from "./peer.ts"
import { framed } from "./steps.ts"

/**
 * How a reply ended: it came to its last step, asked to keep the connection, closed it, left it to be reset at its next
 * use, or lost its client.
 */
export type Ending = "done" | "keepAlive" | "closed" | "doomed" | "left"

const drip = Effect.fnUntraced(function* (peer: Peer, step: Extract<Step, { _tag: "Drip" }>) {
  for (let at = 0; at < step.bytes.length; at += step.chunkSize) {
    if (at > 0) yield* Effect.sleep(step.every)
    yield* peer.write(step.bytes.subarray(at, at + step.chunkSize))
  }
})

const flood = Effect.fnUntraced(function* (peer: Peer, step: Extract<Step, { _tag: "Flood" }>) {
  const unit = step.chunked ? framed(step.chunk) : step.chunk
  let left = step.bytes
  while (left > 0) {
    const last = left < step.chunk.length ? step.chunk.subarray(0, left) : undefined
    yield* peer.write(last === undefined ? unit : step.chunked ? framed(last) : last)
    left -= step.chunk.length
  }
})

const turn = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/**
 * Lets the client read what was sent. When a RST meets unread bytes, libuv reports a plain end instead of `ECONNRESET`.
 * The turns of the event loop are for a client in a busy process that is also this one: after them it has polled.
 */
const settle = Effect.sleep("10 millis").pipe(Effect.zipRight(turn), Effect.zipRight(turn))

const steps = Effect.fnUntraced(function* (peer: Peer, reply: Reply) {
  for (const step of reply.steps) {
    switch (step._tag) {
      case "Write":
        yield* peer.write(step.bytes)
        break
      case "Delay":
        yield* Effect.sleep(step.duration)
        break
      case "Drip":
        yield* drip(peer, step)
        break
      case "Flood":
        yield* flood(peer, step)
        break
      case "Stall":
        return yield* Effect.never
      case "End":
        yield* peer.end
        return "closed"
      case "Reset":
        if (step !== reply.steps[0]) yield* settle
        yield* peer.reset
        return "closed"
      case "KeepAlive":
        return "keepAlive"
      case "ResetOnReuse":
        return "doomed"
    }
  }
  return "done"
})

/** Does the steps of a reply, until the last one or until the client leaves. */
export const perform = (peer: Peer, reply: Reply): Effect.Effect<Ending> =>
  Effect.raceFirst(steps(peer, reply), Effect.as(peer.gone, "left" as const))
