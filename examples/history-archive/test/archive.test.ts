/** The archive on both databases: drawn backends, failures and kills, and values that databases refuse. */
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { assert, describe, it, layer, type Vitest } from "@effect/vitest"
import { BackendMessage, MessageId, SessionId } from "@mix-effect/core"
import {
  Arbitrary,
  Chunk,
  DateTime,
  Deferred,
  Effect,
  Exit,
  FastCheck,
  Layer,
  Option,
  Schema,
  Stream,
  TestClock
} from "effect"
import { draws } from "../../../packages/core/test/draws.ts"
import * as Archive from "../src/Archive.ts"
import * as Database from "../src/Database.ts"
import * as Message from "../src/Message.ts"
import * as Mirror from "../src/Mirror.ts"
import * as Progress from "../src/Progress.ts"
import * as Reader from "../src/Reader.ts"
import { Backend, type Happening } from "./Backend.ts"
import * as Databases from "./databases.ts"
import * as Postgres from "./Postgres.ts"

const text = FastCheck.oneof(
  FastCheck.string({ unit: "binary" }),
  FastCheck.constantFrom(
    "\0",
    "\ud800",
    "\udc00 \ud83d",
    "\u0010",
    "\u00100000",
    "'; DROP TABLE messages; --",
    "é\u2028"
  )
)

const sessionNumber = FastCheck.nat(5)

const happening = FastCheck.oneof(
  { weight: 6, arbitrary: FastCheck.constant<Happening>({ _tag: "Nothing" }) },
  {
    weight: 6,
    arbitrary: FastCheck.tuple(sessionNumber, FastCheck.constantFrom("user" as const, "assistant" as const), text).map(
      ([session, role, text]): Happening => ({ _tag: "Append", session, role, text })
    )
  },
  { weight: 2, arbitrary: FastCheck.constant<Happening>({ _tag: "NextSecond" }) },
  {
    weight: 1,
    arbitrary: FastCheck.tuple(sessionNumber, FastCheck.nat(300)).map(
      ([session, count]): Happening => ({ _tag: "Import", session, count })
    )
  },
  {
    weight: 2,
    arbitrary: FastCheck.tuple(sessionNumber, text).map(
      ([session, text]): Happening => ({ _tag: "Rewrite", session, text })
    )
  },
  {
    weight: 1,
    arbitrary: FastCheck.tuple(sessionNumber, FastCheck.integer({ min: 1, max: 3 })).map(
      ([session, count]): Happening => ({ _tag: "Rewind", session, count })
    )
  },
  { weight: 1, arbitrary: sessionNumber.map((session): Happening => ({ _tag: "Delete", session })) },
  { weight: 1, arbitrary: FastCheck.constant<Happening>({ _tag: "Refuse" }) },
  { weight: 2, arbitrary: FastCheck.constant<Happening>({ _tag: "Kill" }) }
)

/** What becomes of a transaction: a failure may come before the commit, or after it. */
const commit = FastCheck.oneof(
  { weight: 12, arbitrary: FastCheck.constant("succeeds" as const) },
  { weight: 1, arbitrary: FastCheck.constantFrom("fails" as const, "fails after it happened" as const) }
)

const drawn = FastCheck.record({
  counts: FastCheck.boolean(),
  before: FastCheck.array(FastCheck.tuple(sessionNumber, text), { maxLength: 40 }),
  happenings: FastCheck.array(happening, { maxLength: 80 }),
  commits: FastCheck.array(commit, { maxLength: 60 })
})

const lost = new SqlError({ message: "connection lost" })

/** A client whose commits fail as drawn, in the way of @effect/sql: as defects. */
const unreliable = (sql: SqlClient.SqlClient, next: () => "succeeds" | "fails" | "fails after it happened") =>
  new Proxy(sql, {
    get: (target, key) =>
      key === "withTransaction"
        ? <A, E, R>(effect: Effect.Effect<A, E, R>) =>
            Effect.suspend(() => {
              const fate = next()
              const committed = target.withTransaction(fate === "fails" ? Effect.zipRight(effect, lost) : effect)
              return fate === "fails after it happened" ? Effect.zipRight(committed, Effect.die(lost)) : committed
            })
        : Reflect.get(target, key)
  })

/** One process that mirrors the backend: to the end, to a failure, or until it is killed. */
const mirrorOnce = (backend: Backend, server: string) =>
  Effect.gen(function* () {
    const killed = yield* Deferred.make<void>()
    const kill = Effect.zipRight(Deferred.succeed(killed, undefined), Effect.never)
    const process = Effect.gen(function* () {
      const archive = yield* Archive.claim(server)
      yield* Mirror.run(archive, yield* Progress.make(server), { ...Mirror.defaults, once: true })
    }).pipe(Effect.provide(backend.layer(kill)))
    return yield* Effect.raceFirst(process, Effect.zipRight(Deferred.await(killed), Effect.fail("killed" as const)))
  })

