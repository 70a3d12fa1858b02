/** What the archive is asked: how it is, what is in it, where something was said. */
import * as SqlClient from "@effect/sql/SqlClient"
import { Chunk, Data, Effect, Option, Stream } from "effect"
import * as Message from "./Message.ts"
import { searchable } from "./Migrations.ts"
import * as StoredText from "./StoredText.ts"

/** There is no such thing in the archive, or it cannot be looked for. */
export class ReaderError extends Data.TaggedError("ReaderError")<{ readonly message: string }> {}

/** PostgreSQL counts in bigint, which comes as text. */
type Count = number | string

export interface Status {
  readonly server: string
  readonly messages: number
  readonly deletedMessages: number
  readonly sessions: number
  readonly deletedSessions: number
  /** Sessions that the server could not list. */
  readonly problems: number
  /** Whether the whole history has been walked. */
  readonly isWalked: boolean
  /** When the archive last held all that the server held. */
  readonly caughtUpAt: string | null
}

export const status = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{
    server: string
    walked_at: string | null
    caught_up_at: string | null
    messages: Count
    deleted_messages: Count
    sessions: Count
    deleted_sessions: Count
    problems: Count
  }>`
    SELECT c.server, c.walked_at, c.caught_up_at,
      (SELECT count(*) FROM messages m WHERE m.server = c.server AND m.deleted_at IS NULL) AS messages,
      (SELECT count(*) FROM messages m WHERE m.server = c.server AND m.deleted_at IS NOT NULL) AS deleted_messages,
      (SELECT count(*) FROM sessions s WHERE s.server = c.server AND s.deleted_at IS NULL) AS sessions,
      (SELECT count(*) FROM sessions s WHERE s.server = c.server AND s.deleted_at IS NOT NULL) AS deleted_sessions,
      (SELECT count(*) FROM sessions s
        WHERE s.server = c.server AND s.deleted_at IS NULL AND s.problem IS NOT NULL) AS problems
    FROM cursors c ORDER BY c.server`
  return rows.map(
    (row): Status => ({
      server: row.server,
      messages: Number(row.messages),
      deletedMessages: Number(row.deleted_messages),
      sessions: Number(row.sessions),
      deletedSessions: Number(row.deleted_sessions),
      problems: Number(row.problems),
      isWalked: row.walked_at !== null,
      caughtUpAt: row.caught_up_at
    })
  )
})

export interface Found {
  readonly server: string
  readonly sessionId: string
  readonly messageId: string
  readonly role: string
  readonly text: string
  readonly deletedAt: string | null
}

/** Words as both databases split them. What is none cannot be searched for. */
export const wordsOf = (text: string): ReadonlyArray<string> => text.match(/[\p{L}\p{N}\p{M}]+/gu) ?? []

/** Messages that hold all of the words, those that were stored last first. */
export const search = (text: string, limit: number) =>
  Effect.gen(function* () {
    const words = wordsOf(text)
    if (words.length === 0) return yield* new ReaderError({ message: "search takes at least one word" })
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{
      server: string
      session_id: string
      id: string
      role: string
      user_input: string
      assistant_response: string | null
      reasoning: string | null
      deleted_at: string | null
    }>`SELECT server, session_id, id, role, user_input, assistant_response, reasoning, deleted_at FROM messages
      WHERE ${sql.onDialectOrElse({
        // Without MATERIALIZED it would go through all messages, from the last one on, until enough are found.
        pg: () => sql`seq IN (WITH found AS MATERIALIZED (
            SELECT seq FROM messages WHERE ${sql.literal(searchable)} @@ plainto_tsquery('simple', ${words.join(" ")})
          ) SELECT seq FROM found ORDER BY seq DESC LIMIT ${limit})`,
        orElse: () => sql`seq IN (SELECT rowid FROM messages_search
          WHERE messages_search MATCH ${words.map((word) => `"${word}"`).join(" ")} ORDER BY rowid DESC LIMIT ${limit})`
      })}
      ORDER BY seq DESC LIMIT ${limit}`
    return rows.map(
      (row): Found => ({
        server: row.server,
        sessionId: StoredText.decode(row.session_id),
        messageId: StoredText.decode(row.id),
        role: StoredText.decode(row.role),
        text: excerpt(
          StoredText.decode([row.assistant_response ?? row.user_input, row.reasoning ?? ""].join(" ")),
          words
        ),
        deletedAt: row.deleted_at
      })
    )
  })

/** What stands around the first of the words. */
const excerpt = (text: string, words: ReadonlyArray<string>): string => {
  const lower = text.toLowerCase()
  const places = words.map((word) => lower.indexOf(word.toLowerCase())).filter((place) => place >= 0)
  const start = Math.max(0, Math.min(...places, text.length) - 40)
  return `${start > 0 ? "…" : ""}${text.slice(start, start + 160)}${start + 160 < text.length ? "…" : ""}`.trim()
}

/** A session, and its messages as they were said, page by page. What the server deleted is among them. */
export const session = (id: string, server: Option.Option<string>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const key = StoredText.encodeId(id)
    const found = yield* sql<{ server: string; title: string | null; deleted_at: string | null }>`
      SELECT server, title, deleted_at FROM sessions WHERE id = ${key} ORDER BY server`
    const ofServer = found.filter((row) => Option.isNone(server) || row.server === server.value)
    const [first] = ofServer
    if (first === undefined) return yield* new ReaderError({ message: "no such session is in the archive" })
    if (ofServer.length > 1) {
      return yield* new ReaderError({ message: "several servers have a session of this id: --server says which" })
    }
    /** Messages that were seen in the history only have no position yet. They come last. */
    const place = sql.literal("coalesce(position, 1000000000)")
    const page = (after: { readonly place: number; readonly seq: number | string }) =>
      sql<Message.Content & { id: string; seq: number | string; place: number; deleted_at: string | null }>`
        SELECT *, ${place} AS place FROM messages
        WHERE server = ${first.server} AND session_id = ${key}
          AND (${place} > ${after.place} OR (${place} = ${after.place} AND seq > ${after.seq}))
        ORDER BY ${place}, seq LIMIT 100`
    return {
      title: StoredText.decode(first.title ?? ""),
      deletedAt: first.deleted_at,
      messages: Stream.paginateChunkEffect({ place: -1, seq: 0 as number | string }, (after) =>
        Effect.map(page(after), (rows) => {
          const last = rows.at(-1)
          return [
            Chunk.fromIterable(rows.map((row) => ({ message: Message.fromRow(row), deletedAt: row.deleted_at }))),
            last === undefined ? Option.none() : Option.some({ place: last.place, seq: last.seq })
          ] as const
        })
      )
    }
  })
