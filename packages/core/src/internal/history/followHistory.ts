/**
 * New messages as they appear. Every poll walks from the newest message down to what is known.
 *
 * The list is sorted by whole seconds, and rows of one second stand in the order in which they were inserted. So a new message
 * may stand behind known ones of its second, however many there are. What is known is kept by time: a row is open while a new
 * one may still share its second, and settled after that. Every new row stands before every settled one, so a poll reads until
 * it meets a settled row.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { BackendMessage } from "../../BackendMessage.ts"
import type { FollowHistoryOptions, HistoryPage } from "../../History.ts"
import type { HistoryCursor } from "../../HistoryCursor.ts"
import type { HistoryStats } from "../../HistoryStats.ts"
import { annotate, type FollowHistoryError, type GetHistoryError, HistoryStalled } from "../../MixError.ts"
import * as Cursor from "./cursor.ts"
import { type GetPage, monotonicMillis } from "./fetch.ts"
import { maxLimit } from "./page.ts"
import * as Place from "./place.ts"
import { pages } from "./streamHistory.ts"
import * as Walk from "./walk.ts"
import * as Window from "./window.ts"

/** How many settled rows are kept: one of them must be in the list for new rows to be told from old ones. */
const maxSettled = Window.capacity

interface Known {
  /** Ids in the order of the list, and when each was first seen. */
  readonly seenAt: ReadonlyMap<string, number>
  /** Whether the list held nothing else: then every other row is new. */
  readonly whole: boolean
  /** When the last poll began. A row that it saw for some time is settled: nothing new can stand behind it. */
  readonly polledAt: number
  /** How much the last poll read. */
  readonly pageSize: number
}

const isSettled = ({ polledAt, seenAt }: Known, id: string): boolean =>
  (seenAt.get(id) ?? Number.POSITIVE_INFINITY) <= polledAt - Walk.openFor

/** Forgets old settled rows. */
const prune = (known: Known): Known => {
  const seenAt = new Map<string, number>()
  let settled = 0
  for (const [id, at] of known.seenAt) if (!isSettled(known, id) || ++settled <= maxSettled) seenAt.set(id, at)
  return { ...known, seenAt, whole: known.whole && settled <= maxSettled }
}

/** A row that was seen then is settled. */
const longAgo = Number.NEGATIVE_INFINITY

const pageSizeFor = (rows: number) => (rows > 100 ? maxLimit : 100)

const fromCursor = (cursor: HistoryCursor, now: number): Known => {
  const { open, settled, whole } = Cursor.toPlace(cursor).present
  // How old the cursor is is not known, so rows that were open then count as seen now.
  const seenAt = new Map<string, number>(open.map((id) => [id, now]))
  for (const id of settled) seenAt.set(id, longAgo)
  return { seenAt, whole, polledAt: now, pageSize: pageSizeFor(open.length) }
}

const toCursor = (known: Known): HistoryCursor => {
  const open: Array<string> = []
  const settled: Array<string> = []
  for (const id of known.seenAt.keys()) (isSettled(known, id) ? settled : open).push(id)
  return Cursor.fromPlace({ ...Place.start, present: { open, settled, whole: known.whole } })
}

/** What was read, from the newest row down. */
interface Scan {
  readonly rows: Array<BackendMessage>
  /** The index behind the last known row, and behind the first settled one. */
  knownUntil: number
  settledUntil: number | undefined
  /** Whether the list was read to its end. */
  ended: boolean
  stats: HistoryStats
}

const newScan = (): Scan => ({
  rows: [],
  knownUntil: 0,
  settledUntil: undefined,
  ended: false,
  stats: Walk.start(maxLimit).run.stats
})

/** Reads pages from the newest row down, until one holds a settled row, or `until` says so, or the list ends. */
const read = (getPage: GetPage, known: Known, scan: Scan, until: Effect.Effect<boolean> = Effect.succeed(false)) => {
  const last = [...known.seenAt.keys()].at(-1)
  const scanPage = ({ messages, stats }: HistoryPage): boolean => {
    scan.stats = stats
    for (const row of messages) {
      scan.rows.push(row)
      if (!known.seenAt.has(row.id)) continue
      scan.knownUntil = scan.rows.length
      // Behind the last known row stands what is older than all that is known, unless the whole list was known.
      const isLast = !known.whole && row.id === last
      if (isSettled(known, row.id) || isLast) scan.settledUntil ??= scan.rows.length
    }
    return scan.settledUntil !== undefined
  }
  let isDone = false
  return pages(getPage, { pageSize: known.pageSize }).pipe(
    Stream.runForEachWhile((page) =>
      Effect.map(scanPage(page) ? Effect.succeed(true) : until, (done) => {
        isDone = done
        return !done
      })
    ),
    Effect.catchTag("HistoryDrift", Effect.die), // never without `strict`
    Effect.map(() => {
      scan.ended = !isDone
    })
  )
}

