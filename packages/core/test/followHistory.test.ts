import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import {
  type FollowHistoryError,
  type FollowHistoryOptions,
  HistoryCursor,
  HistoryStalled,
  MessagesService,
  ServerError,
  type Service
} from "../src/index.ts"
import { draws } from "./draws.ts"
import * as Model from "./ModelServer.ts"

/** Follows in the background, and writes down what comes. The first look at the list has been taken when this returns. */
const following = (history: Service, options?: FollowHistoryOptions) =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    const fiber = yield* history.followHistory(options).pipe(
      Stream.runForEach((row) => Effect.sync(() => void seen.push(row.id))),
      Effect.fork
    )
    yield* TestClock.adjust(0)
    return {
      fiber,
      /** What came since this was asked last, after so much time. */
      after: (seconds: number) => Effect.map(TestClock.adjust(`${seconds} seconds`), () => seen.splice(0))
    }
  })

/** Changes the list a while after anything in it was new: seconds that have passed do not come back. */
const settle = TestClock.adjust("10 seconds")

/** The ids of the `count` newest rows, the oldest of them first. */
const newest = (server: Model.ModelServer, count: number) => server.ids().slice(0, count).reverse()

const failure = (exit: { readonly _tag: string } | FollowHistoryError): HistoryStalled => {
  assert.instanceOf(exit, HistoryStalled)
  return exit as HistoryStalled
}

