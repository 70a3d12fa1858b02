import * as NodeNet from "node:net"
import { Effect } from "effect"
import type * as FaultServer from "../src/FaultServer.ts"

/** What one raw connection brought: every byte as Latin-1, and how it ended. */
export interface Reply {
  readonly text: string
  readonly end: "fin" | "reset"
}

/** A raw TCP client: what it sends and sees is what is on the wire. */
export const connect = Effect.fnUntraced(function* (port: number, socketOptions: { readonly host?: string } = {}) {
  const seen: Array<Buffer> = []
  const watchers = new Set<() => void>()
  let end: Reply["end"] | undefined
  const changed = () => {
    for (const watcher of watchers) watcher()
  }
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const socket = NodeNet.connect({ port, host: socketOptions.host ?? "127.0.0.1" })
      socket.on("data", (bytes) => {
        seen.push(bytes)
        changed()
      })
      socket.on("end", () => {
        end ??= "fin"
        changed()
      })
      socket.on("error", () => {
        end ??= "reset"
        changed()
      })
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  const text = () => Buffer.concat(seen).toString("latin1")
  const until = (done: () => boolean) =>
    Effect.async<string>((resume) => {
      const watcher = () => {
        if (!done()) return
        watchers.delete(watcher)
        resume(Effect.succeed(text()))
      }
      watchers.add(watcher)
      watcher()
    })
  return {
    socket,
    seen,
    send: (data: string | Uint8Array) => Effect.sync(() => socket.write(data)),
    /** Waits for this text to have come. */
    sees: (marker: string) => until(() => text().includes(marker)),
    /** Waits for the server to end the connection. */
    ended: Effect.map(
      until(() => end !== undefined),
      (text): Reply => ({ text, end: end ?? "fin" })
    )
  }
})

export const get = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

/** Sends a request and gives all that comes until the server ends the connection. */
export const ask = (server: FaultServer.Running, request: string | Uint8Array = get): Effect.Effect<Reply> =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* connect(server.port)
      yield* client.send(request)
      return yield* client.ended
    })
  )
