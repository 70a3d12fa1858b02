import type { Outcome } from "../MixError.ts"

/** What decides about an outcome; each error has some of it. */
interface Failure {
  readonly _tag: string
  readonly outcome?: Outcome | undefined
  readonly status?: number
  readonly phase?: string
  readonly retryAfter?: unknown
}

/** What became of the message of a `send` that failed so, unless the error knows better. */
export const outcomeOf = (error: Failure): Outcome => {
  if (error.outcome !== undefined) return error.outcome
  const { phase, retryAfter, status = 0 } = error
  switch (error._tag) {
    case "BadRequest":
    case "Unauthorized":
    case "NotFound":
    case "RateLimited":
      return "refused"
    case "ServerError":
      // With a time to come back at, the server says that it did not take the request.
      return status === 503 && retryAfter !== undefined ? "refused" : "unknown"
    case "UnexpectedStatus":
      return status >= 300 && status < 500 && status !== 408 ? "refused" : "unknown"
    case "ConnectionError":
    case "RequestTimeout":
      return phase === "connect" ? "notSent" : "unknown"
    default:
      return "unknown"
  }
}
