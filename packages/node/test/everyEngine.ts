/** Every engine that the SDK has or is used with, and a way to end an established connection of any of them with an error. */
import * as diagnostics from "node:diagnostics_channel"
import * as http from "node:http"
import type { AddressInfo, Socket } from "node:net"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { NodeHttpClient } from "@effect/platform-node"
import { MixBrowser } from "@mix-effect/browser"
import type { MessagesService } from "@mix-effect/core"
import { MessagesHttp, type MixConfig } from "@mix-effect/http"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { MixNode } from "../src/index.ts"

export type EngineName = keyof typeof layers

const over = (client: Layer.Layer<HttpClient.HttpClient>) => (options: MixConfig.Options) =>
  Layer.provide(MessagesHttp.layer(options), client)

const layers = {
  MixNode: MixNode.layer,
  MixBrowser: MixBrowser.layer,
  "HttpClient, fetch": over(FetchHttpClient.layer),
  "HttpClient, undici": over(NodeHttpClient.layerUndici),
  "HttpClient, node:http": over(NodeHttpClient.layer)
} satisfies Record<string, (options: MixConfig.Options) => Layer.Layer<MessagesService, unknown>>

export const engineNames = Object.keys(layers) as ReadonlyArray<EngineName>

/** The service over an engine, with an empty environment. */
export const layerOf = (name: EngineName, options: MixConfig.Options): Layer.Layer<MessagesService> =>
  layers[name](options).pipe(
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map()))),
    // A bad option is a mistake of the test.
    Layer.orDie
  )

/** When a connection ends, seen from the client. */
export const moments = ["connecting", "connected", "upload", "request", "head"] as const
export type Moment = (typeof moments)[number]

export interface SocketError {
  readonly code: string
  readonly syscall?: string | undefined
}

/** An error as the kernel or OpenSSL gives it to a socket. */
const toError = ({ code, syscall }: SocketError) =>
  Object.assign(new Error(`${syscall ?? "ssl"} ${code}`), { code, ...(syscall !== undefined && { syscall }) })

/**
 * A server that ends the connection of its first POST at a moment, on the client's side and with the client's error, as a
 * kernel does; whatever comes later is answered. `posts` counts the requests whose head arrived.
 */
export const breakingServer = (moment: Moment, error: SocketError) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly posts: () => number; readonly close: () => void }>((resume) => {
      let posts = 0
      let broken = false
      const clients = new Set<Socket>()
      const breakNow = (socket: Socket | undefined) => {
        broken = true
        socket?.destroy(toError(error))
      }
      const clientOf = (request: http.IncomingMessage) =>
        [...clients].find(({ localPort }) => localPort === request.socket.remotePort)
      const server = http.createServer((request, response) => {
        const first = ++posts === 1 && !broken
        if (first && moment === "upload") request.once("data", () => breakNow(clientOf(request)))
        request.on("data", () => {})
        request.on("error", () => {})
        request.on("end", () => {
          if (first && moment === "request") return breakNow(clientOf(request))
          response.writeHead(200, { "content-type": "application/json" })
          if (!first || moment !== "head") return response.end(`{"id":"m1","sessionId":"s1","role":"user"}`)
          response.write("{")
          setTimeout(() => breakNow(clientOf(request)), 2)
        })
      })
      server.on("connection", (socket) => socket.on("error", () => {}))
      let port = 0
      const onSocket = (message: unknown) => {
        const { socket } = message as { readonly socket: Socket }
        clients.add(socket)
        // Others than ours may connect to elsewhere in the meantime.
        const ours = () => socket.remotePort === port
        if (broken) return
        if (moment === "connecting") queueMicrotask(() => breakNow(socket))
        if (moment === "connected") socket.prependOnceListener("connect", () => ours() && breakNow(socket))
      }
      server.listen(0, "127.0.0.1", () => {
        port = (server.address() as AddressInfo).port
        diagnostics.subscribe("net.client.socket", onSocket)
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${port}`,
            posts: () => posts,
            close: () => {
              diagnostics.unsubscribe("net.client.socket", onSocket)
              // Others than ours may connect to elsewhere in the meantime, and undici would wait for theirs.
              for (const socket of clients) if (socket.remotePort === port) socket.destroy()
              server.closeAllConnections()
              server.close()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )
