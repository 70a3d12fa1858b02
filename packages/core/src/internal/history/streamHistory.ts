/** The walk as streams: asks for pages one by one, or a few ahead, and has `walk.ts` interpret them. */
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { BackendMessage } from "../../BackendMessage.ts"
import type { HistoryPage, StreamHistoryOptions } from "../../History.ts"
import type { HistoryStats } from "../../HistoryStats.ts"
import {
  annotate,
  type GetHistoryError,
  HistoryDrift,
  HistoryStalled,
  type StreamHistoryError
} from "../../MixError.ts"
import * as Cursor from "./cursor.ts"
import { type Fetch, fetchAhead, fetchPage, type GetPage } from "./fetch.ts"
import * as Place from "./place.ts"
import { separate, warn } from "./skipUnreadable.ts"
import * as Walk from "./walk.ts"

interface State {
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

/** Counts and logs what an answer made necessary. It is nearly always nothing. */
const noteRepairs = (offset: number, before: HistoryStats, after: HistoryStats): Effect.Effect<void> | undefined => {
  const changed = counters.filter(({ kind }) => after[kind] > before[kind])
  if (changed.length === 0) return undefined
  return Effect.zipRight(
    Effect.forEach(changed, ({ counter, kind }) => Metric.incrementBy(counter, after[kind] - before[kind]), {
      discard: true
    }),
    Effect.logDebug("The history changed while it was read").pipe(Effect.annotateLogs({ offset, ...after }))
  )
}

/** Adds the cursor of a place. Before anything was read there is nothing to remember. */
const withCursor = <E extends GetHistoryError>(error: E, place: Place.Place) =>
  place === Place.start ? error : annotate(error, { cursor: Cursor.fromPlace(place) })

/** The next page with something new in it, or none at the end. */
const next = (fetch: Fetch, options: StreamHistoryOptions) => {
  const { maxPages = Number.POSITIVE_INFINITY, strict = false } = options
  type Next = Effect.Effect<Option.Option<[HistoryPage, State]>, StreamHistoryError>
  const step = ({ pages, walk }: State): Next =>
    Effect.matchEffect(fetch(walk), {
      onFailure: (error) => Effect.fail(withCursor(error, walk.place)),
      onSuccess: (answer): Next => {
        const interpretation = Walk.interpret(walk, answer)
        const { place, run } = interpretation.walk
        const { stats } = run
        const stalled = (reason: HistoryStalled["reason"]) =>
          new HistoryStalled({ operation: "streamHistory", cursor: Cursor.fromPlace(walk.place), reason, stats })
        const outcome = (): Next => {
          if (strict && stats.tiesReordered > 0) {
            return new HistoryDrift({ operation: "streamHistory", cursor: Cursor.fromPlace(walk.place), stats })
          }
          switch (interpretation._tag) {
            case "Rows": {
              if (pages === maxPages) return stalled("maxPages")
              const { leftOut, messages } = separate(interpretation.rows)
              const after = { walk: interpretation.walk, pages: pages + 1 }
              const page = Arr.isNonEmptyReadonlyArray(messages)
                ? Effect.as(
                    Metric.increment(pagesRead),
                    Option.some<[HistoryPage, State]>([{ messages, cursor: Cursor.fromPlace(place), stats }, after])
                  )
                : step(after)
              return leftOut.length === 0
                ? page
                : Effect.zipRight(Effect.forEach(leftOut, warn, { discard: true }), page)
            }
            case "NoRows":
              return step({ pages, walk: interpretation.walk })
            case "End":
              return Effect.succeedNone
            case "Stalled":
              return stalled(interpretation.reason)
          }
        }
        const noted = noteRepairs(answer.request.offset, walk.run.stats, stats)
        return noted === undefined ? outcome() : Effect.zipRight(noted, outcome())
      }
    })
  return step
}

/** Where to begin, and how pages are fetched. */
const begin = <A>(
  getPage: GetPage,
  options: StreamHistoryOptions,
  unfold: (start: State, step: ReturnType<typeof next>) => Stream.Stream<A, StreamHistoryError>
): Stream.Stream<A, StreamHistoryError> => {
  const { from, pageSize = 100, prefetch = 0 } = options
  const walk = from === undefined ? Walk.start(pageSize) : Walk.resume(Cursor.toPlace(from), pageSize)
  const start: State = { pages: 0, walk }
  if (prefetch === 0) return unfold(start, next(fetchPage(getPage), options))
  return Stream.unwrapScoped(
    Effect.map(Effect.scope, (scope) => unfold(start, next(fetchAhead(getPage, prefetch, scope), options)))
  )
}

export const pages = (
  getPage: GetPage,
  options: StreamHistoryOptions
): Stream.Stream<HistoryPage, StreamHistoryError> => begin(getPage, options, Stream.unfoldEffect)

/** Each page is one chunk: nothing is done for each message. */
export const messages = (
  getPage: GetPage,
  options: StreamHistoryOptions
): Stream.Stream<BackendMessage, StreamHistoryError> =>
  begin(getPage, options, (start, step) =>
    Stream.unfoldChunkEffect(start, (state) =>
      Effect.map(
        step(state),
        Option.map(([page, after]) => [Chunk.unsafeFromArray(page.messages), after] as const)
      )
    )
  )
