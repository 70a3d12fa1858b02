/**
 * The place of a walk: all that decides which rows are given next, and nothing else. A cursor is exactly this. What a walk
 * guesses about the server is no part of it, so to resume is to start a new run at the same place.
 */
import type { Row } from "./page.ts"
import * as Window from "./window.ts"

/** What was in the list when the walk began, as far as it was read: what `followHistory` tells new rows by. */
export interface Present {
  /** Rows that may share a second with a row to come, newest first. */
  readonly open: ReadonlyArray<string>
  /** Rows before which every new row will stand, newest first. */
  readonly settled: ReadonlyArray<string>
  /** Whether the list held nothing else: then every other row is new. */
  readonly whole: boolean
}

export interface Place {
  /** The offset at which the next row to give is expected. */
  readonly position: number
  /** The ids that were given last. */
  readonly recent: Window.Window
  /** Ids of lower rank were read while new rows could still appear in their second, behind them. */
  readonly openBelow: number
  /**
   * The rows given last of each session, for the sessions that were met last, in order. Servers delete sessions whole, or
   * from their newest message down. So where these rows are gone, every row of the session that was given is.
   */
  readonly sessions: ReadonlyArray<readonly [sessionId: string, ids: ReadonlyArray<string>]>
  /** Whether a row was given of a session that is not in `sessions`. */
  readonly forgot: boolean
  /** Whether no row that was given is in the list: then reading begins at its head, and needs no known row. */
  readonly fromHead: boolean
  readonly present: Present
}

/** How many sessions a place remembers, and how many rows of each. */
const maxSessions = 64
const rowsOfSession = 3

/** The sessions after more rows were given, and whether one of them had to be forgotten. */
export const addSessions = (place: Place, rows: ReadonlyArray<Row>): Pick<Place, "forgot" | "sessions"> => {
  let { forgot } = place
  // From the last row back: the first sessions met are those to remember, and most rows cost one look-up.
  const latest = new Map<string, Array<string>>()
  let neighbor: string | undefined
  let ids: Array<string> | undefined
  for (let index = rows.length - 1; index >= 0; index--) {
    const { id, sessionId } = rows[index] as Row
    // Rows of a session often stand together. To compare ids takes a tenth of a look-up by one that was never hashed.
    if (sessionId !== neighbor) ids = latest.get(sessionId)
    neighbor = sessionId
    if (ids !== undefined) {
      if (ids.length < rowsOfSession) ids.push(id)
    } else if (latest.size < maxSessions) {
      ids = [id]
      latest.set(sessionId, ids)
    } else forgot = true
  }
  const others = place.sessions.filter(([sessionId, earlier]) => {
    const ids = latest.get(sessionId)
    if (ids === undefined) return true
    const missing = rowsOfSession - ids.length
    if (missing > 0) ids.push(...earlier.slice(-missing).reverse())
    return false
  })
  const met = Array.from(latest, ([sessionId, ids]) => [sessionId, ids.reverse()] as const).reverse()
  const sessions = [...others, ...met]
  return { sessions: sessions.slice(-maxSessions), forgot: forgot || sessions.length > maxSessions }
}

/** Nothing was read. */
export const start: Place = {
  position: 0,
  recent: Window.make(),
  openBelow: 0,
  sessions: [],
  forgot: false,
  fromHead: true,
  present: { open: [], settled: [], whole: false }
}

/** A place as JSON. */
export interface Encoded extends Omit<Place, "openBelow" | "recent"> {
  readonly recent: ReadonlyArray<string>
  /** How many of `recent`, from the first on, have a lower rank than `openBelow`. */
  readonly open: number
}

export const encode = ({ openBelow, recent, ...place }: Place): Encoded => ({
  ...place,
  recent: Window.ids(recent),
  open: Math.max(0, openBelow - Window.begin(recent))
})

export const decode = ({ open, recent, ...place }: Encoded): Place => ({
  ...place,
  recent: Window.make(recent),
  openBelow: open
})
