/**
 * The walk over a paged list that changes under the reader, as a pure state machine: `start`, then `request` says what to
 * ask for and `judge` says what the answer means. It knows no effects, no transport and no message: only ids in order.
 *
 * The server sorts newest first and offers `limit` and `offset`, nothing else. New messages push rows to larger offsets,
 * deleted ones pull them to smaller. So every request asks again for the last few rows that were read (the overlap), and
 * an answer is recognised by the rows it shares with those that were read before:
 *
 * - it holds some, and rows that follow them: those are new. This is nearly every answer.
 * - it holds only such rows: the list grew at its head. How many were read after the last of them says how far to jump.
 * - it holds none: rows before this point were deleted, or more arrived than the walk remembers. The place is looked for
 *   outwards from here: back in steps that double, and ahead page by page.
 * - it could have been longer, and holds nothing that follows them: the end. A short page alone never is: a server that
 *   clamps `limit` makes every page short.
 */

import * as Ids from "./ids.ts"

/** The longest page a server may be asked for, by its API description. */
export const maxLimit = 1000

/** How many rows are read again with each page. More would notice more reordered ties, and cost bytes on every page. */
const overlap = 4

/** How many of the ids that were read last are remembered at least. */
const generation = 512

/** How many ids a stored cursor keeps: the place is found again as long as one of them is still in the list. */
export const stored = { recent: 256, head: 64 }

/** How many ids are kept for a walk that began anew. */
const maxPinned = 4096

/** How many requests in a row may bring no new row. */
const patience = 100

/** How often a server may look as if it ignored `offset` without giving a new row: some alternate between pages. */
const maxDoubts = 2

export interface Request {
  readonly offset: number
  readonly limit: number
}

export interface Row {
  readonly id: string
}

export interface Stats {
  readonly requests: number
  readonly duplicatesDropped: number
  readonly stepBacks: number
  readonly jumps: number
  readonly tiesReordered: number
}

/**
 * The place is looked for outwards from where it should be, after an answer that held no remembered row: one page back, one
 * page ahead, and so on. Nothing of it stands from `low` to `high`, which is unknown past the end of the list.
 */
interface Search {
  readonly low: number
  readonly high: number | undefined
  /** How far back the next look goes. */
  readonly step: number
  readonly turn: "back" | "ahead"
  /** Whether there was a look ahead, and whether it came to the end of the list. */
  readonly ahead: "not yet" | "looked" | "exhausted"
}

export interface Walk {
  readonly pageSize: number
  /** The offset at which the next unread row is expected. */
  readonly position: number
  /**
   * The ids read last, in order. Two generations, so that forgetting is O(1) and no state ever changes: the older one is
   * forgotten when the newer one is full.
   */
  readonly older: Ids.Ids
  readonly newer: Ids.Ids
  /** The last ids of all, which the overlap of the next page should repeat. */
  readonly tail: ReadonlyArray<string>
  /** Whether an id was read that is remembered no more. */
  readonly forgot: boolean
  /** What was read before the walk had to begin anew at offset 0: not to be handed out again. */
  readonly pinned: ReadonlySet<string>
  /** The first ids that were read: what `followHistory` recognises this walk's beginning by. */
  readonly head: ReadonlyArray<string>
  /** What is known of the server: its longest page, whether one came back shorter, or longer, than asked for. */
  readonly longest: number
  readonly clamps: boolean
  readonly ignoresLimit: boolean
  readonly search: Search | undefined
  /** By how much the list grew under the last jump: as much may come again, so the next page is longer by it. */
  readonly slack: number
  /** How the list began when it was last looked at, and each page since the last new row. */
  readonly beginnings: ReadonlyArray<{ readonly id: string; readonly offset: number }>
  /**
   * Whether the server is suspected of ignoring `offset`, because pages for two of them began alike. Its page for offset 0
   * tells: it is `asked` for that, and then `cleared`, or one more doubt is left.
   */
  readonly suspicion: "none" | "asked" | "cleared"
  readonly doubts: number
  readonly idle: number
  readonly stats: Stats
}

export type StallReason = "repeatedPages" | "noProgress" | "anchorLost"

export type Verdict<A> =
  | { readonly _tag: "Rows"; readonly walk: Walk; readonly rows: ReadonlyArray<A> }
  | { readonly _tag: "Again"; readonly walk: Walk }
  | { readonly _tag: "End"; readonly walk: Walk }
  | { readonly _tag: "Stalled"; readonly walk: Walk; readonly reason: StallReason }

