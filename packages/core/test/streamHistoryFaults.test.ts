import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import {
  type BackendMessage,
  type GetHistoryError,
  type HistoryCursor,
  HistoryDrift,
  HistoryStalled,
  MessagesService,
  NotFound,
  ServerError,
  type Service,
  type StreamHistoryError
} from "../src/index.ts"
import * as Model from "./ModelServer.ts"

/** Runs a stream to its end or failure, and keeps what it emitted. */
const collect = (stream: Stream.Stream<BackendMessage, StreamHistoryError>) =>
  Effect.gen(function* () {
    const emitted: Array<string> = []
    const result = yield* Stream.runForEach(stream, (row) => Effect.sync(() => void emitted.push(row.id))).pipe(
      Effect.either
    )
    return { emitted, error: result._tag === "Left" ? result.left : undefined }
  })

/** A service that fails instead of answering the requests of these numbers, the first being 1. */
const failing = (server: Model.ModelServer, numbers: ReadonlyArray<number>, error: GetHistoryError): Service => {
  let requests = 0
  return MessagesService.make({
    ...Model.service(server),
    getHistory: (options) =>
      Effect.suspend(() =>
        numbers.includes(++requests)
          ? Effect.fail(error)
          : Effect.succeed<ReadonlyArray<BackendMessage>>(server.page(options))
      )
  })
}

const stalled = (error: StreamHistoryError | undefined): HistoryStalled => {
  assert.instanceOf(error, HistoryStalled)
  return error as HistoryStalled
}

