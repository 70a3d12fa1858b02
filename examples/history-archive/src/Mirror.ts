/**
 * Mirrors one server. The history tells which sessions users wrote to, the list of sessions tells of all others and of those
 * that are gone, and listing a session gives its messages.
 *
 * Where it is lies in the archive, so a failure of the server or of the database needs no repair: it begins again there.
 */
import type { SqlError } from "@effect/sql/SqlError"
import {
  type BackendMessage,
  type GetHistoryError,
  type HistoryCursor,
  type HistoryStalled,
  MessagesService,
  type SessionId,
  SessionsService,
  type StreamHistoryError
} from "@mix-effect/core"
import { Chunk, Clock, Duration, Effect, FiberMap, Option, Schedule, Stream } from "effect"
import { type Archive, type Due, now, type Superseded } from "./Archive.ts"
import * as Database from "./Database.ts"
import * as Events from "./Events.ts"
import type { Progress } from "./Progress.ts"

export interface Options {
  /** Stop when all is in the archive that the server holds. Else stay up to date. */
  readonly once: boolean
  /** How often to ask for new messages, and how often for the list of sessions. */
  readonly poll: Duration.DurationInput
  readonly sweep: Duration.DurationInput
}

export const defaults: Options = { once: false, poll: "2 seconds", sweep: "10 seconds" }

export type MirrorError = StreamHistoryError | GetHistoryError | HistoryStalled | SqlError | Superseded

/** Whether the same can be tried again. */
const isTransient = (error: MirrorError): boolean => {
  switch (error._tag) {
    case "SqlError":
      return Database.isRetryable(error)
    case "Superseded":
      return false
    case "HistoryStalled":
      return error.reason !== "repeatedPages"
    default:
      return error.isRetryable
  }
}

/** Whether it is about one session, so that the others can be read. A gateway answers 502 to 504 for all. */
const isProblemOfSession = (error: MirrorError): boolean => {
  switch (error._tag) {
    case "ServerError":
      return error.status === 500
    case "BadRequest":
    case "InvalidRequest":
    case "NotFound":
    case "ResponseDecodeError":
      return true
    default:
      return false
  }
}

/** Whether the newest page holds a message that cannot be read. Then every request for it fails, until others push it down. */
const isUnreadable = (error: MirrorError): boolean =>
  error._tag === "ServerError"
    ? error.status === 500
    : error._tag === "ResponseDecodeError" && error.reason === "schema"

/** How many messages to ask for, and how many sessions at a time. */
const pageSize = 500
const concurrency = 4

/** A mark is renewed after this time: what appeared since is read again after a restart. */
const renewal = Duration.minutes(5)

const waitAsTold = Schedule.identity<MirrorError>().pipe(
  Schedule.addDelay((error) => ("retryAfter" in error && error.retryAfter !== undefined ? error.retryAfter : 0))
)

