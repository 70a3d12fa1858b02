/** What is asked of a server, and what comes. */
import type { BackendMessage } from "../../BackendMessage.ts"

/** The longest page a server may be asked for, by its API description. */
export const maxLimit = 1000

export interface Request {
  readonly offset: number
  readonly limit: number
}

export interface Row {
  readonly id: string
  readonly sessionId: string
  /** Why it is no message, where it is none. It keeps its place in the walk, and is left out of what is given. */
  readonly unreadable?: string
}

/** A page, and when it was asked for and came: milliseconds of a monotonic clock. */
export interface Answer<A extends Row> {
  readonly request: Request
  readonly rows: ReadonlyArray<A>
  readonly askedAt: number
  readonly answeredAt: number
}

/** A row that is no message. */
export interface Unreadable extends Row {
  readonly unreadable: string
}

export type Item = BackendMessage | Unreadable
