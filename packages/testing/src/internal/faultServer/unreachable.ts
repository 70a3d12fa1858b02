import { randomInt } from "node:crypto"
import * as NodeNet from "node:net"
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Listen from "./listen.ts"
import { ListenError } from "./model.ts"

const host = "127.0.0.1"

/**
 * A URL whose port on 127.0.0.1 nobody listens on: connecting is refused (`ECONNREFUSED`). The port is not held, so `serve`
 * may start on it later. It lies below those that systems give away, so that no server that takes a free port gets it.
 *
 * @since 0.1.0
 * @category unreachable
 */
export const refusedUrl: Effect.Effect<string, ListenError> = Effect.suspend(() => {
  const port = randomInt(20_000, 32_768)
  return Effect.flatMap(
    Listen.make((socket) => socket.destroy()),
    (server) => Effect.as(Listen.listen(server, { host, port }), Listen.originOf("http", host, port))
  )
}).pipe(Effect.scoped, Effect.retry({ times: 20 }))

/** Listens, tells the port and then blocks its thread, so that nothing is ever accepted. */
const listener = `
const { parentPort, workerData } = require("node:worker_threads")
const server = require("node:net").createServer()
server.on("error", (error) => parentPort.postMessage(error.code))
server.listen({ host: workerData.host, port: 0, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  Atomics.wait(workerData.gate, 0, 0)
})
`

const startListener = Effect.acquireRelease(
  Effect.sync(() => {
    const gate = new Int32Array(new SharedArrayBuffer(4))
    return { gate, worker: new Worker(listener, { eval: true, execArgv: [], workerData: { host, gate } }) }
  }),
  ({ gate, worker }) =>
    Effect.promise(() => {
      Atomics.store(gate, 0, 1)
      Atomics.notify(gate, 0)
      return worker.terminate()
    })
)

const portOf = (worker: Worker): Effect.Effect<number, ListenError> =>
  Effect.async((resume) => {
    const failed = (code: string) => resume(new ListenError({ host, port: 0, code }))
    worker.once("message", (said: unknown) => {
      if (typeof said === "number") resume(Effect.succeed(said))
      else failed(String(said))
    })
    worker.on("error", () => failed("UNKNOWN"))
  })

/** Holds one place in the queue of connections that wait to be accepted. */
const fillPlace = Effect.fnUntraced(function* (port: number) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => NodeNet.connect({ host, port })),
    (socket) => Effect.sync(() => socket.destroy())
  )
  yield* Effect.async<void, ListenError>((resume) => {
    socket.on("connect", () => resume(Effect.void))
    socket.on("error", (error: NodeJS.ErrnoException) =>
      resume(new ListenError({ host, port, code: error.code ?? "UNKNOWN" }))
    )
  })
})

/**
 * A URL on 127.0.0.1 that never answers a connection attempt: no refusal, no reset, until the scope closes. A listener
 * whose thread is blocked has its queue of waiting connections filled, and the system drops what comes after. **Linux
 * only**: other systems refuse or queue differently.
 *
 * @since 0.1.0
 * @category unreachable
 */
export const blackHoleUrl: Effect.Effect<string, ListenError, Scope.Scope> = Effect.gen(function* () {
  const { worker } = yield* startListener
  const port = yield* portOf(worker)
  // Linux lets in one connection more than the backlog of 1.
  yield* fillPlace(port)
  yield* fillPlace(port)
  return Listen.originOf("http", host, port)
})