export const run = (archive: Archive, progress: Progress, { once, poll, sweep }: Options) =>
  Effect.gen(function* () {
    const messages = yield* MessagesService
    const sessions = yield* SessionsService
    const watched = yield* FiberMap.make<SessionId>()
    /** Sessions that are not in the server's list and exist all the same, as those of sub-agents on some servers. */
    const unlisted = new Set<SessionId>()
    const listing = yield* Effect.makeSemaphore(1)

    const saveFollowed = (rows: ReadonlyArray<BackendMessage>) =>
      Effect.zipRight(archive.saveFollowed(rows, Option.none()), progress.read({ messages: rows.length }))

    const follow = (from: HistoryCursor, schedule: Schedule.Schedule<unknown>) =>
      messages
        .followHistory({ from, schedule })
        .pipe(Stream.runForEachChunk((chunk) => saveFollowed(Chunk.toReadonlyArray(chunk))))

    /** Stores what appeared since the last mark, and makes a new one. */
    const catchUp = Effect.gen(function* () {
      const { follow: mark } = yield* archive.state
      const next = yield* messages.currentCursor()
      if (Option.isSome(mark)) yield* follow(mark.value, Schedule.stop)
      yield* archive.saveFollowed([], Option.some(next))
      yield* progress.read({})
      return next
    })

    const walkPages = (pageSize: number): Effect.Effect<void, MirrorError> =>
      Effect.gen(function* () {
        const { walk } = yield* archive.state
        yield* messages
          .streamHistoryPages({ pageSize, prefetch: 1, unreadable: "skip", from: Option.getOrUndefined(walk) })
          .pipe(
            Stream.runForEach((page) =>
              Effect.zipRight(
                archive.savePage(page.messages, page.cursor),
                progress.read({ messages: page.messages.length })
              )
            )
          )
      }).pipe(
        Effect.catchIf(
          (error) => error._tag === "ResponseDecodeError" && error.reason === "tooLarge" && pageSize > 1,
          () => walkPages(Math.ceil(pageSize / 4))
        )
      )

    /** Reads the whole history, once. */
    const walk = Effect.gen(function* () {
      const { walkedAt } = yield* archive.state
      if (Option.isSome(walkedAt)) return
      yield* progress.phase("walking")
      yield* walkPages(pageSize)
      yield* archive.finishWalk
    })

    /** Servers list no messages for a session that they do not know: only this tells. A 404 of a gateway tells nothing. */
    const exists = (id: SessionId) =>
      sessions.get({ id }).pipe(
        Effect.as(true),
        Effect.catchIf(
          (error) => error._tag === "NotFound" && error.error !== undefined,
          () => Effect.succeed(false)
        )
      )

    const listSession = (id: SessionId) =>
      messages.listSession({ id }).pipe(
        Effect.map((rows) => ({ rows, whole: true })),
        Effect.catchIf(
          (error) => error._tag === "ResponseDecodeError" && error.reason === "schema",
          () =>
            Effect.map(messages.listSession({ id, unreadable: "skip" }), (rows) => ({
              rows,
              // What is left out here may be in the archive, and is not deleted.
              whole: false
            }))
        ),
        Effect.catchTag("NotFound", () => Effect.succeed({ rows: [], whole: true }))
      )

    const watch = (id: SessionId) =>
      Effect.flatMap(FiberMap.size(watched), (size) =>
        size < Events.maxWatched
          ? FiberMap.run(watched, id, Events.watch(sessions, id, archive.touch(id)), { onlyIfMissing: true })
          : Effect.void
      )

    const list = (due: Due) =>
      Effect.gen(function* () {
        const { rows, whole } = yield* listSession(due.id)
        yield* progress.read({ messages: rows.length, sessions: 1 })
        if (rows.length === 0 && !(yield* exists(due.id))) return yield* archive.markDeleted(due.id)
        const changes = yield* archive.saveListing(due, rows, whole)
        if (!once && changes > 0 && due.hasEvents) yield* watch(due.id)
      }).pipe(
        Effect.catchIf(isProblemOfSession, (error) =>
          Effect.zipRight(
            Effect.logWarning(`${archive.server}: a session is left out for now: ${error.message}`),
            archive.saveProblem(due, error.message)
          )
        )
      )

    /** Lists the sessions that are due at that time. */
    const listDue = (time: string): Effect.Effect<void, MirrorError> =>
      Effect.gen(function* () {
        const { count, sessions } = yield* archive.due(time, 16 * concurrency)
        yield* progress.due(count)
        yield* Effect.forEach(sessions, list, { concurrency, discard: true })
        return sessions.length
      }).pipe(Effect.repeat({ while: (listed) => listed > 0 }), Effect.asVoid, listing.withPermits(1))

    /** Learns of sessions that are new, changed or gone. */
    const sweepSessions = sessions.list({ includeSubagents: true }).pipe(
      Effect.flatMap(archive.saveSessions),
      Effect.flatMap((missing) =>
        Effect.forEach(
          missing.filter((id) => !unlisted.has(id)),
          (id) =>
            Effect.flatMap(exists(id), (isThere) =>
              isThere ? Effect.sync(() => unlisted.add(id)) : archive.markDeleted(id)
            ),
          { concurrency, discard: true }
        )
      ),
      Effect.catchTag("ResponseDecodeError", (error) => Effect.logWarning(`${archive.server}: ${error.message}`))
    )

    /** After it, the archive holds all that the server held when it began. */
    const complete = Effect.gen(function* () {
      const begun = yield* Clock.currentTimeMillis
      yield* sweepSessions
      yield* Effect.flatMap(now, listDue)
      yield* archive.saveCaughtUp(new Date(begun).toISOString())
      yield* progress.caughtUp(begun)
    })

    const epoch = Effect.flatMap(catchUp, (mark) =>
      follow(mark, Schedule.intersect(Schedule.spaced(poll), Schedule.recurUpTo(renewal)))
    )

    /** The list of sessions tells of what is new, too, if later. */
    const orSessionsOnly = <A, E extends MirrorError>(effect: Effect.Effect<A, E>) =>
      Effect.catchIf(effect, isUnreadable, (error) => Effect.logWarning(`${archive.server}: ${error.message}`))

    if (Option.isNone((yield* archive.state).follow)) yield* orSessionsOnly(catchUp)
    yield* walk
    yield* orSessionsOnly(catchUp)
    yield* progress.phase("listing")
    yield* complete
    if (once) return
    yield* progress.phase("following")
    yield* Effect.all(
      [
        Effect.forever(Effect.zipRight(orSessionsOnly(epoch), Effect.sleep(poll))),
        Effect.schedule(complete, Schedule.spaced(sweep)),
        Effect.schedule(Effect.flatMap(now, listDue), Schedule.spaced("1 second"))
      ],
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(
    Effect.scoped,
    // All that was known is gone: the history is walked again.
    Effect.tapErrorTag("HistoryStalled", ({ reason }) =>
      Effect.when(archive.restartWalk, () => reason === "anchorLost")
    )
  )

/** How long a run that is to end waits for a server or a database that was there before. */
const patience = 60_000

/** The same, and what fails for a time is waited out. */
export const keepRunning = (archive: Archive, progress: Progress, options: Options) => {
  const isWaitedOut = (error: MirrorError) =>
    Effect.gen(function* () {
      if (!isTransient(error)) return false
      const { readAt } = yield* progress.snapshot
      const now = yield* Clock.currentTimeMillis
      // A server that was never there is told at once.
      if (options.once && (readAt === undefined || now - readAt > patience)) return false
      yield* Effect.logWarning(`${archive.server}: ${messageOf(error)}; trying again`)
      return true
    })
  return run(archive, progress, options).pipe(
    Effect.retry({ schedule: Schedule.intersect(Schedule.spaced("2 seconds"), waitAsTold), while: isWaitedOut })
  )
}

const messageOf = (error: MirrorError): string => (error._tag === "SqlError" ? Database.describe(error) : error.message)
