/** An engine over an undici dispatcher, without what a client for every purpose brings along. */

import * as Engine from "@mix-effect/http/Engine"
import * as Effect from "effect/Effect"
import type { Agent, Dispatcher } from "undici"
import { Body } from "./body.ts"
import * as ContentEncoding from "./contentEncoding.ts"
import type { Proxy } from "./proxy.ts"
import { TunnelError } from "./tunnels.ts"
import { version } from "./version.ts"

const name = ({ address, variable }: Proxy) => `the proxy ${address} (${variable})`

const refused = (proxy: Proxy, status: number) =>
  new Engine.EngineError({
    code: "UND_ERR_PRX_RESPONSE",
    hint: `${name(proxy)} answered ${status}${status === 407 ? ": its url needs other credentials" : ""}`
  })

const troubleWith = (code: string) => {
  if (code === "UND_ERR_SOCKET" || code === "ECONNRESET") return "closed the connection"
  return code.startsWith("HPE_") ? "does not speak HTTP" : "cannot be reached"
}

/** The layer's scope is closed, or the request is not wanted any more: the proxy has no part in these. */
const ownDoing = /^(UND_ERR_(DESTROYED|CLOSED|INVALID_ARG)|UNKNOWN)$/

/** What goes wrong before a connection to the server stands. Where the proxy forwards, the only connection is to the proxy. */
const proxyFailure = (error: unknown, proxy: Proxy): Engine.EngineError => {
  const isTunnelError = error instanceof TunnelError
  if (isTunnelError && error.status !== undefined) return refused(proxy, error.status)
  const failure = Engine.failure(error)
  const { code, syscall } = failure
  if (ownDoing.test(code) || (proxy.tunnel && !isTunnelError)) return failure
  return new Engine.EngineError({ code, syscall, hint: `${name(proxy)} ${troubleWith(code)}` })
}

/** Of a proxy that forwards, these may be its own; nothing in HTTP tells. */
const ambiguous = [403, 502, 503, 504]

const joined = (value: string | Array<string> | undefined): string | undefined =>
  typeof value === "object" ? value.join(", ") : value

/** Why a request ends that is given up. */
const abandoned = new Error("not wanted any more")

/** Why a message ends that a dispatcher would send a second time. */
const repeated = Object.assign(new Error("a message is sent once"), { code: "MESSAGE_REPEATED" })

/**
 * Tells of each request, as it starts, whether its connection is new. undici starts the first request of a connection right
 * after it tells of the connection.
 */
export const watchConnections = (agent: Agent): (() => "new" | "reused") => {
  let isNew = false
  agent.on("connect", () => {
    isNew = true
    // A request that was given up meanwhile does not start.
    queueMicrotask(() => {
      isNew = false
    })
  })
  return () => {
    const connection = isNew ? "new" : "reused"
    isNew = false
    return connection
  }
}

/**
 * The engine lives as long as its dispatcher. Requests for a proxy that forwards go to the proxy and name the whole url. A
 * proxy that opens tunnels is the dispatcher's business; here it is known for what errors say.
 */
export const make = (dispatcher: Dispatcher, proxy?: Proxy, connectionOf?: () => "new" | "reused"): Engine.Engine => {
  const forwarder = proxy?.tunnel === false ? proxy : undefined
  const defaults = {
    "user-agent": `mix-effect/${version} node/${process.versions.node}`,
    "accept-encoding": ContentEncoding.accepted,
    ...(forwarder?.authorization !== undefined && { "proxy-authorization": forwarder.authorization })
  }
  return ({ body = null, headers, method, signal, url }, progress) =>
    Effect.async((resume) => {
      let controller: Dispatcher.DispatchController | undefined
      let received: Body | undefined
      const fail = (error: unknown) => {
        const connecting = proxy !== undefined && progress.phase === "connect"
        resume(Effect.fail(connecting ? proxyFailure(error, proxy) : Engine.failure(error)))
      }
      signal.addEventListener("abort", () => {
        if (received !== undefined) return received.abort(abandoned)
        controller?.abort(abandoned)
        fail(abandoned)
      })
      // undici calls `onRequestStart` once a connection stands, and writes the request right after it returns: until then
      // nothing was sent, whatever the error says; from then on something may have been, whatever the error says.
      progress.phase = "connect"
      try {
        const { host, origin, pathname, search } = new URL(url)
        const target =
          forwarder === undefined
            ? { origin, path: pathname + search, headers: { ...defaults, ...headers } }
            : { origin: forwarder.origin, path: url, headers: { ...defaults, ...headers, host } }
        // The SDK's own limits rule, which know a slow `send` from a slow read. The engine's are five minutes each.
        const limits = { headersTimeout: 0, bodyTimeout: 0 }
        dispatcher.dispatch(
          { ...target, method, body, ...limits },
          {
            onRequestStart(started) {
              if (signal.aborted) return started.abort(abandoned)
              // Interceptors repeat a request after an error of a connection that stood, by its code.
              if (controller !== undefined && method !== "GET") return started.abort(repeated)
              controller = started
              progress.phase = "headers"
              if (connectionOf !== undefined) progress.connection = connectionOf()
            },
            onResponseStart(started, status, headers) {
              if (status < 200) return
              if (forwarder !== undefined && status === 407) {
                progress.phase = "connect" // The proxy says that it forwarded nothing.
                resume(Effect.fail(refused(forwarder, 407)))
                return started.abort(abandoned)
              }
              progress.phase = "body"
              // Names of headers may be those of an object's own members, such as `constructor`.
              const header = (name: string) => (Object.hasOwn(headers, name) ? joined(headers[name]) : undefined)
              const body = new Body(started, header("content-encoding"))
              received = body
              const hint =
                forwarder !== undefined && ambiguous.includes(status)
                  ? `it may be the answer of ${name(forwarder)}`
                  : undefined
              resume(
                Effect.succeed({
                  status,
                  header,
                  hint,
                  body: (maxBytes) => body.read(maxBytes),
                  chunks: (onChunk) => body.chunks(onChunk)
                })
              )
            },
            onResponseData(_, chunk) {
              received?.write(chunk)
            },
            onResponseEnd() {
              received?.close({})
            },
            onResponseError(_, error) {
              if (received === undefined) fail(error)
              else received.close({ error: Engine.failure(error) })
            }
          }
        )
      } catch (error) {
        fail(error)
      }
    })
}
