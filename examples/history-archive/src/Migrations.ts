/**
 * The tables, the same on both databases. Times are ISO 8601 in UTC, so that they compare as text; numbers of the server are
 * doubles, as they are in JSON.
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Scope } from "effect"

/** What `search` finds a message by: what was said, and what was thought. */
const said = "coalesce(assistant_response, user_input) || ' ' || coalesce(reasoning, '')"

/**
 * The same for PostgreSQL. Its parser would take `sales.csv` for one word, so punctuation becomes blanks. Of a longer text the
 * first 100,000 characters are found: a tsvector holds at most 1 MiB.
 */
export const searchable = `to_tsvector('simple', translate(left(${said}, 100000), '!"#$%&''()*+,-./:;<=>?@[\\]^_\`{|}~', repeat(' ', 32)))`

const tables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const sequence = sql.literal(
    sql.onDialectOrElse({
      pg: () => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
      orElse: () => "INTEGER PRIMARY KEY"
    })
  )
  yield* sql`CREATE TABLE messages (
    seq ${sequence},
    server TEXT NOT NULL,
    id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    position INTEGER,
    role TEXT NOT NULL,
    user_input TEXT NOT NULL,
    assistant_response TEXT,
    tool_calls TEXT,
    callback_results TEXT,
    reasoning TEXT,
    reasoning_duration DOUBLE PRECISION,
    input_tokens DOUBLE PRECISION,
    output_tokens DOUBLE PRECISION,
    cache_creation_tokens DOUBLE PRECISION,
    cache_read_tokens DOUBLE PRECISION,
    cost DOUBLE PRECISION,
    model TEXT,
    digest TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    deleted_at TEXT,
    UNIQUE (server, id)
  )`
  yield* sql`CREATE INDEX messages_of_session ON messages (server, session_id, position)`
  yield* sql`CREATE TABLE sessions (
    server TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT,
    created_at TEXT,
    details TEXT,
    first_seen_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    listed_at TEXT,
    due_at TEXT NOT NULL,
    touches INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    deleted_at TEXT,
    PRIMARY KEY (server, id)
  )`
  yield* sql`CREATE INDEX sessions_due ON sessions (server, due_at)`
  yield* sql`CREATE TABLE cursors (
    server TEXT PRIMARY KEY,
    fence INTEGER NOT NULL,
    walk TEXT,
    walked_at TEXT,
    follow TEXT,
    caught_up_at TEXT
  )`
})

const search = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.onDialectOrElse({
    pg: () => sql`CREATE INDEX messages_search ON messages USING gin ((${sql.literal(searchable)}))`,
    orElse: () =>
      Effect.all([
        sql`CREATE VIRTUAL TABLE messages_search USING fts5(
          said, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0')`,
        sql`CREATE TRIGGER messages_search_insert AFTER INSERT ON messages BEGIN
          INSERT INTO messages_search (rowid, said) SELECT seq, ${sql.literal(said)} FROM messages WHERE seq = new.seq;
        END`,
        sql`CREATE TRIGGER messages_search_update
          AFTER UPDATE OF user_input, assistant_response, reasoning ON messages
          WHEN old.digest <> new.digest BEGIN
          UPDATE messages_search SET said = (SELECT ${sql.literal(said)} FROM messages WHERE seq = new.seq)
          WHERE rowid = new.seq;
        END`
      ])
  })
})

const run = Migrator.make({})({
  loader: Migrator.fromRecord({ "1_tables": tables, "2_search": Effect.asVoid(search) }),
  table: "archive_migrations"
})

/** Any number, as long as no other program on the database takes the same lock. */
const advisoryLock = 0x4d_69_78

/** Held until the scope closes. One process writes to a file of SQLite anyway. */
const lock = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.onDialectOrElse({
    pg: () =>
      Effect.gen(function* () {
        const connection = yield* sql.reserve
        yield* Effect.acquireRelease(
          connection.executeUnprepared(`SELECT pg_advisory_lock(${advisoryLock})`, [], undefined),
          () => Effect.ignore(connection.executeUnprepared(`SELECT pg_advisory_unlock(${advisoryLock})`, [], undefined))
        )
      }),
    orElse: () => Effect.void
  })
})

/** Processes that start together on an empty database make their tables in turn. */
export const inTurn = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Scope.make(),
    (scope) => Effect.zipRight(Scope.extend(lock, scope), effect),
    (scope, exit) => Scope.close(scope, exit)
  )

export const migrate = inTurn(run)
