/**
 * New messages as they appear. Every poll walks from the newest message down to what is known.
 *
 * The list is sorted by whole seconds, and rows of one second stand in the order in which they were inserted: a new message
 * may stand *behind* known ones of its second. So a poll does not stop at the first known message but at the first that is
 * too old to share its second with a new one.
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { BackendMessage } from "../BackendMessage.ts"
import type { FollowHistoryOptions, HistoryPage } from "../History.ts"
import type { HistoryCursor } from "../HistoryCursor.ts"
import type { HistoryStats } from "../HistoryStats.ts"
import { annotate, type FollowHistoryError, HistoryStalled } from "../MixError.ts"
import * as Cursor from "./cursor.ts"
import { type GetPage, pages } from "./streamHistory.ts"
import * as Walk from "./walk.ts"

const pageSize = 100

/** A second, and one more for a server that is slow to make a message visible. */
const settledAfter = 2000

/** How many of the newest messages are known. */
const maxKnown = 1000

interface Known {
  /** Ids in the order of the list, and when each was first seen (milliseconds). */
  readonly ids: ReadonlyMap<string, number>
  /** Whether nothing else was in the list: then whatever is unknown is new. */
  readonly whole: boolean
  readonly polledAt: number
}

/** What a poll has read so far: rows in the order of the list, from the newest down. */
interface Scan {
  readonly rows: Array<BackendMessage>
  /** The index of the last row that is known, or -1. */
  readonly lastKnown: number
  /** Nothing new can follow. */
  readonly done: boolean
  readonly stats: HistoryStats
}

const noScan = (): Scan => ({ rows: [], lastKnown: -1, done: false, stats: Walk.start(pageSize).stats })

/** Takes in one more page. Its rows are added to those of `before`, which belongs to this poll alone. */
const scan =
  (known: Known, bottom: string | undefined) =>
  (before: Scan, page: HistoryPage): Scan => {
    let { lastKnown } = before
    let settled = false
    for (const row of page.messages) {
      const seenAt = known.ids.get(row.id)
      if (seenAt !== undefined) {
        lastKnown = before.rows.length
        settled ||= seenAt <= known.polledAt - settledAfter || (row.id === bottom && !known.whole)
      }
      before.rows.push(row)
    }
    // A page of unknown rows behind known ones is older than all that is known.
    const passed = before.lastKnown >= 0 && lastKnown === before.lastKnown && !known.whole
    return { rows: before.rows, lastKnown, done: settled || passed, stats: page.stats }
  }

/** What is known after a poll: what it read, and below it what was known before. */
const learn = (known: Known, { done, rows }: Scan, polledAt: number, now: number): Known => {
  const ids = new Map(rows.map((row) => [row.id as string, known.ids.get(row.id) ?? now]))
  for (const [id, seenAt] of known.ids) if (!ids.has(id)) ids.set(id, seenAt)
  return {
    ids: new Map([...ids].slice(0, maxKnown)),
    whole: (known.whole || !done) && ids.size <= maxKnown,
    polledAt
  }
}

const nothing: Known = { ids: new Map(), whole: false, polledAt: 0 }

/** What a walk that read only the head of the list knows of it. */
const fromCursor = (cursor: HistoryCursor): Known => {
  const { head } = Cursor.toWalk(cursor)
  return { ids: new Map(head.map((id) => [id, 0])), whole: head.length === 0, polledAt: 0 }
}

const toCursor = ({ ids }: Known): HistoryCursor =>
  Cursor.fromWalk({ ...Walk.start(pageSize), head: [...ids.keys()].slice(0, Walk.stored.head) })

export const follow = (
  getPage: GetPage,
  { from, schedule = Schedule.spaced("2 seconds") }: FollowHistoryOptions
): Stream.Stream<BackendMessage, FollowHistoryError> => {
  const read = (until: (before: Scan, page: HistoryPage) => Scan, cursor: HistoryCursor | undefined) =>
    pages(getPage, { pageSize }).pipe(
      Stream.runFoldWhile(noScan(), (before) => !before.done, until),
      Effect.catchTag("HistoryDrift", Effect.die), // never without `strict`
      Effect.mapError((error): FollowHistoryError => {
        const place = cursor ?? error.cursor
        if (error._tag === "HistoryStalled")
          return new HistoryStalled({ ...error, operation: "followHistory", ...(place && { cursor: place }) })
        return place === undefined ? error : annotate(error, { cursor: place })
      })
    )

  /** What is there now: nothing of it is emitted. */
  const look = Effect.gen(function* () {
    const polledAt = yield* Clock.currentTimeMillis
    const found = yield* read((before, page) => {
      before.rows.push(...page.messages)
      return { ...before, done: before.rows.length >= pageSize }
    }, undefined)
    return learn(nothing, found, polledAt, yield* Clock.currentTimeMillis)
  })

  const poll = (known: Known) =>
    Effect.gen(function* () {
      const cursor = toCursor(known)
      const polledAt = yield* Clock.currentTimeMillis
      const found = yield* read(scan(known, [...known.ids.keys()].at(-1)), cursor)
      const { done, lastKnown, rows, stats } = found
      if (lastKnown < 0 && rows.length > 0 && !known.whole) {
        return yield* new HistoryStalled({ operation: "followHistory", reason: "anchorLost", cursor, stats })
      }
      // Behind the last known row stands what is older than all that is known, unless the whole list was known.
      const candidates = known.whole && !done ? rows : rows.slice(0, lastKnown + 1)
      const fresh = candidates.filter((row) => !known.ids.has(row.id)).reverse()
      return [fresh, learn(known, found, polledAt, yield* Clock.currentTimeMillis)] as const
    })

  return Stream.unwrap(
    Effect.map(Schedule.driver(schedule), (driver) => {
      const start = from === undefined ? undefined : { known: fromCursor(from), wait: Effect.void }
      const wait = Effect.asVoid(driver.next(undefined))
      return Stream.unfoldChunkEffect(
        start,
        (state: { known: Known; wait: Effect.Effect<void, Option.Option<never>> } | undefined) =>
          state === undefined
            ? Effect.map(look, (known) => Option.some([Chunk.empty<BackendMessage>(), { known, wait }] as const))
            : Effect.matchEffect(state.wait, {
                onFailure: () => Effect.succeedNone,
                onSuccess: () =>
                  Effect.map(poll(state.known), ([fresh, known]) =>
                    Option.some([Chunk.unsafeFromArray(fresh), { known, wait }] as const)
                  )
              })
      )
    })
  )
}
