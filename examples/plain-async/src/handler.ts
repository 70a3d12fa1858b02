/** A handler for `node:http`: `GET /latest` and `GET /sessions/ID`. It might stand in any framework. */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { GetHistoryError } from "@mix-effect/core"
import type { MixMessages } from "./MixMessages.ts"

/** The tag says what happened; what it means here is for this program to say. */
const statusOf = (error: GetHistoryError): number => {
  switch (error._tag) {
    case "RateLimited":
    case "ConnectionError":
      return 503
    case "RequestTimeout":
      return 504
    default:
      return 502
  }
}

export const makeHandler =
  <E>(messages: MixMessages<E>) =>
  async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A browser that leaves ends the call that was made for it.
    const left = new AbortController()
    response.once("close", () => left.abort())

    const session = /^\/sessions\/([\w-]+)$/.exec(request.url ?? "")?.[1]
    if (session === undefined && request.url !== "/latest") {
      response.writeHead(404).end()
      return
    }
    try {
      const result = await (session === undefined
        ? messages.latest(20, { signal: left.signal })
        : messages.session(session, { signal: left.signal }))
      response
        .writeHead(result.ok ? 200 : statusOf(result.error), { "content-type": "application/json" })
        .end(JSON.stringify(result.ok ? result.value : { error: result.error.message }))
    } catch (cause) {
      if (!left.signal.aborted) console.error(cause)
      response.writeHead(500).end()
    }
  }
