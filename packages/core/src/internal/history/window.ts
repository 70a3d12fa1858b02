/**
 * The ids that were given last, in order. A window never changes: `add` makes another. The windows of a walk share one log,
 * so a page costs its own ids and not a copy of the window.
 */

/** How many ids a window holds at most. */
export const capacity = 512

/** How many ids the log may hold before the window is copied into a new one. */
const maxLogged = 2048

interface Log {
  /** Ids and their ranks, which count up in the order in which the ids were given. */
  readonly ranks: Map<string, number>
  /** The rank of the first id in the log. */
  readonly first: number
  /** The rank of the next id. */
  next: number
}

export interface Window {
  readonly log: Log
  /** The rank behind the last id. What the log holds from here on was added by other windows. */
  readonly end: number
}

const makeLog = (ids: Iterable<string>, first: number): Log => {
  const log: Log = { ranks: new Map(), first, next: first }
  for (const id of ids) log.ranks.set(id, log.next++)
  return log
}

export const make = (ids: Iterable<string> = []): Window => {
  const log = makeLog(ids, 0)
  return { log, end: log.next }
}

/** The rank of the first id in the window. */
export const begin = ({ end, log }: Window): number => Math.max(log.first, end - capacity)

export const size = (window: Window): number => window.end - begin(window)

/** The rank of an id, if the window holds it. */
export const rankOf = (window: Window, id: string): number | undefined => {
  const rank = window.log.ranks.get(id)
  return rank !== undefined && rank < window.end && rank >= begin(window) ? rank : undefined
}

/** All ids in order. */
export const ids = (window: Window): ReadonlyArray<string> => {
  const from = begin(window)
  const found: Array<string> = []
  // A loop over entries would make an array of each.
  window.log.ranks.forEach((rank, id) => {
    if (rank >= from && rank < window.end) found.push(id)
  })
  return found
}

/** The window after more ids were given, none of which it holds. One that is repeated counts once. */
export const add = (window: Window, more: ReadonlyArray<string>): Window => {
  const { log } = window
  if (log.next !== window.end || log.ranks.size >= maxLogged) return add(copy(window), more)
  for (const id of more) {
    const rank = log.ranks.get(id)
    if (rank === undefined) log.ranks.set(id, log.next++)
    // The id left this window, and others may hold it. What was added so far is behind their ends.
    else if (rank < window.end) return add(copy(window), more)
  }
  return { log, end: log.next }
}

const copy = (window: Window): Window => {
  const kept = ids(window)
  return { log: makeLog(kept, window.end - kept.length), end: window.end }
}
