/** The walk as streams: asks for pages one by one, or a few ahead, and has `walk.ts` judge them. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendMessage } from "../BackendMessage.ts"
import type { HistoryPage, StreamHistoryOptions } from "../History.ts"
import { annotate, type GetHistoryError, HistoryDrift, HistoryStalled, type StreamHistoryError } from "../MixError.ts"
import * as Cursor from "./cursor.ts"
import * as Walk from "./walk.ts"

type Rows = ReadonlyArray<BackendMessage>

/** Reads one page; every retry and time limit is the reader's. */
export type GetPage = (request: Walk.Request) => Effect.Effect<Rows, GetHistoryError>

/** How a page is come by: `walk` is the state in which it will be judged. */
type Fetch = (walk: Walk.Walk, wanted: Walk.Request) => Effect.Effect<Rows, GetHistoryError>

interface Place {
  readonly walk: Walk.Walk
  readonly pages: number
}

const pagesRead = Metric.counter("mix.history.pages", {
  description: "Pages of the global history that held something new",
  incremental: true
})

const repairs = Metric.counter("mix.history.repairs", {
  description: "What was mended of a history that changed while it was read",
  incremental: true
})

/** One counter for each thing that `stats` counts of repairs. */
const counters = (["duplicatesDropped", "stepBacks", "jumps", "tiesReordered"] as const).map((kind) => ({
  kind,
  counter: Metric.tagged(repairs, "mix.repair", kind)
}))

/** Counts what an answer made necessary. It is nearly always nothing. */
const countRepairs = (before: Walk.Stats, after: Walk.Stats): Effect.Effect<void> => {
  const changed = counters.filter(({ kind }) => after[kind] > before[kind])
  if (changed.length === 0) return Effect.void
  return Effect.forEach(changed, ({ counter, kind }) => Metric.incrementBy(counter, after[kind] - before[kind]), {
    discard: true
  })
}

/** The next page with something new in it, or none at the end. */
const next = (fetch: Fetch, options: StreamHistoryOptions) => {
  const { maxPages = Number.POSITIVE_INFINITY, strict = false } = options
  const step = ({ pages, walk }: Place): Effect.Effect<Option.Option<[HistoryPage, Place]>, StreamHistoryError> => {
    const asked = Walk.request(walk)
    return fetch(walk, asked).pipe(
      Effect.mapError((error) => annotate(error, { cursor: Cursor.fromWalk(walk) })),
      Effect.map((rows) => Walk.judge(walk, asked, rows)),
      Effect.tap((verdict) => countRepairs(walk.stats, verdict.walk.stats)),
      Effect.flatMap((verdict) => {
        const { stats } = verdict.walk
        const stalled = (reason: HistoryStalled["reason"]) =>
          new HistoryStalled({ operation: "streamHistory", cursor: Cursor.fromWalk(walk), reason, stats })
        if (strict && stats.tiesReordered > 0) {
          return new HistoryDrift({ operation: "streamHistory", cursor: Cursor.fromWalk(walk), stats })
        }
        switch (verdict._tag) {
          case "Rows": {
            if (pages === maxPages) return stalled("maxPages")
            const messages = verdict.rows as NonEmptyReadonlyArray<BackendMessage>
            const page = { messages, cursor: Cursor.fromWalk(verdict.walk), stats }
            return Effect.as(
              Metric.increment(pagesRead),
              Option.some<[HistoryPage, Place]>([page, { walk: verdict.walk, pages: pages + 1 }])
            )
          }
          case "Again":
            return Effect.logDebug("The history changed while it was read; looking for the place").pipe(
              Effect.annotateLogs({ offset: asked.offset, ...stats }),
              Effect.zipRight(step({ pages, walk: verdict.walk }))
            )
          case "End":
            return Effect.succeedNone
          case "Stalled":
            return stalled(verdict.reason)
        }
      })
    )
  }
  return step
}

/**
 * Keeps up to `ahead` pages in flight besides the one that is wanted. They were asked for as if the list stood still: when
 * the page that is wanted is not the one that was foreseen, all of them are dropped, and the next pages are asked for by
 * none, one, three and so on: a list that keeps shifting is not asked in vain.
 */
const fetchAhead = (getPage: GetPage, ahead: number, scope: Scope.Scope): Fetch => {
  let width = ahead
  let flight: Array<{ readonly request: Walk.Request; readonly fiber: Fiber.Fiber<Rows, GetHistoryError> }> = []
  const launch = (request: Walk.Request) =>
    Effect.map(Effect.forkIn(getPage(request), scope), (fiber) => {
      flight.push({ request, fiber })
    })
  return (walk, wanted) =>
    Effect.gen(function* () {
      const foreseen = flight[0]?.request
      if (foreseen?.offset !== wanted.offset || foreseen.limit !== wanted.limit) {
        const dropped = flight
        if (dropped.length > 0) width = 0
        flight = []
        yield* Fiber.interruptAll(dropped.map(({ fiber }) => fiber))
        yield* launch(wanted)
      }
      while (flight.length <= width) yield* launch(Walk.predict(walk, flight[flight.length - 1]?.request ?? wanted))
      width = Math.min(ahead, width * 2 + 1)
      const first = flight.shift()
      return yield* first === undefined ? getPage(wanted) : Fiber.join(first.fiber)
    })
}

/** Where to begin, and how pages are come by. */
const begin = <A>(
  getPage: GetPage,
  options: StreamHistoryOptions,
  unfold: (start: Place, step: ReturnType<typeof next>) => Stream.Stream<A, StreamHistoryError>
): Stream.Stream<A, StreamHistoryError> => {
  const { from, pageSize = 100, prefetch = 0 } = options
  const start = {
    pages: 0,
    walk: from === undefined ? Walk.start(pageSize) : Walk.resume(Cursor.toWalk(from), pageSize)
  }
  if (prefetch === 0)
    return unfold(
      start,
      next((_, wanted) => getPage(wanted), options)
    )
  return Stream.unwrapScoped(
    Effect.map(Effect.scope, (scope) => unfold(start, next(fetchAhead(getPage, prefetch, scope), options)))
  )
}

export const pages = (
  getPage: GetPage,
  options: StreamHistoryOptions
): Stream.Stream<HistoryPage, StreamHistoryError> => begin(getPage, options, Stream.unfoldEffect)

/** Each page is one chunk: nothing is done per message. */
export const messages = (
  getPage: GetPage,
  options: StreamHistoryOptions
): Stream.Stream<BackendMessage, StreamHistoryError> =>
  begin(getPage, options, (start, step) =>
    Stream.unfoldChunkEffect(start, (place) =>
      Effect.map(
        step(place),
        Option.map(([page, after]) => [Chunk.unsafeFromArray(page.messages), after] as const)
      )
    )
  )