interface Stored extends Message.Content {
  readonly id: string
  readonly position: number | null
  readonly deleted_at: string | null
}

const storedOf = (server: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<Stored>`SELECT * FROM messages WHERE server = ${server} ORDER BY position`
  )

/** The messages of each session that the archive holds as not deleted. */
const liveOf = (rows: ReadonlyArray<Stored>) => {
  const sessions = new Map<string, Array<BackendMessage>>()
  for (const row of rows.filter((row) => row.deleted_at === null)) {
    const message = Message.fromRow(row)
    sessions.set(message.sessionId, [...(sessions.get(message.sessionId) ?? []), message])
  }
  return sessions
}

let servers = 0

const tests = (it: Vitest.MethodsNonLive<SqlClient.SqlClient>) => {
  it.effect.prop(
    "equals the server in the end, whatever was killed, refused, written, rewritten and deleted meanwhile",
    { draw: drawn },
    ({ draw }) =>
      Effect.gen(function* () {
        const server = `http://server-${++servers}`
        const sql = yield* SqlClient.SqlClient
        const happenings = [...draw.happenings]
        const commits = [...draw.commits]
        const backend = new Backend(draw.counts, () => happenings.shift() ?? { _tag: "Nothing" })
        for (const [session, text] of draw.before) backend.append(0, session, "user", text)
        yield* TestClock.adjust("10 seconds")

        const flaky = unreliable(sql, () => commits.shift() ?? "succeeds")
        const seen = new Map<string, Stored>()
        const attempt = Effect.gen(function* () {
          const exit = yield* mirrorOnce(backend, server).pipe(
            Effect.provideService(SqlClient.SqlClient, flaky),
            Effect.exit
          )
          const rows = yield* storedOf(server)
          const ids = new Set(rows.map((row) => row.id))
          for (const id of seen.keys()) assert.isTrue(ids.has(id), "what was stored is never lost")
          for (const row of rows) seen.set(row.id, row)
          return Exit.isSuccess(exit)
        })
        let attempts = 0
        while (happenings.length + commits.length > 0 && attempts++ < 200) yield* attempt
        // Nothing happens any more, and every session is due.
        yield* TestClock.adjust("2 days")
        yield* mirrorOnce(backend, server)

        const rows = yield* storedOf(server)
        const listed = new Map([...backend.listed].filter(([, rows]) => rows.length > 0))
        assert.deepStrictEqual(liveOf(rows), listed as Map<string, Array<BackendMessage>>)
        const sessions = yield* sql<{ id: string }>`
          SELECT id FROM sessions WHERE server = ${server} AND deleted_at IS NULL`
        assert.deepStrictEqual(sessions.map(({ id }) => id).sort(), [...backend.listed.keys()].sort())
      }),
    { fastCheck: { numRuns: draws(3, 60) } }
  )

  const newServer = Effect.suspend(() => Archive.claim(`http://server-${++servers}`))
  const session = SessionId.make("the \0 session")
  const due: Archive.Due = {
    id: session,
    touches: 1,
    firstSeenAt: "",
    changedAt: new Date(0).toISOString(),
    isListed: false,
    hasEvents: false
  }

  it.effect.prop(
    "gives back every message as it was",
    {
      messages: FastCheck.uniqueArray(Arbitrary.make(Schema.typeSchema(BackendMessage)), { selector: ({ id }) => id })
    },
    ({ messages }) =>
      Effect.gen(function* () {
        const archive = yield* newServer
        yield* archive.touch(session)
        const ours = messages.map((message) => ({ ...message, sessionId: session }))
        yield* archive.saveFollowed(ours, Option.none())
        yield* archive.saveListing(due, ours, true)
        const { messages: stored } = yield* Reader.session(session, Option.some(archive.server))
        const read = Chunk.toReadonlyArray(yield* Stream.runCollect(stored)).map(({ message }) => message)
        assert.deepStrictEqual(read.map(withoutAbsent), ours.map(withoutAbsent))
      }),
    { fastCheck: { numRuns: draws(4, 100) } }
  )

  it.effect("holds what databases refuse: NUL, half characters, large numbers, 1 MiB, long ids", () =>
    Effect.gen(function* () {
      const archive = yield* newServer
      yield* archive.touch(session)
      const hostile: ReadonlyArray<BackendMessage> = [
        "\0\ud800",
        "x".repeat(1 << 20),
        Array.from({ length: 150_000 }, (_, index) => index.toString(36)).join(" "),
        `${"日本語".repeat(100_000)} \u{1F600}`
      ].map((text, index) => ({
        id: MessageId.make(`${"i".repeat(index * 5000)}'"\\${index}`),
        sessionId: session,
        role: "assistant\0",
        userInput: text,
        assistantResponse: text,
        toolCalls: [{ id: text, name: text, input: text, type: "", finished: true, screenshotUrls: [] }],
        inputTokens: 999_999_999_999_999,
        outputTokens: Number.MAX_SAFE_INTEGER,
        cacheReadTokens: 2 ** 60,
        cost: Number.MAX_VALUE,
        reasoningDuration: -Number.MIN_VALUE
      }))
      // Of one id that comes twice, the last counts.
      yield* archive.saveListing(due, [...hostile.map((row) => ({ ...row, userInput: "before" })), ...hostile], true)
      const { messages } = yield* Reader.session(session, Option.some(archive.server))
      const read = Chunk.toReadonlyArray(yield* Stream.runCollect(messages)).map(({ message }) => message)
      // Of an id that no index holds, the beginning is kept.
      const ids = (rows: ReadonlyArray<BackendMessage>) =>
        rows.map(({ id, ...row }) => ({ ...row, id: id.slice(0, 150) }))
      assert.deepStrictEqual(ids(read).slice(0, 1), ids(hostile).slice(0, 1))
      assert.deepStrictEqual(
        ids(read).map(({ id, ...row }) => row),
        ids(hostile).map(({ id, ...row }) => row)
      )
      assert.strictEqual(new Set(read.map(({ id }) => id)).size, hostile.length)
    })
  )

  it.effect("finds words, whatever else stands among them", () =>
    Effect.gen(function* () {
      const archive = yield* newServer
      const say = (id: string, text: string): BackendMessage => ({
        id: MessageId.make(id),
        sessionId: session,
        role: "user",
        userInput: text
      })
      const mine = (found: ReadonlyArray<Reader.Found>) =>
        found.filter(({ server }) => server === archive.server).map(({ messageId }) => messageId)
      yield* archive.saveFollowed(
        [say("a", "Summarise Sales.csv, É/zebra!"), say("b", "zebra\0AND NOT")],
        Option.none()
      )
      const search = (words: string) => Effect.map(Reader.search(words, 1000), mine)
      assert.deepStrictEqual(yield* search("sales"), ["a"])
      assert.deepStrictEqual(yield* search("CSV é"), ["a"])
      assert.deepStrictEqual(yield* search("zebra"), ["b", "a"])
      assert.deepStrictEqual(yield* search("zebra -NOT"), ["b"])
      assert.deepStrictEqual(yield* search('"zebra" OR (NEAR/2 : sales* ^'), [])
      assert.deepStrictEqual(yield* search("zebra'; DROP TABLE messages; --"), [])
      assert.strictEqual((yield* Effect.flip(Reader.search("-- '\"* \0", 10)))._tag, "ReaderError")
      // What changed is found by what it says now.
      yield* archive.saveListing(due, [say("a", "other")], true)
      assert.deepStrictEqual(yield* search("sales"), [])
      assert.deepStrictEqual(yield* search("other"), ["a"])
    })
  )

  it.effect.prop(
    "search takes any text",
    { text },
    ({ text }) => Effect.asVoid(Effect.catchTag(Reader.search(text, 3), "ReaderError", () => Effect.void)),
    { fastCheck: { numRuns: draws(10, 100) } }
  )

  it.effect("who was superseded writes no more", () =>
    Effect.gen(function* () {
      const first = yield* newServer
      const second = yield* Archive.claim(first.server)
      yield* second.touch(session)
      assert.strictEqual((yield* Effect.flip(first.touch(session)))._tag, "Superseded")
      assert.strictEqual((yield* Effect.flip(first.saveListing(due, [], true)))._tag, "Superseded")
      yield* second.finishWalk
    })
  )

  it.effect("stores no credentials of a browser", () =>
    Effect.gen(function* () {
      const archive = yield* newServer
      const sql = yield* SqlClient.SqlClient
      yield* archive.saveSessions([
        {
          id: session,
          title: "t",
          createdAt: DateTime.unsafeMake(0),
          cdpUrl: "wss://user:secret@browser:9222/devtools?token=secret"
        }
      ])
      const [row] = yield* sql<{ details: string }>`SELECT details FROM sessions WHERE server = ${archive.server}`
      assert.strictEqual(row?.details, '{"cdpUrl":"wss://browser:9222/devtools"}')
    })
  )
}

/** Of a field that is absent it is not kept how it is. */
const withoutAbsent = (message: BackendMessage): unknown => JSON.parse(JSON.stringify(message))

describe("SQLite", () => {
  layer(Layer.unwrapScoped(Effect.map(Databases.sqlite, Database.layerWrite)), { timeout: 120_000 })((it) => tests(it))
})

describe("PostgreSQL", () => {
  if (Postgres.programs === undefined) {
    it.skipIf(process.env.CI === undefined)("PostgreSQL is not installed: its tests were skipped", () => {
      assert.fail("PostgreSQL is not installed: apt-get install postgresql")
    })
    return
  }
  layer(Layer.unwrapScoped(Effect.map(Databases.postgres, Database.layerWrite)), { timeout: 120_000 })((it) =>
    tests(it)
  )
})
