/** Walks over lists that hold messages which nobody can read. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { Pcg } from "../../testing/src/internal/pcg.ts"
import {
  type BackendMessage,
  decodeReadableMessages,
  type GetHistoryError,
  MessagesService,
  ResponseDecodeError,
  ServerError,
  SessionId,
  type UnreadableRow
} from "../src/index.ts"
import { draws } from "./draws.ts"
import * as Model from "./ModelServer.ts"

/** Rows that the client cannot read, and rows for which the server fails, by id. */
interface Bad {
  readonly shape: ReadonlySet<string>
  readonly failing: ReadonlySet<string>
}

const service = (server: Model.ModelServer, bad: Bad, between: (requests: number) => void = () => {}) =>
  MessagesService.make({
    getHistory: ({ onUnreadable, ...request }) =>
      Effect.suspend((): Effect.Effect<ReadonlyArray<BackendMessage>, GetHistoryError> => {
        const rows = server.page(request)
        between(server.requests.length)
        if (rows.some(({ id }) => bad.failing.has(id))) {
          return new ServerError({ operation: "getHistory", status: 500 })
        }
        const readable: Array<BackendMessage> = []
        for (const [index, row] of rows.entries()) {
          if (!bad.shape.has(row.id)) readable.push(row)
          else if (onUnreadable === undefined) {
            return new ResponseDecodeError({ operation: "getHistory", status: 200, reason: "schema" })
          } else {
            const { id, sessionId } = row
            onUnreadable({
              index,
              id,
              sessionId,
              mismatch: { path: "role", expected: "a string", actual: "an integer" }
            })
          }
        }
        return Effect.succeed(readable)
      }),
    listSession: () => Effect.succeed([]),
    send: () => Effect.die("not asked for")
  })

const none: ReadonlySet<string> = new Set()

const read = (history: ReturnType<typeof service>, pageSize: number) =>
  Stream.runCollect(history.streamHistoryPages({ pageSize, unreadable: "skip" })).pipe(
    Effect.map(Chunk.toReadonlyArray),
    Effect.map((pages) => ({
      ids: pages.flatMap(({ messages }) => messages.map(({ id }): string => id)),
      leftOut: pages.at(-1)?.stats.unreadable
    })),
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )

