/** A PostgreSQL of one's own: in a temporary folder, on a free port, as a user who may run it. */
import { execFile, execFileSync } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { Data, Effect } from "effect"

class PostgresError extends Data.TaggedError("PostgresError")<{ readonly message: string }> {}

const folders = () => {
  const debian = "/usr/lib/postgresql"
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  return [...(process.env.PATH ?? "").split(delimiter), ...versions.map((version) => `${debian}/${version}/bin`)]
}

/** Where its programs are, if they are installed. */
export const programs: string | undefined = folders().find((folder) =>
  ["initdb", "pg_ctl", "createdb"].every((program) => existsSync(join(folder, program)))
)

/** PostgreSQL does not run as root. */
const owner = (): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  return { uid: id("-u"), gid: id("-g") }
}

const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

export interface Postgres {
  /** The url of a database of this name, which is made. */
  readonly database: (name: string) => Effect.Effect<string, PostgresError>
  /** Ends every connection at once, as a crash does, and begins again. */
  readonly restart: Effect.Effect<void, PostgresError>
  readonly stop: Effect.Effect<void, PostgresError>
  readonly start: Effect.Effect<void, PostgresError>
}

export const make = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "postgres-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const user = owner()
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const run = (program: string, ...args: ReadonlyArray<string>) =>
    Effect.tryPromise({
      try: () => promisify(execFile)(join(programs ?? "", program), args, { cwd: folder, ...user }),
      catch: (error) => new PostgresError({ message: String(error) })
    })

  const data = join(folder, "data")
  yield* run("initdb", "-D", data, "-U", "mix", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
  const port = yield* freePort
  const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200`
  const control = (command: string, ...args: ReadonlyArray<string>) =>
    Effect.asVoid(run("pg_ctl", command, "-w", "-s", "-D", data, "-l", join(folder, "log"), ...args))
  const start = control("start", "-o", options)
  const stop = control("stop", "-m", "immediate")
  yield* Effect.acquireRelease(start, () => Effect.ignore(stop))
  const postgres: Postgres = {
    database: (name) =>
      Effect.as(
        run("createdb", "-h", "127.0.0.1", "-p", String(port), "-U", "mix", name),
        `postgres://mix@127.0.0.1:${port}/${name}`
      ),
    restart: Effect.zipRight(stop, start),
    stop,
    start
  }
  return postgres
})
