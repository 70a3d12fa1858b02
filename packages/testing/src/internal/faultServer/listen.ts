import * as NodeNet from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { ListenError } from "./model.ts"

/** A server that is closed, with all its connections, when the scope closes. It does not listen yet. */
export const make = (
  onConnection: (socket: NodeNet.Socket) => void
): Effect.Effect<NodeNet.Server, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const sockets = new Set<NodeNet.Socket>()
        // A client that has sent FIN is gone for us, but only the connection's own fiber may say so and close.
        const server = NodeNet.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
          sockets.add(socket)
          socket.once("close", () => sockets.delete(socket))
          // A reset shows as `close` too; without a listener it would end the process.
          socket.on("error", () => {})
          onConnection(socket)
        })
        return { server, sockets }
      }),
      ({ server, sockets }) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    ),
    ({ server }) => server
  )

/** Starts to listen and gives the port. */
export const listen = (
  server: NodeNet.Server,
  options: { readonly host: string; readonly port: number }
): Effect.Effect<number, ListenError> =>
  Effect.async((resume) => {
    const failed = (code: string | undefined) => resume(new ListenError({ ...options, code: code ?? "UNKNOWN" }))
    server.on("error", (error: NodeJS.ErrnoException) => failed(error.code))
    try {
      server.listen(options, () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : options.port))
      })
    } catch (error) {
      // A port outside 0..65535 is thrown, not emitted.
      failed(error instanceof RangeError ? "ERR_SOCKET_BAD_PORT" : undefined)
    }
  })

/** The origin of a server, without a trailing slash. */
export const originOf = (scheme: "http" | "https", host: string, port: number): string =>
  `${scheme}://${NodeNet.isIPv6(host) ? `[${host}]` : host}:${port}`
