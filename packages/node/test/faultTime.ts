/**
 * Rows whose limits run out. They wait for no time and lose no race with it, however busy the machine is: the tests' clock moves
 * when each attempt has come as far as its row says, seen on the sockets of both sides.
 */
import * as diagnostics from "node:diagnostics_channel"
import type { Socket } from "node:net"
import type { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"

/** The sockets of this process that connected to a port. */
const socketsTo = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const sockets: Array<Socket> = []
      const onSocket = (message: unknown) => {
        const { socket } = message as { readonly socket: Socket }
        socket.once("connect", () => socket.remotePort === port && sockets.push(socket))
      }
      diagnostics.subscribe("net.client.socket", onSocket)
      return { sockets, onSocket }
    }),
    ({ onSocket }) => Effect.sync(() => diagnostics.unsubscribe("net.client.socket", onSocket))
  ).pipe(Effect.map(({ sockets }) => sockets))

/** After it every socket and every timer that is due had its turn. */
export const turnOfLoop = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** No step of a client that waits for no socket takes more turns of the event loop. */
const settle = Effect.repeatN(turnOfLoop, 20)

/** What a client has to read of a reply before its limit may run out: all that comes at once, and two pieces of each drip. */
const bytesOf = (steps: ReadonlyArray<FaultServer.Step>): number =>
  steps.reduce((sum, step) => {
    if (step._tag === "Write") return sum + step.bytes.length
    return step._tag === "Drip" ? sum + 2 * step.chunkSize : sum
  }, 0)

/**
 * Runs a program whose attempts all end by a limit. The time of `limit` passes after each of its `requests` arrived and what
 * `reply` sends was read. While a reply drips it passes in three parts, with bytes between them: they must not put it off.
 */
export const expiring = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options: {
    readonly server: Pick<FaultServer.Running, "port" | "requestCount">
    readonly reply: FaultServer.Reply | undefined
    readonly requests: number
    readonly limit: number
  }
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const { limit, reply, requests, server } = options
    const { steps = [] } = reply ?? {}
    const parts = steps.some(({ _tag }) => _tag === "Drip") ? 3 : 1
    const bytes = bytesOf(steps)
    const sockets = yield* socketsTo(server.port)
    const fiber = yield* Effect.fork(program)
    for (let part = 0; fiber.unsafePoll() === null; part++) {
      const attempts = Math.min(Math.floor(part / parts) + 1, requests)
      const due = bytes + 2 * (part % parts)
      const isRead = () => bytes === 0 || sockets.filter(({ bytesRead }) => bytesRead >= due).length >= attempts
      while (fiber.unsafePoll() === null && !(isRead() && (yield* server.requestCount) >= attempts)) yield* turnOfLoop
      yield* settle
      yield* TestClock.adjust(limit / parts)
    }
    return yield* Fiber.join(fiber)
  }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext))
