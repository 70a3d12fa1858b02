import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import type * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Pcg } from "../../testing/src/internal/pcg.ts"
import { type BackendMessage, HistoryCursor, MessagesService, Prefetching, ServerError } from "../src/index.ts"
import { draws } from "./draws.ts"
import * as Model from "./ModelServer.ts"

const ids = <E, R>(stream: Stream.Stream<BackendMessage, E, R>) =>
  Effect.map(Stream.runCollect(stream), (rows) => Chunk.toReadonlyArray(rows).map((row): string => row.id))

const hundred = () => new Model.ModelServer({ size: 100 })

/**
 * The first two pages that are asked for ahead never come back: they are asked for as if nothing had been deleted, and the
 * deletions make the walk want others.
 */
const hanging = () => {
  const server = hundred()
  let hung = 0
  const history = Model.service(server, {
    between: (model, requests) => {
      if (requests === 1) model.remove(0, 8)
    },
    wait: () => Effect.flatMap(Prefetching, (ahead) => (ahead && hung++ < 2 ? Effect.never : Effect.void))
  })
  const hangAgain = () => {
    hung = 0
  }
  return { history, server, hangAgain }
}

describe("streamHistory", () => {
  describe("asks for no more than is consumed", () => {
    it.effect("nothing, when it is made and never run", () =>
      Effect.gen(function* () {
        const server = hundred()
        const history = Model.service(server)
        Stream.take(history.streamHistory(), 5)
        Stream.take(history.streamHistoryPages({ prefetch: 4 }), 5)
        yield* TestClock.adjust("1 hour")
        assert.lengthOf(server.requests, 0)
      })
    )

    it.effect.each<readonly [number, number, number]>([
      [10, 10, 1],
      [3, 50, 1],
      [50, 50, 1],
      [51, 50, 2],
      [0, 10, 0],
      [100, 100, 1],
      [25, 10, 3]
    ])("take(%i) by pages of %i is %i request(s)", ([count, pageSize, requests]) =>
      Effect.gen(function* () {
        const server = hundred()
        const rows = yield* ids(Stream.take(Model.service(server).streamHistory({ pageSize }), count))
        assert.deepStrictEqual(rows, server.ids().slice(0, count))
        assert.lengthOf(server.requests, requests)
      })
    )

    it.effect("runHead is one request, for one page", () =>
      Effect.gen(function* () {
        const server = hundred()
        const head = yield* Stream.runHead(Model.service(server).streamHistory({ pageSize: 20 }))
        assert.strictEqual(Option.getOrThrow(head).id, "m99")
        assert.deepStrictEqual(server.requests, [{ offset: 0, limit: 20 }])
      })
    )

    it.effect("filter, then head: as many pages as hold it", () =>
      Effect.gen(function* () {
        const server = hundred()
        const found = yield* Model.service(server)
          .streamHistory({ pageSize: 10 })
          .pipe(
            Stream.filter((row) => row.id === "m65"),
            Stream.runHead
          )
        assert.isTrue(Option.isSome(found))
        assert.lengthOf(server.requests, 4)
      })
    )

    it("an async iterable that is left: no request after", async () => {
      const server = hundred()
      const seen: Array<string> = []
      for await (const row of Stream.toAsyncIterable(Model.service(server).streamHistory({ pageSize: 10 }))) {
        seen.push(row.id)
        if (seen.length === 12) break
      }
      assert.lengthOf(seen, 12)
      const asked = server.requests.length
      assert.isAtMost(asked, 2)
      await new Promise((resolve) => setImmediate(resolve))
      assert.lengthOf(server.requests, asked)
    })

    it("an async iterable gives two iterations that know nothing of each other", async () => {
      const server = hundred()
      const iterable = Stream.toAsyncIterable(Model.service(server).streamHistory({ pageSize: 30 }))
      for (let n = 0; n < 2; n++) {
        const seen: Array<string> = []
        for await (const row of iterable) seen.push(row.id)
        assert.deepStrictEqual(seen, server.ids())
      }
    })

    it.effect("interruption: the request on its way is stopped, and none follows", () =>
      Effect.gen(function* () {
        const server = hundred()
        const history = Model.service(server, {
          wait: ({ offset = 0 }) => (offset === 0 ? Effect.void : Effect.never)
        })
        const fiber = yield* Effect.fork(Stream.runDrain(history.streamHistory({ pageSize: 10 })))
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(server.requests, 2)
        assert.strictEqual(server.inFlight, 1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(server.interrupted, 1)
        assert.strictEqual(server.inFlight, 0)
        yield* TestClock.adjust("1 hour")
        assert.lengthOf(server.requests, 2)
      })
    )

    it.effect("a consumer that fails: none follows", () =>
      Effect.gen(function* () {
        const server = hundred()
        const error = yield* Model.service(server)
          .streamHistory({ pageSize: 10 })
          .pipe(
            Stream.runForEach((row) => (row.id === "m95" ? Effect.fail("enough") : Effect.void)),
            Effect.flip
          )
        assert.strictEqual(error, "enough")
        assert.lengthOf(server.requests, 1)
      })
    )
  })

  it.effect("asks for pages of 100 by default", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 250 })
      assert.deepStrictEqual(yield* ids(Model.service(server).streamHistory()), server.ids())
      assert.deepStrictEqual(server.requests, [
        { offset: 0, limit: 100 },
        { offset: 96, limit: 104 },
        { offset: 196, limit: 104 },
        { offset: 250, limit: 2 },
        { offset: 249, limit: 2 }
      ])
    })
  )

  it.effect("of an empty list is empty, by one request", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer()
      assert.deepStrictEqual(yield* ids(Model.service(server).streamHistory()), [])
      assert.lengthOf(server.requests, 1)
    })
  )

  it.effect("comes page by page with what was done so far", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 60 })
      const history = Model.service(server, {
        between: (model, requests) => {
          if (requests === 2) model.insert(2)
          if (requests === 3) model.remove(0, 20)
        }
      })
      const pages = Chunk.toReadonlyArray(yield* Stream.runCollect(history.streamHistoryPages({ pageSize: 10 })))
      const rows = pages.flatMap((page) => page.messages.map((row) => row.id))
      assert.lengthOf(rows, 60)
      assert.strictEqual(new Set(rows).size, 60)
      for (const [index, { messages, stats }] of pages.entries()) {
        assert.isNotEmpty(messages)
        assert.isAtLeast(stats.requests, index + 1)
      }
      const { stats } = pages.at(-1) as (typeof pages)[number]
      assert.isAbove(stats.stepBacks, 0)
      assert.isAbove(stats.duplicatesDropped, 0)
    })
  )

  it.effect("counts its pages and repairs as metrics", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 60 })
      const history = Model.service(server, {
        between: (model, requests) => {
          if (requests === 2) model.insert(12)
          if (requests === 4) model.remove(0, 20)
        }
      })
      // Metrics belong to the process: what counts is the difference.
      const counted = Effect.map(Metric.snapshot, (pairs) => (name: string, repair?: string) => {
        const found = pairs.find(
          ({ metricKey }) =>
            metricKey.name === name &&
            (repair === undefined || metricKey.tags.some(({ key, value }) => key === "mix.repair" && value === repair))
        )
        return found === undefined ? 0 : (found.metricState as MetricState.MetricState.Counter<number>).count
      })
      const before = yield* counted
      const pages = Chunk.toReadonlyArray(yield* Stream.runCollect(history.streamHistoryPages({ pageSize: 10 })))
      const after = yield* counted
      assert.strictEqual(after("mix.history.pages") - before("mix.history.pages"), pages.length)
      const { stats } = pages.at(-1) as (typeof pages)[number]
      for (const kind of ["duplicatesDropped", "stepBacks", "jumps", "tiesReordered"] as const) {
        assert.strictEqual(after("mix.history.repairs", kind) - before("mix.history.repairs", kind), stats[kind], kind)
      }
      assert.isAbove(stats.stepBacks, 0)
      assert.isAbove(stats.jumps, 0)
    })
  )

  it.effect("gives the first form of a row that changes while it is read", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 20 })
      const history = Model.service(server, {
        between: (model) => {
          model.rows = model.rows.map((row) => ({ ...row, userInput: `${row.userInput}+` }))
        }
      })
      const rows = Chunk.toReadonlyArray(yield* Stream.runCollect(history.streamHistory({ pageSize: 5 })))
      assert.lengthOf(rows, 20)
      assert.strictEqual(rows[3]?.userInput, "text 16")
    })
  )

  it.effect("waits for a consumer that takes an hour a page, and times nothing out", () =>
    Effect.gen(function* () {
      const server = hundred()
      const seen = yield* Ref.make(0)
      const fiber = yield* Model.service(server)
        .streamHistoryPages({ pageSize: 10 })
        .pipe(
          Stream.runForEach(({ messages }) =>
            Effect.zipRight(
              Effect.sleep("1 hour"),
              Ref.update(seen, (n) => n + messages.length)
            )
          ),
          Effect.fork
        )
      for (let hour = 1; hour <= 10; hour++) {
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* Ref.get(seen), hour * 10)
        assert.isAtMost(server.requests.length, hour + 2)
      }
      yield* Fiber.join(fiber)
    })
  )

  it.effect("run twice reads the list twice", () =>
    Effect.gen(function* () {
      const server = hundred()
      const stream = Model.service(server).streamHistory({ pageSize: 30 })
      const first = yield* ids(stream)
      const asked = server.requests.length
      server.insert(3)
      const second = yield* ids(stream)
      assert.lengthOf(first, 100)
      assert.deepStrictEqual(second, server.ids())
      assert.lengthOf(server.requests, 2 * asked)
    })
  )

  it.effect("run twice at once reads it twice, each by itself", () =>
    Effect.gen(function* () {
      const server = hundred()
      const history = Model.service(server, { wait: () => Effect.sleep("1 second") })
      for (const prefetch of [0, 2]) {
        const stream = history.streamHistory({ pageSize: 30, prefetch })
        const fiber = yield* Effect.fork(Effect.all([ids(stream), ids(stream)], { concurrency: 2 }))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [server.ids(), server.ids()])
      }
    })
  )

  it.effect("writes to the debug log when it looks for its place, and no message with it", () =>
    Effect.gen(function* () {
      const server = hundred()
      const lines: Array<{ readonly level: string; readonly text: string; readonly keys: ReadonlyArray<string> }> = []
      const logger = Logger.make(({ annotations, logLevel, message }) => {
        const notes = Object.fromEntries(annotations)
        const text = `${String(message)} ${JSON.stringify(notes)}`
        lines.push({ level: logLevel.label, text, keys: Object.keys(notes) })
      })
      const history = Model.service(server, {
        between: (model, requests) => {
          if (requests === 3) model.remove(0, 20)
        }
      })
      yield* Stream.runDrain(history.streamHistory({ pageSize: 10 })).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.Debug)
      )
      assert.isNotEmpty(lines)
      for (const { keys, level, text } of lines) {
        assert.strictEqual(level, "DEBUG")
        assert.include(text, "The history changed while it was read")
        assert.includeMembers([...keys], ["offset", "requests", "stepBacks"])
        assert.notMatch(text, /text \d|m\d/)
      }
    })
  )

  it.effect("writes nothing while the list stands still", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      yield* Stream.runDrain(Model.service(hundred()).streamHistory({ pageSize: 10 })).pipe(
        Effect.provide(
          Logger.replace(
            Logger.defaultLogger,
            Logger.make(({ message }) => void lines.push(message))
          )
        ),
        Logger.withMinimumLogLevel(LogLevel.All)
      )
      assert.lengthOf(lines, 0)
    })
  )

  describe("with prefetch", () => {
    // One round trip for the first page, since nothing is asked for ahead of a server that never answered; one for each group
    // of pages; and two to make sure of the end.
    it.effect("gives the rows that it gives without, and keeps to its bounds of requests and round trips", () =>
      Effect.gen(function* () {
        for (const [prefetch, size] of [0, 1, 2, 3, 4].flatMap((prefetch) => [
          [prefetch, 300] as const,
          [prefetch, 161]
        ])) {
          const server = new Model.ModelServer({ size })
          const history = Model.service(server, { wait: () => Effect.sleep("1 second") })
          const fiber = yield* Effect.fork(Effect.timed(ids(history.streamHistory({ pageSize: 10, prefetch }))))
          yield* TestClock.adjust("1 hour")
          const [took, rows] = yield* Fiber.join(fiber)
          const pages = Math.ceil(size / 10)
          assert.deepStrictEqual(rows, server.ids())
          assert.strictEqual(server.mostInFlight, prefetch + 1)
          assert.strictEqual(server.inFlight, 0)
          assert.isAtMost(server.requests.length, pages + 2 + prefetch)
          assert.isAtMost(Duration.toSeconds(took), 1 + Math.ceil((pages - 1) / (prefetch + 1)) + 2)
        }
      })
    )

    it.effect("loses and repeats nothing under drift", () =>
      Effect.gen(function* () {
        for (const prefetch of [1, 2, 3, 4]) {
          for (let seed = 0; seed < draws(6, 60); seed++) {
            const { change, drawn, pageSize, server } = Model.scenario(seed, { ...Model.calm, size: 300 })
            const began = server.ids()
            const history = Model.service(server, { between: change })
            const emitted: Array<string> = []
            const end = yield* history.streamHistory({ pageSize, prefetch }).pipe(
              Stream.runForEach((row) => Effect.sync(() => void emitted.push(row.id))),
              Effect.either
            )
            const flaws = Model.auditOld(began, server, emitted, end._tag === "Right")
            assert.deepStrictEqual(flaws, Model.flawless, `${JSON.stringify(drawn)} prefetch ${prefetch}`)
            assert.isAtMost(server.mostInFlight, prefetch + 1)
            assert.strictEqual(server.inFlight, 0)
          }
        }
      })
    )

    it.effect("throws the pages away that it asked for in vain", () =>
      Effect.gen(function* () {
        const { history, server } = hanging()
        const began = server.ids()
        const rows = yield* ids(history.streamHistory({ pageSize: 10, prefetch: 3 }))
        assert.deepStrictEqual(Model.audit(began, server, rows), Model.flawless)
        assert.strictEqual(server.interrupted, 2)
        assert.strictEqual(server.inFlight, 0)
      })
    )

    it.effect("asks for the first page before any other, and for none before it is run", () =>
      Effect.gen(function* () {
        const server = hundred()
        const head = yield* Stream.runHead(Model.service(server).streamHistory({ pageSize: 10, prefetch: 2 }))
        assert.isTrue(Option.isSome(head))
        assert.deepStrictEqual(server.requests[0], { offset: 0, limit: 10 })
        assert.isAtMost(server.requests.length, 3)
      })
    )

    it.effect("interruption stops all that is on its way", () =>
      Effect.gen(function* () {
        const server = hundred()
        const history = Model.service(server, { wait: ({ offset = 0 }) => (offset === 0 ? Effect.void : Effect.never) })
        const fiber = yield* Effect.fork(Stream.runDrain(history.streamHistory({ pageSize: 10, prefetch: 3 })))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(server.inFlight, 4)
        yield* Fiber.interruptAs(fiber, FiberId.none)
        assert.strictEqual(server.interrupted, 4)
        assert.strictEqual(server.inFlight, 0)
        yield* TestClock.adjust("1 hour")
        assert.lengthOf(server.requests, 5)
      })
    )

    it.effect("a stream that is left stops all that is on its way", () =>
      Effect.gen(function* () {
        const server = hundred()
        const history = Model.service(server, {
          wait: ({ offset = 0 }) => (offset === 0 ? Effect.void : Effect.never)
        })
        yield* Stream.runDrain(Stream.take(history.streamHistory({ pageSize: 10, prefetch: 3 }), 10))
        assert.strictEqual(server.inFlight, 0)
        assert.strictEqual(server.interrupted, server.requests.length - 1)
      })
    )

    it.effect("a consumer that waits is not run ahead of", () =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 1000 })
        const fiber = yield* Model.service(server)
          .streamHistoryPages({ pageSize: 10, prefetch: 4 })
          .pipe(
            Stream.runForEach(() => Effect.sleep("1 hour")),
            Effect.fork
          )
        yield* TestClock.adjust("5 hours")
        assert.isAtMost(server.requests.length, 12)
        yield* Fiber.interrupt(fiber)
      })
    )

    const broken = new ServerError({ operation: "getHistory", status: 500 })

    /** Notes for each request whether it was made ahead, and where; fails where `fails` says so. */
    const noting = (server: Model.ModelServer, fails: (ahead: boolean, offset: number) => boolean) => {
      const whole = Model.service(server)
      const asked: Array<{ readonly ahead: boolean; readonly offset: number }> = []
      const history = MessagesService.make({
        ...whole,
        getHistory: ({ limit, offset = 0 }) =>
          Effect.flatMap(Prefetching, (ahead) => {
            asked.push({ ahead, offset })
            return fails(ahead, offset) ? Effect.fail(broken) : whole.getHistory({ limit, offset })
          })
      })
      return { asked, history }
    }

    it.effect("marks the pages that are asked for ahead, and no others", () =>
      Effect.gen(function* () {
        const server = hundred()
        const { asked, history } = noting(server, () => false)
        assert.deepStrictEqual(yield* ids(history.streamHistory({ pageSize: 10, prefetch: 2 })), server.ids())
        assert.deepStrictEqual(asked[0], { ahead: false, offset: 0 })
        assert.isTrue(asked.some(({ ahead }) => ahead))
        const without = noting(hundred(), () => false)
        yield* ids(without.history.streamHistory({ pageSize: 10 }))
        assert.isFalse(without.asked.some(({ ahead }) => ahead))
        assert.isFalse(yield* Prefetching)
      })
    )

    it.effect("asks again for a page that failed ahead, and fails only if it fails then", () =>
      Effect.gen(function* () {
        const server = hundred()
        const { asked, history } = noting(server, (ahead) => ahead)
        assert.deepStrictEqual(yield* ids(history.streamHistory({ pageSize: 10, prefetch: 3 })), server.ids())
        assert.isAtLeast(asked.filter(({ ahead }) => !ahead).length, 11)
        assert.isTrue(asked.some(({ ahead }) => ahead))

        const failing = noting(hundred(), (_, offset) => offset > 50)
        const error = yield* Effect.flip(ids(failing.history.streamHistory({ pageSize: 10, prefetch: 3 })))
        assert.instanceOf(error, ServerError)
      })
    )

    it.effect("asks a dead server no more often than without", () =>
      Effect.gen(function* () {
        for (const prefetch of [0, 1, 4, 64]) {
          const { asked, history } = noting(hundred(), () => true)
          assert.instanceOf(yield* Effect.flip(ids(history.streamHistory({ prefetch }))), ServerError)
          assert.deepStrictEqual(asked, [{ ahead: false, offset: 0 }])
        }
      })
    )

    it.effect("logs nothing of pages that fail ahead", () =>
      Effect.gen(function* () {
        const lines: Array<unknown> = []
        const logger = Logger.make(({ message }) => void lines.push(message))
        const { asked, history } = noting(hundred(), (ahead) => ahead)
        yield* ids(history.streamHistory({ pageSize: 10, prefetch: 4 })).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
          Logger.withMinimumLogLevel(LogLevel.All)
        )
        assert.isTrue(asked.some(({ ahead }) => ahead))
        assert.deepStrictEqual(lines, [])
      })
    )

    it.effect("does not hang where nothing can be interrupted", () =>
      Effect.gen(function* () {
        const { history, server, hangAgain } = hanging()
        const began = server.ids()
        const rows = yield* Effect.uninterruptible(ids(history.streamHistory({ pageSize: 10, prefetch: 3 })))
        assert.deepStrictEqual(Model.audit(began, server, rows), Model.flawless)
        hangAgain()
        const some = ids(Stream.take(history.streamHistory({ pageSize: 10, prefetch: 3 }), 10))
        assert.lengthOf(yield* Effect.uninterruptible(some), 10)
      })
    )

    it.effect(
      "loses and repeats nothing over hostile lists, stopped by failures and resumed",
      () =>
        Effect.gen(function* () {
          const runs = draws(2, 15)
          const CursorText = Schema.parseJson(HistoryCursor)
          for (let seed = 1; seed <= runs; seed++) {
            for (const prefetch of [0, 1 + (seed % 4)]) {
              const { change, drawn, pageSize, server } = Model.hostile(seed)
              const random = new Pcg(seed, 99)
              const began = server.ids()
              const whole = Model.service(server, {
                between: change,
                wait: () => Effect.sleep(`${random.integer(300)} millis`)
              })
              let failures = random.integer(6)
              const history = MessagesService.make({
                ...whole,
                getHistory: (options) =>
                  Effect.suspend(() => {
                    if (failures === 0 || random.integer(6) > 0) return whole.getHistory(options)
                    failures--
                    return Effect.fail(broken)
                  })
              })
              const emitted: Array<string> = []
              let from: HistoryCursor | undefined
              let end: string | undefined
              for (let leg = 0; leg < 20 && end === undefined; leg++) {
                const walked = history.streamHistory({ pageSize, prefetch, from }).pipe(
                  Stream.runForEach((row) => Effect.sync(() => void emitted.push(row.id))),
                  Effect.either
                )
                const fiber = yield* Effect.fork(walked)
                yield* TestClock.adjust("1 hour")
                const result = yield* Fiber.join(fiber)
                if (result._tag === "Right") end = "end"
                else if (result.left._tag !== "ServerError") end = result.left._tag
                else if (result.left.cursor !== undefined) {
                  const { cursor } = result.left
                  const carried = Effect.flatMap(Schema.encode(CursorText)(cursor), Schema.decode(CursorText))
                  from = random.integer(2) === 0 ? cursor : yield* carried
                }
                if (end === undefined) {
                  assert.strictEqual(from === undefined, emitted.length === 0)
                  if (random.integer(3) === 0)
                    server.arrive(1 + random.integer(3000), random.integer(2) === 0, 9000 + leg)
                }
              }
              const flaws = Model.auditOld(began, server, emitted, end === "end")
              assert.deepStrictEqual(flaws, Model.flawless, `${JSON.stringify(drawn)} prefetch ${prefetch} ${end}`)
              assert.isAtMost(server.mostInFlight, prefetch + 1)
            }
          }
        }),
      600_000
    )
  })
})
