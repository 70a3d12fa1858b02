/** Where the archive is kept: a file of SQLite, or a database of PostgreSQL. */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as LibsqlClient from "@effect/sql-libsql/LibsqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import { type Client, createClient, type InStatement, LibsqlError } from "@libsql/client"
import { Data, Effect, Layer, Option, Redacted, type Scope } from "effect"
import { migrate } from "./Migrations.ts"

/** What is wrong with the database that was named. */
export class DatabaseError extends Data.TaggedError("DatabaseError")<{ readonly message: string }> {}

export type Target = Data.TaggedEnum<{
  Sqlite: { readonly path: string }
  /** The url may hold a password. */
  Postgres: { readonly url: Redacted.Redacted }
}>

export const Target = Data.taggedEnum<Target>()

export const parse = (name: string): Effect.Effect<Target, DatabaseError> => {
  if (!/^postgres(ql)?:/i.test(name)) {
    return /^\w\w+:/.test(name)
      ? new DatabaseError({ message: "--database takes a file, or a url as in postgres://user@host/database" })
      : Effect.succeed(Target.Sqlite({ path: resolve(name) }))
  }
  return URL.canParse(name)
    ? Effect.succeed(Target.Postgres({ url: Redacted.make(name) }))
    : new DatabaseError({ message: "--database: this url of PostgreSQL cannot be read" })
}

/** How the database is called where a person reads it: without credentials. */
export const nameOf = Target.$match({
  Sqlite: ({ path }) => path,
  Postgres: ({ url }) => {
    const { host, pathname } = new URL(Redacted.value(url))
    return `postgres://${host}${pathname}`
  }
})

/**
 * The client opens another connection after each transaction, and leaves the one before to the garbage collector, with all
 * that its statements hold. This one keeps its connection: memory stays flat, and a PRAGMA holds.
 */
const onOneConnection = (client: Client): Client => {
  const execute = (statement: InStatement) => client.execute(statement)
  client.transaction = async () => {
    await execute("BEGIN IMMEDIATE")
    let closed = false
    const end = async (statement: "COMMIT" | "ROLLBACK") => {
      closed = true
      try {
        await execute(statement)
      } catch (error) {
        // A commit that failed leaves the transaction open.
        if (statement === "COMMIT") await execute("ROLLBACK").catch(() => {})
        throw error
      }
    }
    return {
      execute,
      batch: (statements) => Promise.all(statements.map(execute)),
      executeMultiple: (statements) => client.executeMultiple(statements),
      commit: () => end("COMMIT"),
      rollback: () => end("ROLLBACK"),
      close: () => {},
      get closed() {
        return closed
      }
    }
  }
  return client
}

/** A file that cannot be opened is told when the client is made. */
const openFile = (path: string): Effect.Effect<Client, DatabaseError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => createClient({ url: pathToFileURL(path).href }),
      catch: (error) => new DatabaseError({ message: `cannot open ${path}: ${String(error)}` })
    }),
    (client) => Effect.sync(() => client.close())
  )

const isBusy = (error: unknown) => error instanceof LibsqlError && error.code.startsWith("SQLITE_BUSY")

/**
 * One process writes to a file. The lock is held by the system, on FILE.lock, for as long as the process lives: after a
 * `kill -9` it is free.
 */
const lock = (path: string) =>
  Effect.gen(function* () {
    const client = yield* openFile(`${path}.lock`)
    yield* Effect.tryPromise({
      try: () => client.execute("BEGIN EXCLUSIVE"),
      catch: (error) =>
        new DatabaseError({
          message: isBusy(error)
            ? `another process writes to ${path}, and holds ${path}.lock: one at a time`
            : `cannot lock ${path}.lock: ${String(error)}`
        })
    })
  })