const nothing: ReadonlySet<string> = new Set()

export const start = (pageSize: number): Walk => ({
  pageSize,
  position: 0,
  older: Ids.make(),
  newer: Ids.make(),
  tail: [],
  forgot: false,
  pinned: nothing,
  head: [],
  longest: 0,
  clamps: false,
  ignoresLimit: false,
  search: undefined,
  slack: 0,
  beginnings: [],
  suspicion: "none",
  doubts: 0,
  idle: 0,
  stats: { requests: 0, duplicatesDropped: 0, stepBacks: 0, jumps: 0, tiesReordered: 0 }
})

/** The ids that are remembered, in the order of reading. */
const remembered = ({ newer, older }: Walk): ReadonlyArray<string> => [...Ids.toArray(older), ...Ids.toArray(newer)]

/** What a stored cursor keeps of a walk. */
export interface Snapshot {
  readonly position: number
  readonly recent: ReadonlyArray<string>
  readonly forgot: boolean
  readonly head: ReadonlyArray<string>
}

export const snapshot = (walk: Walk): Snapshot => {
  const recent = remembered(walk)
  return {
    position: walk.position,
    recent: recent.slice(-stored.recent),
    forgot: walk.forgot || recent.length > stored.recent,
    head: walk.head
  }
}

export const restore = ({ forgot, head, position, recent }: Snapshot): Walk => ({
  ...start(maxLimit),
  position,
  newer: Ids.make(recent),
  tail: recent.slice(-overlap),
  forgot,
  head
})

/** The same place, to be read on by a new stream: what was learned of the server and counted is left behind. */
export const resume = ({ forgot, head, newer, older, position, tail }: Walk, pageSize: number): Walk => ({
  ...start(pageSize),
  position,
  newer,
  older,
  tail,
  forgot,
  head
})

/** The longest page to count on. */
const reach = (walk: Walk) => (walk.clamps ? Math.min(maxLimit, Math.max(1, walk.longest)) : maxLimit)

/**
 * A server that gives short pages would give little else than the overlap: no more than a quarter is spent on it. At one row
 * a page there is none, and deletions before the reader go unnoticed.
 */
const overlapOf = (walk: Walk) => (reach(walk) === 1 ? 0 : Math.min(overlap, Math.max(1, Math.floor(reach(walk) / 4))))

const readAt = (walk: Walk, position: number): Request => {
  const offset = Math.max(0, position - overlapOf(walk))
  return { offset, limit: Math.min(maxLimit, walk.pageSize + walk.slack + position - offset) }
}

export const request = (walk: Walk): Request => {
  if (walk.suspicion === "asked") {
    // Whatever moved the suspicious page to its offset stands before it.
    const before = walk.beginnings[walk.beginnings.length - 1]?.offset ?? 0
    return { offset: 0, limit: Math.min(maxLimit, Math.max(walk.pageSize, before)) }
  }
  if (walk.search === undefined) return readAt(walk, walk.position)
  const { high, low, step, turn } = walk.search
  if (turn === "ahead") return { offset: high ?? low, limit: maxLimit }
  const offset = Math.max(0, low - step)
  return { offset, limit: Math.min(maxLimit, walk.pageSize + low - offset) }
}

/** What will be asked for after `last`, if its page comes back full and the list stands still. */
export const predict = (walk: Walk, last: Request): Request =>
  readAt({ ...walk, slack: 0 }, last.offset + Math.min(last.limit, reach(walk)))

const remembers = ({ newer, older }: Walk, id: string) => Ids.has(newer, id) || Ids.has(older, id)

/** The place of each remembered id in the order of reading. Costs a pass over all of them: for repairs only. */
const ranks = (walk: Walk): ReadonlyMap<string, number> => {
  const ranks = new Map<string, number>()
  for (const id of remembered(walk)) ranks.set(id, ranks.size)
  return ranks
}

const noRanks: ReadonlyMap<string, number> = new Map()

/** Rows that changed places: a remembered one before one that was read earlier, an unread one between two remembered. */
const reordered = (walk: Walk, rows: ReadonlyArray<Row>, first: number, last: number): number => {
  if (last === walk.tail.length - 1 && walk.tail.every((id, index) => rows[index]?.id === id)) return 0
  const rankOf = ranks(walk)
  let previous = -1
  let count = 0
  for (const { id } of rows.slice(first, last + 1)) {
    const rank = rankOf.get(id)
    if (rank === undefined) {
      if (!walk.pinned.has(id)) count++
      continue
    }
    if (rank < previous) count++
    previous = rank
  }
  return count
}

