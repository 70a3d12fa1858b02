/**
 * How fast an archive is filled, beside only reading the same, and how much memory it takes: `npm run archive -- measure`, or
 * `npm run archive -- measure 45000 2000` for so many messages of users in so many sessions.
 */
import { spawn } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { MessagesService, SessionsService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Clock, Console, Effect, Redacted, Stream } from "effect"
import * as Database from "../src/Database.ts"
import * as Reader from "../src/Reader.ts"
import * as Databases from "../test/databases.ts"
import * as Postgres from "../test/Postgres.ts"
import * as Tool from "../test/Tool.ts"

// Some 2.2 rows a message of a user: 100,000 rows.
const [messages = "45000", sessions = "2000"] = process.argv.slice(2)

const serve = Effect.acquireRelease(
  Effect.sync(() =>
    spawn(
      process.execPath,
      [
        "--conditions=@mix-effect/source",
        "--import",
        "tsx",
        fileURLToPath(new URL("server.ts", import.meta.url)),
        messages,
        sessions
      ],
      { stdio: ["ignore", "pipe", "inherit"] }
    )
  ),
  (child) => Effect.sync(() => child.kill())
).pipe(
  Effect.flatMap((child) =>
    Effect.async<string>((resume) => {
      child.stdout.setEncoding("utf8").once("data", (text: string) => resume(Effect.succeed(text.trim())))
    })
  )
)

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, seconds: ((yield* Clock.currentTimeMillis) - before) / 1000 }
  })

const rate = (rows: number, seconds: number) =>
  `${rows} rows in ${seconds.toFixed(1)} s, ${Math.round(rows / seconds)}/s`

/** The walk alone, and what the archive reads besides: each session. */
const readOnly = Effect.gen(function* () {
  const { listSession, streamHistoryPages } = yield* MessagesService
  const { list } = yield* SessionsService
  const walk = yield* timed(
    Stream.runFold(streamHistoryPages({ pageSize: 500, prefetch: 1 }), 0, (sum, page) => sum + page.messages.length)
  )
  yield* Console.log(`walk only: ${rate(walk.value, walk.seconds)}`)
  const lists = yield* timed(
    Effect.flatMap(list(), (all) =>
      Effect.forEach(all, ({ id }) => Effect.map(listSession({ id }), (rows) => rows.length), { concurrency: 4 })
    )
  )
  const rows = lists.value.reduce((sum, count) => sum + count, 0)
  yield* Console.log(`sessions only: ${rate(rows, lists.seconds)}`)
  yield* Console.log(`both, nothing stored: ${rate(walk.value + rows, walk.seconds + lists.seconds)}`)
})

/** Resident memory, in MB. */
const memoryOf = (pid: number) =>
  Effect.sync(() => {
    const [, kilobytes = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
    return Math.round(Number(kilobytes) / 1000)
  })

const archive = (url: string, database: string, target: Database.Target) =>
  Effect.gen(function* () {
    const tool = yield* Tool.start(["--once", "--json", "--server", url, "--database", database])
    const { seconds } = yield* timed(
      Effect.raceFirst(
        tool.result,
        tool.lines.pipe(
          Stream.runForEach(() =>
            Effect.flatMap(memoryOf(tool.pid), (memory) => Effect.sync(() => memories.push(memory)))
          ),
          Effect.zipRight(Effect.never)
        )
      )
    )
    const [status] = yield* Effect.provide(Reader.status, Database.layerRead(target))
    const rows = status?.messages ?? 0
    yield* Console.log(`${target._tag}: ${rate(rows, seconds)}, the start of the process included`)
    yield* Console.log(`${target._tag}: resident memory, a sample a second: ${memories.splice(0).join(" ")} MB`)
  })

const memories: Array<number> = []

Effect.gen(function* () {
  const url = yield* serve
  yield* Effect.provide(readOnly, MixNode.layer({ serverUrl: url }))
  const sqlite = yield* Databases.sqlite
  yield* archive(url, sqlite.path, sqlite)
  yield* Console.log(`Sqlite: ${Math.round(statSync(sqlite.path).size / 1e6)} MB`)
  if (Postgres.programs === undefined) return yield* Console.log("PostgreSQL is not installed")
  const database = yield* Effect.flatMap(Postgres.make, (postgres) => postgres.database("archive"))
  yield* archive(url, database, Database.Target.Postgres({ url: Redacted.make(database) }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
