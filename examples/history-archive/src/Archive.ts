/**
 * What is written about one server. Every write is one transaction: rows, and the cursor that says how far they reach. All of
 * it can be repeated, so whoever is killed, or cannot know whether a commit happened, does it again.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { type BackendMessage, HistoryCursor, type Session, SessionId } from "@mix-effect/core"
import { Clock, Data, DateTime, Effect, Option, Schema } from "effect"
import * as Database from "./Database.ts"
import * as Message from "./Message.ts"
import * as StoredText from "./StoredText.ts"

/** Another process has taken this server over. Nothing more is written. */
export class Superseded extends Data.TaggedError("Superseded")<{ readonly server: string }> {
  override get message(): string {
    return `another process mirrors ${this.server} now`
  }
}

export type WriteError = SqlError | Superseded

/** A session to be listed. */
export interface Due {
  readonly id: SessionId
  /** How often it was touched when it was picked: what touches it meanwhile makes it due again. */
  readonly touches: number
  readonly firstSeenAt: string
  readonly changedAt: string
  readonly isListed: boolean
  /**
   * Whether its events may be listened to: the server is of October 14, 2025 or later. On one of September 2025, whoever listens
   * may be given the run that another one asked for.
   */
  readonly hasEvents: boolean
}

/** How far the archive is. */
export interface State {
  /** Where the walk through the history goes on. */
  readonly walk: Option.Option<HistoryCursor>
  /** When the walk reached the oldest message. */
  readonly walkedAt: Option.Option<string>
  /** What appeared after it is still to be stored. */
  readonly follow: Option.Option<HistoryCursor>
}

/** The time as it is stored. */
export const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString())

const later = (time: string, millis: number) => new Date(Date.parse(time) + millis).toISOString()

const CursorJson = Schema.parseJson(HistoryCursor)
const encodeCursor = (cursor: HistoryCursor) => Effect.orDie(Schema.encode(CursorJson)(cursor))

/** A cursor that another version wrote counts as none: what it stood for is read again. */
const decodeCursor = (json: string | null) =>
  json === null ? Effect.succeedNone : Effect.option(Schema.decode(CursorJson)(json))

