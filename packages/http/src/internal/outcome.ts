import type { MixError, Outcome } from "@mix-effect/core"

/** What became of the message of a `send` that failed so. */
export const outcomeOf = (error: MixError): Outcome => {
  switch (error._tag) {
    case "BadRequest":
    case "Unauthorized":
    case "NotFound":
    case "RateLimited":
      return "refused"
    case "ServerError":
      // With a time to come back at, the server says that it did not take the request.
      return error.status === 503 && error.retryAfter !== undefined ? "refused" : "unknown"
    case "UnexpectedStatus":
      return error.status >= 300 && error.status < 500 && error.status !== 408 ? "refused" : "unknown"
    case "ConnectionError":
    case "RequestTimeout":
      return error.phase === "connect" ? "notSent" : "unknown"
    case "ReplyPending":
      return "accepted"
    default:
      return "unknown"
  }
}