describe("streamHistory, when something goes wrong", () => {
  describe("with a page", () => {
    it.effect("keeps what it emitted, says where, and goes on from there", () =>
      Effect.gen(function* () {
        for (const page of [2, 5, 10]) {
          const server = new Model.ModelServer({ size: 100 })
          const history = failing(server, [page], new ServerError({ operation: "getHistory", status: 500 }))
          const first = yield* collect(history.streamHistory({ pageSize: 10 }))
          assert.deepStrictEqual(first.emitted, server.ids().slice(0, (page - 1) * 10))
          assert.instanceOf(first.error, ServerError)
          assert.strictEqual(first.error?.operation, "getHistory")
          assert.isTrue(first.error?.isRetryable)
          const cursor = first.error?.cursor as HistoryCursor
          const second = yield* collect(history.streamHistory({ pageSize: 10, from: cursor }))
          assert.isUndefined(second.error)
          assert.deepStrictEqual([...first.emitted, ...second.emitted], server.ids())
        }
      })
    )

    it.effect("has no cursor before anything was read", () =>
      Effect.gen(function* () {
        for (const prefetch of [0, 3]) {
          const server = new Model.ModelServer({ size: 30 })
          const history = failing(server, [1], new NotFound({ operation: "getHistory", bodyKind: "html" }))
          const { emitted, error } = yield* collect(history.streamHistory({ prefetch }))
          assert.deepStrictEqual(emitted, [])
          assert.instanceOf(error, NotFound)
          assert.isUndefined(error?.cursor)
          assert.deepStrictEqual((yield* collect(history.streamHistory({ from: error?.cursor }))).emitted, server.ids())
        }
      })
    )

    it.effect("keeps all that the page's error says", () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 30 })
        const error = new ServerError({
          operation: "getHistory",
          status: 503,
          attempts: 4,
          error: { code: 503, message: "busy" }
        })
        const found = yield* collect(failing(server, [2], error).streamHistory({ pageSize: 10 }))
        assert.deepStrictEqual<unknown>({ ...found.error, cursor: undefined }, { ...error, cursor: undefined })
      })
    )

    it.effect("loses nothing when the list changes before it goes on", () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 100 })
        const began = server.ids()
        const history = failing(server, [4], new ServerError({ operation: "getHistory", status: 500 }))
        const first = yield* collect(history.streamHistory({ pageSize: 10 }))
        server.insert(25).remove(40, 7)
        const from = first.error?.cursor as HistoryCursor
        const second = yield* collect(history.streamHistory({ pageSize: 10, from }))
        const emitted = [...first.emitted, ...second.emitted]
        assert.deepStrictEqual(Model.audit(began, server, emitted), Model.flawless)
      })
    )

    it.effect("goes on after every failure of a server that fails every other time", () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 100 })
        const even = Array.from({ length: 100 }, (_, n) => 2 * n)
        const history = failing(server, even, new ServerError({ operation: "getHistory", status: 502 }))
        const emitted: Array<string> = []
        let from: HistoryCursor | undefined
        for (let n = 0; n < 30; n++) {
          const part = yield* collect(history.streamHistory({ pageSize: 10, from }))
          emitted.push(...part.emitted)
          if (part.error === undefined) break
          from = part.error.cursor
        }
        assert.deepStrictEqual(emitted, server.ids())
      })
    )
  })

  describe("maxPages", () => {
    it.effect.each([1, 2, 5])("%i: as many pages of history end well", (maxPages) =>
      Effect.gen(function* () {
        for (const prefetch of [0, 2]) {
          const server = new Model.ModelServer({ size: maxPages * 10 })
          const found = yield* collect(Model.service(server).streamHistory({ pageSize: 10, maxPages, prefetch }))
          assert.isUndefined(found.error)
          assert.deepStrictEqual(found.emitted, server.ids())
        }
      })
    )

    it.effect.each([1, 2, 5])("%i: one row more is an error, from which to go on", (maxPages) =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: maxPages * 10 + 1 })
        const history = Model.service(server)
        const first = yield* collect(history.streamHistory({ pageSize: 10, maxPages }))
        const error = stalled(first.error)
        assert.deepInclude(error, { operation: "streamHistory", reason: "maxPages", isRetryable: false })
        assert.strictEqual(error.stats.requests, maxPages + 1)
        assert.deepStrictEqual(first.emitted, server.ids().slice(0, maxPages * 10))
        const second = yield* collect(history.streamHistory({ pageSize: 10, maxPages, from: error.cursor }))
        assert.deepStrictEqual(second.emitted, server.ids().slice(-1))
        assert.isUndefined(second.error)
      })
    )

    it.effect("of an empty history is no error", () =>
      Effect.gen(function* () {
        const found = yield* collect(Model.service(new Model.ModelServer()).streamHistory({ maxPages: 1 }))
        assert.deepStrictEqual(found, { emitted: [], error: undefined })
      })
    )

    it.effect("stops streamHistoryPages too, after exactly as many", () =>
      Effect.gen(function* () {
        const pages = yield* Model.service(new Model.ModelServer({ size: 100 }))
          .streamHistoryPages({ pageSize: 10, maxPages: 3 })
          .pipe(
            Stream.map(({ messages }) => messages.length),
            Stream.catchTag("HistoryStalled", ({ reason }) => Stream.succeed(reason)),
            Stream.runCollect
          )
        assert.deepStrictEqual(Chunk.toReadonlyArray(pages), [10, 10, 10, "maxPages"])
      })
    )
  })

  describe("strict", () => {
    const swapped = (at: number, requests: number) => {
      const server = new Model.ModelServer({ size: 30 })
      const between = (model: Model.ModelServer, n: number) => {
        const [a, b] = [model.rows[at], model.rows[at + 1]] as [Model.ModelMessage, Model.ModelMessage]
        if (n === requests) model.rows.splice(at, 2, b, a)
      }
      return Model.service(server, { between })
    }

    it.effect("counts the tie that it fails for", () =>
      Effect.gen(function* () {
        const reordered = Metric.tagged(
          Metric.counter("mix.history.repairs", {
            description: "What was mended of a history that changed while it was read",
            incremental: true
          }),
          "mix.repair",
          "tiesReordered"
        )
        // Metrics belong to the process: what counts is the difference.
        const before = (yield* Metric.value(reordered)).count
        const { error } = yield* collect(swapped(17, 2).streamHistory({ pageSize: 10, strict: true }))
        const { stats } = error as HistoryDrift
        assert.isAbove(stats.tiesReordered, 0)
        assert.strictEqual((yield* Metric.value(reordered)).count - before, stats.tiesReordered)
      })
    )

    it.effect("fails as soon as messages of one second change places", () =>
      Effect.gen(function* () {
        const { emitted, error } = yield* collect(swapped(17, 2).streamHistory({ pageSize: 10, strict: true }))
        assert.lengthOf(emitted, 20)
        assert.instanceOf(error, HistoryDrift)
        const drift = error as HistoryDrift
        assert.strictEqual(drift.operation, "streamHistory")
        assert.isAbove(drift.stats.tiesReordered, 0)
        const rest = yield* collect(swapped(17, 1).streamHistory({ pageSize: 10, from: drift.cursor }))
        assert.lengthOf(rest.emitted, 10)
      })
    )

    it.effect("fails even if it shows in the last answer only", () =>
      Effect.gen(function* () {
        const { emitted, error } = yield* collect(swapped(27, 3).streamHistory({ pageSize: 10, strict: true }))
        assert.lengthOf(emitted, 30)
        assert.instanceOf(error, HistoryDrift)
      })
    )

    it.effect("is off by default: the change is counted", () =>
      Effect.gen(function* () {
        const pages = Chunk.toReadonlyArray(
          yield* Stream.runCollect(swapped(17, 2).streamHistoryPages({ pageSize: 10 }))
        )
        assert.isAbove(pages.at(-1)?.stats.tiesReordered ?? 0, 0)
      })
    )

    it.effect("is content with a list that only grows and shrinks", () =>
      Effect.gen(function* () {
        for (let seed = 0; seed < 100; seed++) {
          const { change, drawn, pageSize, server } = Model.scenario(seed, { ...Model.calm, size: 200 })
          const history = Model.service(server, { between: change })
          const { error } = yield* collect(history.streamHistory({ pageSize, strict: true }))
          assert.notInstanceOf(error, HistoryDrift, JSON.stringify(drawn))
        }
      })
    )
  })

  describe("with the server", () => {
    it.effect("one that ignores offset stalls, with the place to go on from", () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 300, ignoresOffset: true, clamp: 50 })
        const { emitted, error } = yield* collect(Model.service(server).streamHistory())
        assert.lengthOf(emitted, 50)
        const { cursor, isRetryable, message, reason } = stalled(error)
        assert.strictEqual(reason, "repeatedPages")
        assert.isFalse(isRetryable)
        assert.include(message, "(after 3 requests)")
        const rest = yield* collect(Model.service(new Model.ModelServer({ size: 300 })).streamHistory({ from: cursor }))
        assert.deepStrictEqual([...emitted, ...rest.emitted], server.ids())
      })
    )

    it.effect("one whose rows were all deleted stalls, and does not end in silence", () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 4000, sessions: 4000 })
        const history = Model.service(server, {
          between: (model, requests) => {
            if (requests === 25) model.remove(1300, 1200)
          }
        })
        const { emitted, error } = yield* collect(history.streamHistory())
        assert.lengthOf(emitted, 2500)
        assert.strictEqual(stalled(error).reason, "anchorLost")
      })
    )

    it.effect("an implementation that dies stays a defect, and is not taken for an end", () =>
      Effect.gen(function* () {
        const history = MessagesService.make({
          ...Model.service(new Model.ModelServer()),
          getHistory: () => {
            throw new Error("a bug")
          }
        })
        const exit = yield* Effect.exit(Stream.runDrain(history.streamHistory()))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      })
    )
  })
})
