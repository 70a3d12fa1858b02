/**
 * Three runners mirror twelve servers while messages arrive. One is killed, one is frozen and woken, one is added, PostgreSQL is
 * restarted. In the end all must be equal: `npm run archive -- cluster`.
 */
import { deepStrictEqual } from "node:assert"
import { createServer } from "node:net"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as SqlClient from "@effect/sql/SqlClient"
import type { MixServer } from "@mix-effect/testing"
import { Clock, Console, Effect, Fiber, Redacted, Ref, Schedule, Schema, Stream } from "effect"
import * as Database from "../src/Database.ts"
import * as Postgres from "../test/Postgres.ts"
import * as Tool from "../test/Tool.ts"
import * as Churn from "./churn.ts"

const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** A runner, and the servers that it said to mirror last. */
const startRunner = (servers: ReadonlyArray<MixServer.Running>, database: string) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const tool = yield* Tool.start([
      "--cluster",
      "--json",
      "--listen",
      `127.0.0.1:${port}`,
      "--database",
      database,
      ...servers.flatMap(({ url }) => ["--server", url])
    ])
    const saidAt = yield* Ref.make<ReadonlyMap<string, number>>(new Map())
    yield* tool.lines.pipe(
      Stream.mapEffect(Schema.decode(Tool.Progress)),
      Stream.runForEach(({ server }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Ref.update(saidAt, (before) => new Map(before).set(server, now))
        )
      ),
      Effect.forkScoped
    )
    const mirrored = Effect.map(Effect.all([Ref.get(saidAt), Clock.currentTimeMillis]), ([saidAt, now]) =>
      [...saidAt].filter(([, at]) => now - at < 1500).map(([server]) => server)
    )
    return { ...tool, mirrored }
  })

interface State {
  readonly server: string
  readonly fence: number
  readonly caught_up_at: string | null
}

const states = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql<State>`SELECT server, fence, caught_up_at FROM cursors`
).pipe(Effect.map((rows) => new Map(rows.map((row) => [row.server, row]))))

const observe = (postgres: Postgres.Postgres, database: string) =>
  Effect.gen(function* () {
    const servers = yield* Effect.forEach(Array.from({ length: 12 }), (_, index) =>
      Churn.serve({
        generation: index % 2 === 0 ? "2026-02" : "2025-10-10",
        seed: { messages: 300, sessions: 10, random: index }
      })
    )
    const happening = yield* Effect.fork(
      Effect.forEach(servers, (server) => Churn.churn(server, 1000), { concurrency: "unbounded" })
    )

    /** Waits until all servers are, and tells how long each took. */
    const until = (what: string, isSo: (state: State) => boolean, names: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const begun = yield* Clock.currentTimeMillis
        const waiting = new Set(names)
        const took: Array<number> = []
        const look = Effect.gen(function* () {
          const now = yield* states
          const at = yield* Clock.currentTimeMillis
          for (const name of waiting) {
            const state = now.get(name)
            if (state === undefined || !isSo(state)) continue
            waiting.delete(name)
            took.push(at - begun)
          }
          return waiting.size === 0
        }).pipe(Effect.orElseSucceed(() => false))
        yield* look.pipe(
          Effect.repeat({ until: (done) => done, schedule: Schedule.spaced("100 millis") }),
          Effect.timeoutFail({
            duration: "60 seconds",
            onTimeout: () => new Error(`${what}: ${[...waiting].join(", ")}`)
          })
        )
        const seconds = took.map((millis) => (millis / 1000).toFixed(1))
        yield* Console.log(`${what}: ${names.length} servers, ${seconds[0] ?? 0} to ${seconds.at(-1) ?? 0} s`)
      })

    const takenOver = (
      what: string,
      runner: { readonly mirrored: Effect.Effect<ReadonlyArray<string>> },
      harm: Effect.Effect<unknown>
    ) =>
      Effect.gen(function* () {
        const before = yield* states
        const names = yield* runner.mirrored
        yield* harm
        yield* until(what, ({ fence, server }) => fence > (before.get(server)?.fence ?? 0), names)
      })

    const all = servers.map(({ url }) => url)
    const caughtUp = (what: string) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        until(what, ({ caught_up_at }) => Date.parse(caught_up_at ?? "1970-01-01") >= now, all)
      )

    const runners = yield* Effect.forEach(Array.from({ length: 3 }), () => startRunner(servers, database), {
      concurrency: 3
    })
    const [first, second, third] = runners
    if (first === undefined || second === undefined || third === undefined) return
    yield* caughtUp("three runners start: complete after")
    yield* Effect.sleep("3 seconds")
    const shares = yield* Effect.forEach(runners, ({ mirrored }) => Effect.map(mirrored, (names) => names.length))
    yield* Console.log(`servers of the runners: ${shares.join(", ")}`)

    yield* takenOver("killed: taken over after", first, first.kill("SIGKILL"))
    yield* caughtUp("complete after")
    yield* Effect.sleep("3 seconds")

    yield* takenOver("frozen: taken over after", second, second.kill("SIGSTOP"))
    yield* caughtUp("complete after")
    yield* second.kill("SIGCONT")
    yield* Console.log("woken")
    yield* Effect.sleep("5 seconds")
    yield* caughtUp("complete after")

    const added = yield* startRunner(servers, database)
    yield* added.mirrored.pipe(
      Effect.repeat({ until: (names) => names.length > 0, schedule: Schedule.spaced("100 millis") }),
      Effect.timeout("60 seconds")
    )
    yield* Effect.sleep("5 seconds")
    yield* Console.log(`added: it mirrors ${(yield* added.mirrored).length} servers now`)
    yield* caughtUp("complete after")

    yield* postgres.stop
    yield* Effect.sleep("3 seconds")
    yield* postgres.start
    yield* caughtUp("PostgreSQL was away for 3 s: complete after")

    yield* takenOver("ended by SIGTERM: taken over after", third, third.kill("SIGTERM"))

    deepStrictEqual(
      yield* Effect.forEach([...runners, added], ({ hasEnded }) => hasEnded),
      [true, false, true, false],
      "no runner ends by itself"
    )
    yield* Fiber.interrupt(happening)
    yield* Effect.forEach(servers, (server) => server.awaitIdle)
    yield* caughtUp("nothing arrives any more: complete after")
    const compared = yield* Effect.forEach(servers, (server) => Churn.compare(server)).pipe(
      // Rows that were being written when their session was listed last.
      Effect.sandbox,
      Effect.retry({ schedule: Schedule.spaced("5 seconds"), times: 6 }),
      Effect.unsandbox
    )
    const sum = (of: "messages" | "sessions" | "deleted") => compared.reduce((total, one) => total + one[of], 0)
    yield* Console.log(
      `12 servers are equal: ${sum("messages")} messages in ${sum("sessions")} sessions, ${sum("deleted")} marked as deleted`
    )
  })

Effect.gen(function* () {
  const postgres = yield* Postgres.make
  const database = yield* postgres.database("archive")
  const target = Database.Target.Postgres({ url: Redacted.make(database) })
  yield* Effect.provide(observe(postgres, database), Database.layerRead(target))
}).pipe(Effect.scoped, NodeRuntime.runMain)