const stall = (walk: Walk, reason: StallReason): Verdict<never> => ({ _tag: "Stalled", walk, reason })

/** The answer held no remembered row: look for the place elsewhere. */
const lookFurther = (walk: Walk, { limit, offset }: Request, length: number): Verdict<never> => {
  const stepped = { ...walk, stats: { ...walk.stats, stepBacks: walk.stats.stepBacks + 1 } }
  const end = length > 0 ? offset + length : undefined
  const ended = length === 0 || (length < limit && length < walk.longest)
  const before = walk.search ?? { low: offset, high: end, step: 0, turn: "back", ahead: "not yet" }
  const looked: Search =
    before.turn === "ahead"
      ? { ...before, high: end ?? before.high, ahead: ended ? "exhausted" : "looked" }
      : { ...before, low: offset, high: before.high ?? end }

  if (looked.low === 0 && looked.high === undefined) return { _tag: "End", walk }
  if (looked.low === 0 && looked.ahead !== "not yet" && !walk.forgot) {
    // All that was read is deleted, or more than a page arrived: read from the head, and pass over what was read.
    const pinned = new Set([...walk.pinned, ...remembered(walk)])
    const anew = { ...stepped, search: undefined, position: 0, older: Ids.make(), newer: Ids.make(), tail: [], pinned }
    return pinned.size > maxPinned ? stall(walk, "noProgress") : { _tag: "Again", walk: anew }
  }
  if (looked.low === 0 && looked.ahead === "exhausted") return stall(walk, "anchorLost")

  const mayLookAhead = looked.high !== undefined && looked.ahead !== "exhausted"
  const turn =
    looked.low === 0 || (before.turn === "back" && walk.search !== undefined && mayLookAhead) ? "ahead" : "back"
  // Past the end of the list steps may be as long as they like; in it they must leave no gap.
  const doubled = looked.step === 0 ? walk.pageSize : before.turn === "back" ? looked.step * 2 : looked.step
  const step = length === 0 && before.turn === "back" ? doubled : Math.min(doubled, Math.max(1, reach(walk) - 1))
  return { _tag: "Again", walk: { ...stepped, search: { ...looked, step, turn } } }
}

/** The answer held remembered rows and nothing new: the end of the list, or the list grew. */
const jumpAhead = (walk: Walk, { limit, offset }: Request, rows: ReadonlyArray<Row>, last: number): Verdict<never> => {
  if (rows.length < limit && rows.length < walk.longest) return { _tag: "End", walk }
  // Without an overlap a jump too far would go unnoticed: read on row by row.
  const rankOf = overlapOf(walk) === 0 ? noRanks : ranks(walk)
  const readAfter = Math.max(0, rankOf.size - 1 - (rankOf.get(rows[last]?.id ?? "") ?? 0))
  const position = offset + last + 1 + readAfter
  return {
    _tag: "Again",
    walk: {
      ...walk,
      search: undefined,
      position,
      slack: Math.max(0, position - walk.position),
      stats: { ...walk.stats, jumps: walk.stats.jumps + 1 }
    }
  }
}

/** With a new row, the pages since the last one are forgotten, and doubts with them. */
const forgetPages = ({ beginnings }: Walk, offset: number): Pick<Walk, "beginnings" | "doubts"> => ({
  beginnings: beginnings.filter((beginning) => beginning.offset === 0 || beginning.offset === offset),
  doubts: 0
})