/** What is known after a scan: what it read, and below that what was known before. */
const learn = (
  known: Known,
  { ended, rows, settledUntil = rows.length }: Scan,
  polledAt: number,
  now: number
): Known => {
  const seenAt = new Map<string, number>()
  for (const [index, { id }] of rows.entries()) {
    seenAt.set(id, known.seenAt.get(id) ?? (index < settledUntil ? now : longAgo))
  }
  if (!ended) for (const [id, at] of known.seenAt) if (!seenAt.has(id)) seenAt.set(id, at)
  return prune({ seenAt, whole: ended || known.whole, polledAt, pageSize: pageSizeFor(settledUntil) })
}

/** Reads what is new, oldest first, and learns it. */
const poll = (getPage: GetPage, known: Known) =>
  Effect.gen(function* () {
    const polledAt = yield* monotonicMillis
    const scan = newScan()
    yield* read(getPage, known, scan)
    const { knownUntil, rows, settledUntil, stats } = scan
    if (knownUntil === 0 && rows.length > 0 && !known.whole) {
      const cursor = toCursor(known)
      return yield* new HistoryStalled({ operation: "followHistory", reason: "anchorLost", cursor, stats })
    }
    const end = settledUntil ?? (known.whole ? rows.length : knownUntil)
    const fresh = rows.slice(0, end).filter((row) => !known.seenAt.has(row.id))
    return { fresh: fresh.reverse(), known: learn(known, scan, polledAt, yield* monotonicMillis) }
  })

/**
 * What is in the list now. Rows that arrive in the newest second come to stand behind all rows of it, and nothing in a row
 * tells its second. So this reads until the list ends, or until that second is over: then every row to come stands before
 * those that were read first.
 */
const look = (getPage: GetPage): Effect.Effect<Known, GetHistoryError> =>
  Effect.gen(function* () {
    const polledAt = yield* monotonicMillis
    const nothing: Known = { seenAt: new Map(), whole: false, polledAt, pageSize: maxLimit }
    const scan = newScan()
    let overAt: number | undefined
    let isOver = false
    const check = Effect.map(monotonicMillis, (now) => {
      overAt ??= now + Walk.openFor
      isOver = now > overAt
      return isOver
    })
    // A walk that stalls has read what can be read.
    yield* Effect.catchTag(read(getPage, nothing, scan, check), "HistoryStalled", () => Effect.void)
    const known = learn(nothing, scan, polledAt, yield* monotonicMillis)
    if (!isOver) return known
    const settled = new Map(scan.rows.slice(0, maxSettled).map((row) => [row.id as string, longAgo]))
    return yield* poll(getPage, { ...known, seenAt: settled }).pipe(
      Effect.map((polled) => polled.known),
      Effect.catchTag("HistoryStalled", () => Effect.succeed(known))
    )
  })

/** A cursor of what is in the list now. */
export const currentCursor = (getPage: GetPage): Effect.Effect<HistoryCursor, GetHistoryError> =>
  Effect.map(look(getPage), toCursor)

/** An error of a poll, with what was known before it. */
const withKnown =
  (known: Known) =>
  (error: GetHistoryError | HistoryStalled): FollowHistoryError => {
    const cursor = toCursor(known)
    return error._tag === "HistoryStalled"
      ? new HistoryStalled({ ...error, operation: "followHistory", cursor })
      : annotate(error, { cursor })
  }

export const follow = (
  getPage: GetPage,
  { from, schedule = Schedule.spaced("2 seconds") }: FollowHistoryOptions
): Stream.Stream<BackendMessage, FollowHistoryError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const driver = yield* Schedule.driver(schedule)
      const wait = Effect.asVoid(driver.next(undefined))
      const start =
        from === undefined
          ? { known: yield* look(getPage), ready: wait }
          : { known: fromCursor(from, yield* monotonicMillis), ready: Effect.void }
      return Stream.unfoldChunkEffect(start, ({ known, ready }) =>
        Effect.matchEffect(ready, {
          onFailure: () => Effect.succeedNone,
          onSuccess: () =>
            poll(getPage, known).pipe(
              Effect.mapError(withKnown(known)),
              Effect.map(({ fresh, known }) =>
                Option.some([Chunk.unsafeFromArray(fresh), { known, ready: wait }] as const)
              )
            )
        })
      )
    })
  )