describe("followHistory", () => {
  it.effect("emits nothing of what was there, and nothing while nothing happens", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 120 })
      const { after, fiber } = yield* following(Model.service(server))
      assert.deepStrictEqual(yield* after(60), [])
      assert.isAtMost(server.requests.length, 4 + 31)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect.each([1, 2, 99, 100, 101, 250, 2500])(
    "emits %i that arrive between two polls once, oldest first",
    (count) =>
      Effect.gen(function* () {
        const server = new Model.ModelServer({ size: 300 })
        const { after, fiber } = yield* following(Model.service(server))
        yield* settle
        server.insert(count)
        assert.deepStrictEqual(yield* after(2), newest(server, count))
        assert.deepStrictEqual(yield* after(20), [])
        yield* Fiber.interrupt(fiber)
      })
  )

  it.effect("emits what arrives over many polls, each once and in order", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 30 })
      const { after, fiber } = yield* following(Model.service(server))
      const counts = [1, 0, 3, 20, 0, 0, 150, 2, 1, 1, 700, 0, 5]
      const seen: Array<string> = []
      for (const count of counts) {
        server.insert(count)
        seen.push(...(yield* after(2)))
      }
      const total = counts.reduce((sum, count) => sum + count, 0)
      assert.deepStrictEqual(seen, newest(server, total))
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("asks every 2 seconds, by one request where little is new", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 500 })
      const { after, fiber } = yield* following(Model.service(server))
      yield* settle
      const before = server.requests.length
      yield* after(1.9)
      assert.lengthOf(server.requests, before)
      yield* after(0.1)
      assert.lengthOf(server.requests, before + 1)
      yield* after(20)
      assert.lengthOf(server.requests, before + 11)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("finds a message that stands behind known ones of its second", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 200 })
      const { after, fiber } = yield* following(Model.service(server))
      yield* settle
      const seen: Array<string> = []
      // Three messages of one second, each inserted after the last was seen: the server puts each behind the others.
      const second = server.insert().now
      seen.push(...(yield* after(2)))
      server.insert(1, second)
      assert.strictEqual(server.rows[1]?.second, second)
      seen.push(...(yield* after(2)))
      assert.deepStrictEqual(seen, ["m200", "m201"])
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is not put out by messages that are deleted", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 300, sessions: 3 })
      const { after, fiber } = yield* following(Model.service(server))
      yield* settle
      server.remove(0, 10).insert(3)
      assert.deepStrictEqual(yield* after(2), newest(server, 3))
      server.removeSession(1)
      assert.deepStrictEqual(yield* after(2), [])
      server.insert(1).remove(40, 100)
      assert.deepStrictEqual(yield* after(2), newest(server, 1))
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is not put out when the oldest that it knows is deleted", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 300 })
      const { after, fiber } = yield* following(Model.service(server))
      yield* settle
      server.remove(99).remove(98).insert(2)
      assert.deepStrictEqual(yield* after(2), newest(server, 2))
      server.remove(50, 60).insert(1)
      assert.deepStrictEqual(yield* after(2), newest(server, 1))
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("begins with an empty list", () =>
    Effect.gen(function* () {
      for (const count of [1, 99, 250]) {
        const server = new Model.ModelServer()
        const { after, fiber } = yield* following(Model.service(server))
        yield* settle
        server.insert(count)
        assert.deepStrictEqual(yield* after(2), newest(server, count))
        server.clear()
        assert.deepStrictEqual(yield* after(2), [])
        server.insert(2)
        assert.deepStrictEqual(yield* after(2), newest(server, 2))
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.effect("knows a list that was short, and is then deleted, to be new whatever comes", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 20 })
      const { after, fiber } = yield* following(Model.service(server))
      yield* settle
      server.clear().insert(4)
      assert.deepStrictEqual(yield* after(2), newest(server, 4))
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("gives up, with the place, when all that it knew is deleted and others are there", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 2000 })
      const { after, fiber } = yield* following(Model.service(server))
      yield* settle
      server.remove(0, 520)
      yield* after(2)
      const error = failure(yield* Effect.flip(Fiber.join(fiber)))
      assert.deepInclude(error, { operation: "followHistory", reason: "anchorLost" })
    })
  )

  it.effect("reads what appeared since a walk began, from the walk's cursor", () =>
    Effect.gen(function* () {
      const Text = Schema.parseJson(HistoryCursor)
      for (const [size, count] of [
        [50, 3],
        [50, 250],
        [500, 120],
        [500, 0],
        [3000, 1200]
      ] as const) {
        const server = new Model.ModelServer({ size })
        const history = Model.service(server)
        const last = Option.getOrThrow(yield* Stream.runLast(history.streamHistoryPages()))
        server.insert(count)
        const from = yield* Effect.flatMap(Schema.encode(Text)(last.cursor), Schema.decode(Text))
        const { after, fiber } = yield* following(history, { from })
        assert.deepStrictEqual(yield* after(2), newest(server, count))
        server.insert(2)
        assert.deepStrictEqual(yield* after(2), newest(server, 2))
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.effect("heeds a schedule, and ends when the schedule does", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 10 })
      const schedule = Schedule.intersect(Schedule.spaced("1 minute"), Schedule.recurs(3))
      const { after, fiber } = yield* following(Model.service(server), { schedule })
      const looked = server.requests.length
      server.insert()
      assert.deepStrictEqual(yield* after(59), [])
      assert.lengthOf(server.requests, looked)
      assert.deepStrictEqual(yield* after(1), newest(server, 1))
      server.insert()
      assert.deepStrictEqual(yield* after(60), newest(server, 1))
      server.insert()
      assert.deepStrictEqual(yield* after(60), newest(server, 1))
      server.insert()
      assert.deepStrictEqual(yield* after(600), [])
      yield* Fiber.join(fiber)
    })
  )

  it.effect("ends at once by a schedule that never recurs", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 10 })
      const rows = yield* Stream.runCollect(Model.service(server).followHistory({ schedule: Schedule.stop }))
      assert.lengthOf(Chunk.toReadonlyArray(rows), 0)
    })
  )

  it.effect("fails with a cursor, and loses and repeats nothing when it follows from there", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 200 })
      let broken = false
      const whole = Model.service(server)
      const history = MessagesService.make({
        ...whole,
        getHistory: (options) =>
          Effect.suspend(() =>
            broken ? Effect.fail(new ServerError({ operation: "getHistory", status: 500 })) : whole.getHistory(options)
          )
      })
      const first = yield* following(history)
      yield* settle
      server.insert(3)
      assert.deepStrictEqual(yield* first.after(2), newest(server, 3))
      server.insert(150)
      broken = true
      assert.deepStrictEqual(yield* first.after(2), [])
      const error = yield* Effect.flip(Fiber.join(first.fiber))
      assert.instanceOf(error, ServerError)
      assert.isDefined(error.cursor)
      broken = false
      server.insert(5)
      const second = yield* following(history, { from: error.cursor })
      assert.deepStrictEqual(yield* second.after(2), newest(server, 155))
      yield* Fiber.interrupt(second.fiber)
    })
  )

  it.effect("asks for nothing before it is run, and for nothing after it is interrupted", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 10 })
      const history = Model.service(server)
      history.followHistory()
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(server.requests, 0)
      const { after, fiber } = yield* following(history)
      yield* after(10)
      yield* Fiber.interrupt(fiber)
      const asked = server.requests.length
      assert.isAbove(asked, 0)
      yield* after(600)
      assert.lengthOf(server.requests, asked)
    })
  )

  it.effect("stops the request that is on its way when it is interrupted", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 10 })
      const { fiber } = yield* following(Model.service(server, { wait: () => Effect.never }))
      assert.strictEqual(server.inFlight, 1)
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(server, { inFlight: 0, interrupted: 1 })
    })
  )

  it.effect("emits every survivor once under random changes, or gives up", () =>
    Effect.gen(function* () {
      const scenarios = draws(6, 40)
      const runs = []
      for (let seed = 0; seed < scenarios; seed++) {
        const { change, drawn, server } = Model.scenario(seed, { ...Model.calm, clamps: [undefined], size: 300 })
        const before = new Set(server.ids())
        const seen: Array<string> = []
        const fiber = yield* Model.service(server)
          .followHistory()
          .pipe(
            Stream.runForEach((row) => Effect.sync(() => void seen.push(row.id))),
            Effect.fork
          )
        runs.push({ before, change, drawn: JSON.stringify(drawn), fiber, seen, server })
      }
      yield* settle
      for (let n = 0; n < 12; n++) {
        for (const { change, server } of runs) change(server)
        yield* TestClock.adjust("2 seconds")
      }
      let gaveUp = 0
      for (const { before, drawn, fiber, seen, server } of runs) {
        const born = newest(server, server.rows.length).filter((id) => !before.has(id))
        const alive = new Set(born)
        assert.strictEqual(new Set(seen).size, seen.length, drawn)
        assert.deepStrictEqual(
          seen.filter((id) => before.has(id)),
          [],
          drawn
        )
        if (fiber.unsafePoll() !== null) {
          gaveUp++
          assert.strictEqual(failure(yield* Effect.flip(Fiber.join(fiber))).reason, "anchorLost")
          continue
        }
        assert.deepStrictEqual(
          seen.filter((id) => alive.has(id)),
          born,
          drawn
        )
        yield* Fiber.interrupt(fiber)
      }
      assert.isBelow(gaveUp, scenarios / 8)
    })
  )
})
