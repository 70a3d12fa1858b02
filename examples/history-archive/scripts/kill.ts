/**
 * Kills the tool with SIGKILL at random moments while messages arrive, are written and are deleted, starts it again, and
 * compares: `npm run archive -- kill sqlite 50`, `npm run archive -- kill postgres 10`. PostgreSQL is restarted meanwhile.
 */
import { deepStrictEqual } from "node:assert"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import type { MixServer } from "@mix-effect/testing"
import { Clock, Console, Effect, Fiber, Random, Redacted, Schedule } from "effect"
import * as Database from "../src/Database.ts"
import * as Databases from "../test/databases.ts"
import * as Postgres from "../test/Postgres.ts"
import * as Tool from "../test/Tool.ts"
import * as Churn from "./churn.ts"

const [kind = "sqlite", count = "50"] = process.argv.slice(2)

const generations: ReadonlyArray<MixServer.Generation> = ["2025-09-25", "2025-10-10", "2025-11-06", "2026-02"]

/** Waits until the history is asked for once more. */
const asked = (server: MixServer.Running) =>
  Effect.gen(function* () {
    const count = Effect.map(
      server.requests,
      (requests) => requests.filter(({ target }) => target.startsWith("/api/messages/history")).length
    )
    const before = yield* count
    yield* count.pipe(
      Effect.repeat({ until: (now) => now > before, schedule: Schedule.spaced("50 millis") }),
      Effect.timeout("30 seconds")
    )
  })

const run = (number: number, target: Database.Target, database: string, disturb: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const server = yield* Churn.serve({
      generation: yield* Churn.pick(generations),
      seed: {
        messages: yield* Random.nextIntBetween(100, 3000),
        sessions: yield* Random.nextIntBetween(5, 60),
        random: number
      }
    })
    const happening = yield* Effect.fork(Churn.churn(server, 20))
    const args = ["--server", server.url, "--database", database]

    const kills = yield* Random.nextIntBetween(1, 4)
    for (let killed = 0; killed < kills; killed++) {
      const tool = yield* Tool.start((yield* Random.nextBoolean) ? args : [...args, "--once"])
      // From its first request on, and now and then before.
      if ((yield* Random.nextIntBetween(0, 10)) > 0) yield* asked(server)
      yield* Effect.sleep(`${yield* Random.nextIntBetween(0, 2500)} millis`)
      if (yield* Random.nextBoolean) {
        yield* disturb
        yield* Effect.sleep(`${yield* Random.nextIntBetween(0, 4000)} millis`)
      }
      if ((yield* Random.nextIntBetween(0, 3)) === 0) yield* server.restart("200 millis")
      yield* tool.kill("SIGKILL")
      yield* tool.result
    }
    yield* Fiber.interrupt(happening)
    yield* server.awaitIdle

    const last = yield* Effect.flatMap(Tool.start([...args, "--once"]), ({ result }) => result)
    deepStrictEqual(last.code, 0, last.stderr)
    const compared = yield* Churn.compareIn(target, server)
    yield* Console.log(
      `run ${number}: killed ${kills} times; ${compared.messages} messages in ${compared.sessions} sessions are equal, ${compared.deleted} are marked as deleted`
    )
    return compared
  }).pipe(Effect.scoped)

const sqlite = (number: number) =>
  Effect.gen(function* () {
    const target = yield* Databases.sqlite
    return yield* run(number, target, target.path, Effect.void)
  }).pipe(Effect.scoped)

const runs = Effect.gen(function* () {
  const numbers = Array.from({ length: Number(count) }, (_, index) => index + 1)
  if (kind === "sqlite") return yield* Effect.forEach(numbers, sqlite)
  const postgres = yield* Postgres.make
  return yield* Effect.forEach(numbers, (number) =>
    Effect.flatMap(postgres.database(`archive_${number}`), (url) =>
      run(number, Database.Target.Postgres({ url: Redacted.make(url) }), url, Effect.orDie(postgres.restart))
    )
  )
})

Effect.gen(function* () {
  const started = yield* Clock.currentTimeMillis
  const compared = yield* runs
  const seconds = Math.round(((yield* Clock.currentTimeMillis) - started) / 1000)
  const messages = compared.reduce((sum, { messages }) => sum + messages, 0)
  yield* Console.log(`${kind}: ${compared.length} runs, ${messages} messages, all equal, ${seconds} s`)
}).pipe(Effect.scoped, NodeRuntime.runMain)
