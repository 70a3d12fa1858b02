/** Tunnels through a proxy to servers of https, one for each connection. */
import { Agent, ProxyAgent } from "undici"
import type { Proxy } from "./proxy.ts"

/** The proxy opened no tunnel: what it answered, or why it did not. What fails inside a tunnel is none of these. */
export class TunnelError extends Error {
  constructor(
    readonly status: number | undefined,
    cause?: unknown
  ) {
    super("the proxy opened no tunnel", { cause })
  }
}

/** How long the proxy may take to answer, in milliseconds. undici limits the rest of connecting to as much. */
const answerLimit = 10_000

/**
 * undici takes a connection that ends before the proxy answered for one that was kept alive too long: it asks for the tunnel
 * again, at once, and thousands of times a second. It does so by the error's code, so a `TunnelError` has none of its own.
 */
export const make = ({ authorization, origin }: Proxy): ProxyAgent =>
  new ProxyAgent({
    uri: origin,
    ...(authorization !== undefined && { token: authorization }),
    clientFactory: (_, options) => {
      const agent = new Agent({ ...options, headersTimeout: answerLimit })
      const connect = agent.connect.bind(agent)
      return Object.assign(agent, {
        connect: async (options: Parameters<typeof connect>[0]) => {
          const answer = await connect(options).catch((cause: unknown) => {
            throw new TunnelError(undefined, cause)
          })
          if (answer.statusCode === 200) return answer
          answer.socket.on("error", () => {}).destroy()
          throw new TunnelError(answer.statusCode)
        }
      })
    }
  })