/** Takes the rows from index `first` on that are not remembered; behind `last` none is. */
const take = <A extends Row>(
  walk: Walk,
  { offset }: Request,
  page: ReadonlyArray<A>,
  first: number,
  last: number
): Verdict<A> => {
  const full = walk.newer.size >= generation
  const older = full ? walk.newer : walk.older
  const rows: Array<A> = []
  let repeated = 0
  const newer = Ids.extend(full ? Ids.make() : walk.newer, (add) => {
    for (let index = first; index < page.length; index++) {
      const row = page[index] as A
      if (index <= last && remembers(walk, row.id)) continue
      if (walk.pinned.has(row.id) || !add(row.id)) repeated++
      else rows.push(row)
    }
  })
  const taken: Walk = {
    ...walk,
    position: offset + page.length,
    older: newer.size >= generation ? Ids.make() : older,
    newer,
    tail: [...walk.tail, ...rows.slice(-overlap).map((row) => row.id)].slice(-overlap),
    forgot: walk.forgot || (newer.size >= generation && older.size > 0),
    head: walk.head.length > 0 ? walk.head : rows.slice(0, stored.head).map((row) => row.id),
    search: undefined,
    slack: 0,
    stats: { ...walk.stats, duplicatesDropped: walk.stats.duplicatesDropped + repeated }
  }
  return rows.length === 0
    ? { _tag: "Again", walk: taken }
    : { _tag: "Rows", rows, walk: { ...taken, idle: 0, ...forgetPages(walk, offset) } }
}

/**
 * Whether the server ignores `offset`: two pages that begin alike make it suspect, and the page for offset 0 is asked for.
 * If that begins so too, it does. If it holds a row that was never seen, messages had arrived, and
 * it does not. Else a doubt is left, and too many doubts before there is a new row are proof.
 */
const suspect = (before: Walk, walk: Walk, asked: Request, rows: ReadonlyArray<Row>): Verdict<never> | undefined => {
  const { suspicion } = before
  const [head] = rows
  if (suspicion === "cleared" || head === undefined) return undefined
  // A server that ignores `limit` too has long given all it has.
  const guilty = (): Verdict<never> => (walk.ignoresLimit ? { _tag: "End", walk } : stall(walk, "repeatedPages"))
  if (suspicion === "asked") {
    const alike = head.id === before.beginnings[before.beginnings.length - 1]?.id
    const known = rows.every(({ id }) => remembers(before, id) || before.pinned.has(id))
    if (alike) return guilty()
    const told: Pick<Walk, "suspicion" | "doubts"> = known
      ? { suspicion: "none", doubts: walk.doubts + 1 }
      : { suspicion: "cleared", doubts: 0 }
    return { _tag: "Again", walk: { ...walk, ...told } }
  }
  const alike = before.beginnings.some(({ id, offset }) => id === head.id && offset !== asked.offset)
  if (!alike || asked.offset === 0) return undefined
  return walk.doubts === maxDoubts ? guilty() : { _tag: "Again", walk: { ...walk, suspicion: "asked" } }
}

/** Says what an answer means. */
export const judge = <A extends Row>(before: Walk, asked: Request, rows: ReadonlyArray<A>): Verdict<A> => {
  let seen = 0
  let first = -1
  let last = -1
  for (let index = 0; index < rows.length; index++) {
    if (!remembers(before, (rows[index] as A).id)) continue
    seen++
    if (first < 0) first = index
    last = index
  }
  const blind = overlapOf(before) === 0
  const planned = before.search === undefined ? before.position - asked.offset : seen
  const beginning = rows.slice(0, 1).map(({ id }) => ({ id, offset: asked.offset }))
  const walk: Walk = {
    ...before,
    beginnings: [...before.beginnings.filter(({ offset }) => offset !== asked.offset), ...beginning],
    longest: Math.max(before.longest, rows.length),
    clamps: before.clamps || rows.length < asked.limit,
    ignoresLimit: before.ignoresLimit || rows.length > asked.limit,
    idle: before.idle + 1,
    stats: {
      ...before.stats,
      requests: before.stats.requests + 1,
      duplicatesDropped: before.stats.duplicatesDropped + Math.max(0, seen - planned),
      tiesReordered: before.stats.tiesReordered + (seen < 2 || blind ? 0 : reordered(before, rows, first, last))
    }
  }
  // More than one row after all: the list had been that short, and has grown. There is an overlap to be had again.
  const stillBlind = blind && before.search === undefined && rows.length <= 1
  const unanchored = before.tail.length === 0 || stillBlind

  const suspicion = suspect(before, walk, asked, rows)
  if (suspicion !== undefined) return suspicion
  if (seen === 0 && !unanchored) {
    return walk.idle >= patience ? stall(walk, "noProgress") : lookFurther(walk, asked, rows.length)
  }
  if (rows.length === 0) return { _tag: "End", walk }
  if (seen < rows.length - Math.max(0, first)) {
    return take(walk, asked, rows, Math.max(0, first), last)
  }
  if (walk.idle >= patience) return stall(walk, "noProgress")
  return jumpAhead(walk, asked, rows, last)
}