/** Credentials that the url of a browser may carry are not stored. */
const withoutCredentials = (url: string): string => {
  if (!URL.canParse(url)) return ""
  const { host, pathname, protocol } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/** What is stored of a session besides its title. Its first message is one of its messages. */
const detailsOf = ({ cdpUrl, createdAt, firstUserMessage, id, title, ...details }: Session): string =>
  JSON.stringify({ ...details, ...(cdpUrl === undefined ? {} : { cdpUrl: withoutCredentials(cdpUrl) }) })

/** A statement holds so many rows, and no more than that many characters unless one row does. */
const maxRows = 64
const maxCharacters = 4 << 20

const sizeOf = (row: object) =>
  Object.values(row).reduce<number>((sum, value) => sum + (typeof value === "string" ? value.length : 0), 0)

const batches = <Row extends object>(rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Row>> => {
  const all: Array<Array<Row>> = []
  let size = 0
  for (const row of rows) {
    const last = all.at(-1)
    const own = sizeOf(row)
    size += own
    if (last === undefined || last.length === maxRows || size > maxCharacters) {
      all.push([row])
      size = own
    } else last.push(row)
  }
  return all
}

/** Of an id that comes twice, the last row counts. */
const byId = <Row extends { readonly id: string }>(rows: ReadonlyArray<Row>): ReadonlyMap<string, Row> =>
  new Map(rows.map((row) => [row.id, row]))

/** When a session is listed next: in as long as it has not changed, within these limits. */
const soon = 1_000
const afterBackfill = 60_000
const atLatest = 24 * 60 * 60_000

/** Whether the agent seems to be done. It decides only how soon the session is listed again. */
const seemsDone = (messages: ReadonlyArray<BackendMessage>): boolean => {
  const last = messages.at(-1)
  return last?.role === "assistant" && last.assistantResponse !== undefined && last.toolCalls === undefined
}

interface NewRow extends Message.Row {
  readonly position: number | null
}

/**
 * Takes a server over: whoever did so before can write no more. `server` is the name under which its rows are stored: its
 * url, without credentials.
 */
export const claim = (server: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const forUpdate = sql.literal(sql.onDialectOrElse({ pg: () => "FOR UPDATE", orElse: () => "" }))

    const [claimed] = yield* sql<{ readonly fence: number }>`
      INSERT INTO cursors (server, fence) VALUES (${server}, 1)
      ON CONFLICT (server) DO UPDATE SET fence = cursors.fence + 1 RETURNING fence`

    /** A transaction of whoever holds the server. On PostgreSQL the lock of its row lasts until the end. */
    const write = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | WriteError> =>
      Effect.gen(function* () {
        const [held] = yield* sql<{ readonly fence: number }>`
          SELECT fence FROM cursors WHERE server = ${server} ${forUpdate}`
        if (held?.fence !== claimed?.fence) return yield* new Superseded({ server })
        return yield* effect
      }).pipe(Database.transaction, Effect.provideService(SqlClient.SqlClient, sql))

    const setCursors = (values: Readonly<Record<string, string | null>>) =>
      sql`UPDATE cursors SET ${sql.update(values)} WHERE server = ${server}`

    const upsert = (rows: ReadonlyArray<NewRow>, time: string) =>
      Effect.forEach(
        batches(rows),
        (batch) => sql`
          INSERT INTO messages ${sql.insert(
            batch.map((row) => ({ ...row, server, first_seen_at: time, changed_at: time }))
          )}
          ON CONFLICT (server, id) DO UPDATE SET
            session_id = excluded.session_id, role = excluded.role, user_input = excluded.user_input,
            assistant_response = excluded.assistant_response, tool_calls = excluded.tool_calls,
            callback_results = excluded.callback_results, reasoning = excluded.reasoning,
            reasoning_duration = excluded.reasoning_duration, input_tokens = excluded.input_tokens,
            output_tokens = excluded.output_tokens, cache_creation_tokens = excluded.cache_creation_tokens,
            cache_read_tokens = excluded.cache_read_tokens, cost = excluded.cost, model = excluded.model,
            digest = excluded.digest, position = coalesce(excluded.position, messages.position),
            changed_at = excluded.changed_at, deleted_at = NULL
          WHERE messages.digest <> excluded.digest OR messages.deleted_at IS NOT NULL
            OR messages.position IS DISTINCT FROM coalesce(excluded.position, messages.position)`,
        { discard: true }
      )

    /** Makes sessions due, and known if they are not. */
    const touch = (ids: ReadonlySet<string>, time: string) =>
      Effect.forEach(
        batches([...ids].map((id) => ({ server, id, first_seen_at: time, changed_at: time, due_at: time }))),
        (batch) => sql`
          INSERT INTO sessions ${sql.insert(batch)}
          ON CONFLICT (server, id) DO UPDATE SET
            touches = sessions.touches + 1, due_at = excluded.due_at, deleted_at = NULL`,
        { discard: true }
      )

    /** Messages of the history, with the cursor that stands for them. */
    const saveHistory = (messages: ReadonlyArray<BackendMessage>, cursors: Readonly<Record<string, string | null>>) =>
      Effect.gen(function* () {
        const time = yield* now
        const rows = [...byId(messages.map(Message.toRow)).values()]
        yield* upsert(
          rows.map((row) => ({ ...row, position: null })),
          time
        )
        yield* touch(new Set(rows.map((row) => row.session_id)), time)
        if (Object.keys(cursors).length > 0) yield* setCursors(cursors)
      }).pipe(write)

    /** Marks a session and its messages as deleted. */
    const markDeleted = (id: SessionId) =>
      Effect.gen(function* () {
        const time = yield* now
        const key = StoredText.encodeId(id)
        yield* sql`UPDATE messages SET deleted_at = ${time}
          WHERE server = ${server} AND session_id = ${key} AND deleted_at IS NULL`
        yield* sql`UPDATE sessions SET deleted_at = ${time} WHERE server = ${server} AND id = ${key}`
      }).pipe(write)

    return {
      server,

      state: Effect.gen(function* () {
        const [row] = yield* sql<{ walk: string | null; walked_at: string | null; follow: string | null }>`
          SELECT walk, walked_at, follow FROM cursors WHERE server = ${server}`
        const state: State = {
          walk: yield* decodeCursor(row?.walk ?? null),
          walkedAt: Option.fromNullable(row?.walked_at),
          follow: yield* decodeCursor(row?.follow ?? null)
        }
        return state
      }),

      /** A page of the walk, from the newest message to the oldest. */
      savePage: (messages: ReadonlyArray<BackendMessage>, cursor: HistoryCursor) =>
        Effect.flatMap(encodeCursor(cursor), (walk) => saveHistory(messages, { walk })),

      /** The walk is at its end. */
      finishWalk: Effect.flatMap(now, (time) => write(setCursors({ walk: null, walked_at: time }))),

      /** The history is to be walked again, and followed from then on. */
      restartWalk: write(setCursors({ walk: null, walked_at: null, follow: null })),

      /** Messages that appeared. With a cursor, nothing that appeared before it is missing. */
      saveFollowed: (messages: ReadonlyArray<BackendMessage>, cursor: Option.Option<HistoryCursor>) =>
        Option.match(cursor, {
          onNone: () => saveHistory(messages, {}),
          onSome: (cursor) => Effect.flatMap(encodeCursor(cursor), (follow) => saveHistory(messages, { follow }))
        }),

      /**
       * The sessions as the server lists them. Those that are new or changed become due. Answers with those that are in the
       * archive and not in the list: they may be deleted.
       */
      saveSessions: (list: ReadonlyArray<Session>) =>
        Effect.gen(function* () {
          const time = yield* now
          const known = byId(
            yield* sql<{ id: string; title: string | null; details: string | null; deleted_at: string | null }>`
              SELECT id, title, details, deleted_at FROM sessions WHERE server = ${server}`
          )
          const listed = byId(
            list.map((session) => ({
              server,
              id: StoredText.encodeId(session.id),
              title: StoredText.encode(session.title),
              created_at: DateTime.formatIso(session.createdAt),
              details: detailsOf(session),
              first_seen_at: time,
              changed_at: time,
              due_at: time
            }))
          )
          const changed = [...listed.values()].filter((row) => {
            const before = known.get(row.id)
            return before?.title !== row.title || before.details !== row.details || before.deleted_at !== null
          })
          yield* Effect.forEach(
            batches(changed),
            (batch) => sql`
              INSERT INTO sessions ${sql.insert(batch)}
              ON CONFLICT (server, id) DO UPDATE SET
                title = excluded.title, created_at = excluded.created_at, details = excluded.details,
                touches = sessions.touches + 1, due_at = excluded.due_at, deleted_at = NULL`,
            { discard: true }
          )
          return [...known.values()]
            .filter((row) => row.deleted_at === null && !listed.has(row.id))
            .map((row) => SessionId.make(StoredText.decode(row.id)))
        }).pipe(write),

      /** Sessions to be listed that were due at that time, those that waited longest first, and how many there are. */
      due: (time: string, limit: number) =>
        Effect.gen(function* () {
          const [counted] = yield* sql<{ readonly due: number | string }>`
            SELECT count(*) AS due FROM sessions
            WHERE server = ${server} AND due_at <= ${time} AND deleted_at IS NULL`
          const rows = yield* sql<{
            id: string
            touches: number
            first_seen_at: string
            changed_at: string
            listed_at: string | null
            details: string | null
          }>`
            SELECT id, touches, first_seen_at, changed_at, listed_at, details FROM sessions
            WHERE server = ${server} AND due_at <= ${time} AND deleted_at IS NULL
            ORDER BY due_at, id LIMIT ${limit}`
          return {
            count: Number(counted?.due ?? 0),
            sessions: rows.map(
              (row): Due => ({
                id: SessionId.make(StoredText.decode(row.id)),
                touches: row.touches,
                firstSeenAt: row.first_seen_at,
                changedAt: row.changed_at,
                isListed: row.listed_at !== null,
                hasEvents: row.details !== null && "sessionType" in JSON.parse(row.details)
              })
            )
          }
        }),

      /**
       * A session as the server lists it. What is in the archive and not in the list is marked as deleted, if the list is
       * `whole`. Answers with how many rows changed.
       */
      saveListing: (session: Due, messages: ReadonlyArray<BackendMessage>, whole: boolean) =>
        Effect.gen(function* () {
          const time = yield* now
          const key = StoredText.encodeId(session.id)
          const listed = byId(messages.map((message, position) => ({ ...Message.toRow(message), position })))
          const known = byId(
            yield* sql<{ id: string; digest: string; position: number | null; deleted_at: string | null }>`
              SELECT id, digest, position, deleted_at FROM messages WHERE server = ${server} AND session_id = ${key}`
          )
          const changed = [...listed.values()].filter((row) => {
            const before = known.get(row.id)
            return before?.digest !== row.digest || before.position !== row.position || before.deleted_at !== null
          })
          yield* upsert(changed, time)
          const gone = whole ? [...known.values()].filter((row) => row.deleted_at === null && !listed.has(row.id)) : []
          yield* Effect.forEach(
            batches(gone),
            (batch) => sql`UPDATE messages SET deleted_at = ${time}
              WHERE server = ${server} AND ${sql.in(
                "id",
                batch.map((row) => row.id)
              )}`,
            { discard: true }
          )

          const changes = changed.length + gone.length
          const [progress] = yield* sql<{ readonly walked_at: string | null }>`
            SELECT walked_at FROM cursors WHERE server = ${server}`
          const fromBackfill =
            !session.isListed && session.firstSeenAt <= (progress?.walked_at ?? "") && seemsDone(messages)
          const quiet = changes > 0 ? 0 : Date.parse(time) - Date.parse(session.changedAt)
          const wait = Math.min(Math.max(quiet, fromBackfill ? afterBackfill : soon), atLatest)
          yield* sql`UPDATE sessions SET
              listed_at = ${time}, problem = NULL, deleted_at = NULL,
              changed_at = ${changes > 0 ? time : session.changedAt},
              due_at = CASE WHEN touches = ${session.touches} THEN ${later(time, wait)} ELSE due_at END
            WHERE server = ${server} AND id = ${key}`
          return changes
        }).pipe(write),

      /** A session that the server cannot list. It is tried again, ever more rarely. */
      saveProblem: (session: Due, problem: string) =>
        Effect.gen(function* () {
          const time = yield* now
          const quiet = Date.parse(time) - Date.parse(session.changedAt)
          const next = later(time, Math.min(Math.max(quiet, afterBackfill), atLatest))
          yield* sql`UPDATE sessions SET problem = ${StoredText.encode(problem)},
              due_at = CASE WHEN touches = ${session.touches} THEN ${next} ELSE due_at END
            WHERE server = ${server} AND id = ${StoredText.encodeId(session.id)}`
        }).pipe(write),

      markDeleted,

      /** Makes a session due. */
      touch: (id: SessionId) => Effect.flatMap(now, (time) => write(touch(new Set([StoredText.encodeId(id)]), time))),

      /** All that the server held at that time is in the archive. */
      saveCaughtUp: (time: string) => write(setCursors({ caught_up_at: time }))
    }
  })

export type Archive = Effect.Effect.Success<ReturnType<typeof claim>>
