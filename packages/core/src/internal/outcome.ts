/** What became of the message of a `send` that failed. */

type Outcome = "notSent" | "refused" | "unknown" | "accepted"

/** What decides about an outcome; each error has some of it. */
interface Failure {
  readonly _tag: string
  readonly outcome?: Outcome | undefined
  readonly status?: number
  readonly phase?: string
  readonly error?: { readonly message?: string | undefined } | undefined
}

/**
 * The two messages of a Mix server that refuses a `send` with 500 before it stores anything or starts the agent: the session
 * is busy, or there is none with that id. Only the names of the steps before them vary. The whole message must read so,
 * because a gateway or the agent may quote either in a longer one.
 */
const refusedSession =
  /^([A-Za-z ]+: )*([A-Za-z ]*sending message to agent: session is currently processing another request|failed to get session: sql: no rows in result set)$/

/** Whether the server says that it refused the message because of its session. */
export const namesSession = ({ error, status }: Failure): boolean =>
  status === 500 && error?.message !== undefined && refusedSession.test(error.message)

/** What became of the message of a `send` that failed so, unless the error knows better. */
export const outcomeOf = (failure: Failure): Outcome => {
  if (failure.outcome !== undefined) return failure.outcome
  const { phase, status = 0 } = failure
  switch (failure._tag) {
    case "BadRequest":
    case "Unauthorized":
    case "NotFound":
    case "RateLimited":
      return "refused"
    case "ServerError":
      // Any other may come from a gateway that had forwarded the request, 503 with `Retry-After` included.
      return namesSession(failure) ? "refused" : "unknown"
    case "UnexpectedStatus":
      // 302 and 303 may say where the result of a message is that was taken, and so may a redirect that `fetch` hides.
      return [301, 307, 308].includes(status) || (status >= 400 && status < 500 && status !== 408)
        ? "refused"
        : "unknown"
    case "ConnectionError":
    case "RequestTimeout":
      return phase === "connect" ? "notSent" : "unknown"
    default:
      return "unknown"
  }
}

/** What would happen twice if it were repeated. */
export const isOnce = (operation: string) => ["send", "createSession", "cancelSession", "ask"].includes(operation)

/** Such an operation may be repeated only where it is known not to have been done: a second cancel would hit another run. */
export const harmless = (error: Failure & { readonly operation: string }) =>
  !isOnce(error.operation) || ["notSent", "refused"].includes(outcomeOf(error))