describe("unreadable", () => {
  for (const pageSize of [1, 2, 7, 50, 1000]) {
    it.effect(`leaves out rows of another shape, by pages of ${pageSize}`, () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 60 })
        const shape = new Set(["m59", "m40", "m39", "m38", "m12", "m0"])
        const { ids } = yield* read(service(server, { shape, failing: none }), pageSize)
        assert.deepStrictEqual(
          ids,
          server.ids().filter((id) => !shape.has(id))
        )
      })
    )

    it.effect(`leaves out rows for which the server fails, by pages of ${pageSize}`, () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 60 })
        const failing = new Set(["m59", "m40", "m39", "m12", "m0"])
        const { ids, leftOut } = yield* read(service(server, { shape: none, failing }), pageSize)
        assert.deepStrictEqual(
          ids,
          server.ids().filter((id) => !failing.has(id))
        )
        assert.isAtLeast(leftOut ?? 0, 4)
      })
    )
  }

  it.effect("loses and repeats nothing else while the list moves", () =>
    Effect.gen(function* () {
      const scenarios = draws(10, 60)
      let failures = 0
      for (let seed = 0; seed < scenarios; seed++) {
        const random = new Pcg(seed, 11)
        const below = (n: number) => random.integer(Math.max(1, n))
        const server = new Model.ModelServer({ size: 40 + below(120), sessions: 4 })
        const began = server.ids()
        const some = () => new Set(began.filter(() => below(25) === 0))
        const bad = { shape: some(), failing: some() }
        const change = () => {
          if (below(20) === 0) server.arrive(1 + below(5), below(2) === 0, below(4))
          if (below(40) === 0) server.remove(below(server.rows.length), 1 + below(3))
        }
        const result = yield* Effect.either(read(service(server, bad, change), 1 + below(60)))
        if (Either.isLeft(result)) {
          failures++
          continue
        }
        const readable = began.filter((id) => !bad.shape.has(id) && !bad.failing.has(id))
        const flaws = Model.audit(readable, server, result.right.ids)
        assert.deepStrictEqual({ ...flaws, misplaced: [] }, Model.flawless, `seed ${seed}`)
      }
      // A list that never stands still cannot be read in parts.
      assert.isAtMost(failures, scenarios / 10)
    })
  )

  it.effect("a server that fails for everything is not skipped over", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 60 })
      const failing = new Set(server.ids())
      const error = yield* Effect.flip(read(service(server, { shape: none, failing }), 10))
      assert.strictEqual(error._tag, "ServerError")
    })
  )

  it.effect("without the option one bad row fails the walk", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 20 })
      const history = service(server, { shape: new Set(["m3"]), failing: none })
      const error = yield* Effect.flip(Stream.runDrain(history.streamHistory({ pageSize: 5 })))
      assert.strictEqual(error._tag, "ResponseDecodeError")
    })
  )

  it.effect("warns of each row once: its id and what is wrong, never what it says", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ annotations, message }) => {
        lines.push(`${message} ${JSON.stringify(Object.fromEntries(annotations))}`)
      })
      const server = new Model.ModelServer({ size: 20 })
      const history = service(server, { shape: new Set(["m7"]), failing: none })
      yield* Stream.runDrain(history.streamHistory({ pageSize: 5, unreadable: "skip" })).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0] ?? "", "m7")
      assert.include(lines[0] ?? "", "role: expected a string, got an integer")
      assert.notInclude(lines[0] ?? "", "text 7")
    })
  )

  it.effect("warns on one line, whatever the server takes for an id", () =>
    Effect.gen(function* () {
      const ids: Array<unknown> = []
      const logger = Logger.make(({ annotations }) => {
        ids.push(Object.fromEntries(annotations)["mix.message.id"])
      })
      const bad = ["a\u001b[2J\nb", "x".repeat(100_000), "\u202eabc"]
      const history = MessagesService.make({
        getHistory: () => Effect.succeed([]),
        listSession: ({ onUnreadable }) =>
          Effect.sync(() => {
            const mismatch = { path: "role", expected: "a string", actual: "missing" }
            for (const [index, id] of bad.entries()) onUnreadable?.({ index, id, mismatch })
            return []
          }),
        send: () => Effect.die("not asked for")
      })
      yield* history
        .listSession({ id: SessionId.make("s"), unreadable: "skip" })
        .pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.deepStrictEqual(ids, ["a [2J b", "x".repeat(128), "abc"])
    })
  )

  it("decodeReadableMessages leaves out what is no message, and tells of it", () => {
    const good = { id: "a", sessionId: "s", role: "user", userInput: "hello" }
    const rows: Array<UnreadableRow> = []
    const decoded = decodeReadableMessages([good, { ...good, id: "b", role: 7 }, null, "x"], (row) => rows.push(row))
    assert.deepStrictEqual(Either.getOrThrow(decoded), [good] as never)
    assert.deepStrictEqual(
      rows.map(({ id, index, mismatch }) => [index, id, mismatch.path]),
      [
        [1, "b", "role"],
        [2, undefined, ""],
        [3, undefined, ""]
      ]
    )
    assert.isTrue(Either.isLeft(decodeReadableMessages({ messages: [] }, () => {})))
  })

  it.effect("listSession leaves them out as well", () =>
    Effect.gen(function* () {
      const history = MessagesService.make({
        getHistory: () => Effect.succeed([]),
        listSession: ({ onUnreadable }) =>
          Effect.sync(() => {
            onUnreadable?.({ index: 0, mismatch: { path: "id", expected: "a string", actual: "missing" } })
            return []
          }),
        send: () => Effect.die("not asked for")
      })
      const rows = yield* history.listSession({ id: SessionId.make("s"), unreadable: "skip" })
      assert.deepStrictEqual(rows, [])
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )
})
