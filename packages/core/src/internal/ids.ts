/**
 * Sets of ids in the order in which they were added, of which copies are free: all share one log, and each knows as much of
 * it as had been added by then. Only the one that knows all of it adds to it; any other goes on with a log of its own.
 */
export interface Ids {
  /** Ids and their places. What stands behind `size` was added by others. */
  readonly log: Map<string, number>
  readonly size: number
}

export const make = (ids: Iterable<string> = []): Ids => {
  const log = new Map<string, number>()
  for (const id of ids) if (!log.has(id)) log.set(id, log.size)
  return { log, size: log.size }
}

export const has = ({ log, size }: Ids, id: string): boolean => {
  const place = size === 0 ? undefined : log.get(id)
  return place !== undefined && place < size
}

export const toArray = ({ log, size }: Ids): ReadonlyArray<string> => [...log.keys()].slice(0, size)

/** Adds to a set, in which `add` says whether an id is new. */
export const extend = (ids: Ids, use: (add: (id: string) => boolean) => void): Ids => {
  const { log } = ids.log.size === ids.size ? ids : make(toArray(ids))
  use((id) => {
    if (log.has(id)) return false
    log.set(id, log.size)
    return true
  })
  return { log, size: log.size }
}