const sqlite = (path: string, pragmas: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const client = onOneConnection(yield* openFile(path))
    for (const pragma of pragmas) {
      yield* Effect.tryPromise({
        try: () => client.execute(`PRAGMA ${pragma}`),
        catch: (error) => new DatabaseError({ message: `${path}: ${String(error)}` })
      })
    }
    return LibsqlClient.layer({ liveClient: client })
  }).pipe(Layer.unwrapScoped)

const pragmas = ["busy_timeout = 5000"]

/**
 * A transaction that is open for long is one of a frozen process: PostgreSQL ends it, so that its locks block nobody. In a
 * cluster it ends what says nothing, too: the locks of a frozen runner hang on a session. The pool closes idle ones earlier.
 */
const postgres = (url: Redacted.Redacted, inCluster: boolean) => {
  const withOptions = new URL(Redacted.value(url))
  const given = withOptions.searchParams.get("options")
  const settings = [
    ...(given === null ? [] : [given]),
    "-c idle_in_transaction_session_timeout=3000",
    ...(inCluster ? ["-c idle_session_timeout=3000"] : [])
  ]
  withOptions.searchParams.set("options", settings.join(" "))
  return PgClient.layer({
    url: Redacted.make(withOptions.href),
    applicationName: "history-archive",
    connectTimeout: "10 seconds",
    idleTimeout: "1 second",
    maxConnections: 20
  })
}

/** The database as it is, to be read: of a file, also while another process writes to it. */
export const layerRead: (target: Target) => Layer.Layer<SqlClient.SqlClient, DatabaseError | SqlError> = Target.$match({
  Sqlite: ({ path }): Layer.Layer<SqlClient.SqlClient, DatabaseError | SqlError> =>
    existsSync(path)
      ? sqlite(path, pragmas)
      : Layer.fail(new DatabaseError({ message: `there is no archive at ${path}` })),
  Postgres: ({ url }): Layer.Layer<SqlClient.SqlClient, DatabaseError | SqlError> => postgres(url, false)
})

/** The database to be written, with its tables. */
export const layerWrite = (target: Target) =>
  Layer.effectDiscard(migrate).pipe(
    Layer.provideMerge(
      Target.$match(target, {
        Sqlite: ({ path }): Layer.Layer<SqlClient.SqlClient, DatabaseError | SqlError> =>
          sqlite(path, [...pragmas, "journal_mode = WAL", "synchronous = NORMAL"]).pipe(
            Layer.provide(Layer.scopedDiscard(lock(path)))
          ),
        Postgres: ({ url }): Layer.Layer<SqlClient.SqlClient, DatabaseError | SqlError> => postgres(url, false)
      })
    )
  )

/** The same for a runner of a cluster. */
export const layerCluster = (url: Redacted.Redacted) =>
  Layer.effectDiscard(migrate).pipe(Layer.provideMerge(postgres(url, true)))

/**
 * A transaction. That it cannot be committed or rolled back, because the connection is gone, is a failure like any other:
 * @effect/sql makes a defect of it. After it the transaction may have been committed.
 */
export const transaction = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R | SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(effect)).pipe(
    Effect.catchSomeDefect((defect) => (defect instanceof SqlError ? Option.some(Effect.fail(defect)) : Option.none()))
  )

const codeOf = ({ cause }: SqlError): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined

/**
 * Whether the database may answer otherwise later: it is not there, restarts, or is busy. What is wrong with a statement, its
 * values or the file is wrong for good.
 */
export const isRetryable = (error: SqlError): boolean => {
  const code = codeOf(error) ?? ""
  return code.startsWith("SQLITE_") ? code.startsWith("SQLITE_BUSY") : !/^(0A|22|23|28|3D|42)[0-9A-Z]{3}$/.test(code)
}

/** What a person reads of it. Statements and values are left out. */
export const describe = (error: SqlError): string => {
  const { cause } = error
  const detail = cause instanceof Error && cause.message !== "" ? cause.message : (codeOf(error) ?? error.message)
  return `the database: ${detail.split("\n")[0]}`
}
