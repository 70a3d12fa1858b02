/** What is asked of a server, and what comes. */

/** The longest page a server may be asked for, by its API description. */
export const maxLimit = 1000

export interface Request {
  readonly offset: number
  readonly limit: number
}

export interface Row {
  readonly id: string
  readonly sessionId: string
}

/** A page, and when it was asked for and came: milliseconds of a monotonic clock. */
export interface Answer<A extends Row> {
  readonly request: Request
  readonly rows: ReadonlyArray<A>
  readonly askedAt: number
  readonly answeredAt: number
}
