/** Following over lists whose newest second fills behind known rows, at any polling rate, stopped and resumed. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Pcg } from "../../testing/src/internal/pcg.ts"
import { HistoryCursor, MessagesService, ServerError, type Service } from "../src/index.ts"
import { draws } from "./draws.ts"
import * as Model from "./ModelServer.ts"

const CursorText = Schema.parseJson(HistoryCursor)
const carry = (cursor: HistoryCursor) =>
  Effect.flatMap(Effect.orDie(Schema.encode(CursorText)(cursor)), (text) =>
    Effect.orDie(Schema.decode(CursorText)(text))
  )

const broken = new ServerError({ operation: "getHistory", status: 500 })

/** A list whose newest second is that of the TestClock. `state.failing` makes every request fail. */
const live = (options: Model.ModelServerOptions) => {
  const server = new Model.ModelServer(options)
  const began = server.now
  const state = { failing: false }
  const whole = Model.service(server)
  const history: Service = MessagesService.make({
    ...whole,
    getHistory: (request) => Effect.suspend(() => (state.failing ? Effect.fail(broken) : whole.getHistory(request)))
  })
  /** Messages of one session arrive in the second that it is. */
  const arrive = (count: number, session: number) =>
    Effect.map(Clock.currentTimeMillis, (millis) => {
      server.now = began + Math.floor(millis / 1000)
      server.arrive(count, false, session)
    })
  return { arrive, history, server, state }
}

/** Follows into `seen`. */
const follow = (history: Service, seen: Array<string>, millis: number, from?: HistoryCursor) =>
  history.followHistory({ schedule: Schedule.spaced(`${millis} millis`), from }).pipe(
    Stream.runForEach((row) => Effect.sync(() => void seen.push(row.id))),
    Effect.fork
  )

/** Each row that was born and is alive came once, nothing old came, and seconds are in order. */
const check = (server: Model.ModelServer, old: ReadonlySet<string>, seen: ReadonlyArray<string>, message: string) => {
  assert.strictEqual(new Set(seen).size, seen.length, `repeated: ${message}`)
  assert.deepStrictEqual(
    seen.filter((id) => old.has(id)),
    [],
    `old: ${message}`
  )
  const came = new Set(seen)
  const missed = server.ids().filter((id) => !old.has(id) && !came.has(id))
  assert.deepStrictEqual(missed, [], `missed: ${message}`)
  let second = 0
  for (const id of seen) {
    const row = server.all.get(id) as Model.ModelMessage
    assert.isAtLeast(row.second, second, `order: ${message}`)
    second = row.second
  }
}

const runs = draws(2, 30)

describe("followHistory under drift", () => {
  it.effect.each([200, 400, 1200, 3000])("%i messages behind a known one of their second come once", (count) =>
    Effect.gen(function* () {
      for (const millis of draws([300], [50, 300, 700, 2000, 10_000])) {
        const { arrive, history, server } = live({ size: 300 })
        const old = new Set(server.ids())
        const seen: Array<string> = []
        const fiber = yield* follow(history, seen, millis)
        yield* TestClock.adjust(`${2 * millis + 3000} millis`)
        yield* arrive(1, 1)
        yield* TestClock.adjust(`${millis % 900} millis`)
        yield* arrive(count, 2)
        yield* TestClock.adjust("60 millis")
        yield* arrive(3, 3)
        yield* TestClock.adjust(`${2 * millis + 3000} millis`)
        check(server, old, seen, `every ${millis} ms`)
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.effect("emits each message once over hostile lists, through failures and cursors", () =>
    Effect.gen(function* () {
      let stalled = 0
      for (let seed = 1; seed <= runs; seed++) {
        const random = new Pcg(seed, 0x1f3)
        const below = (n: number) => random.integer(n)
        const size = [0, 1, below(50), below(1500)][below(4)] as number
        const perSecond = [1, 5, Math.max(1, size)][below(3)] as number
        const millis = [50, 200, 900, 2000, 10_000][below(5)] as number
        const { arrive, history, server, state } = live({ size, perSecond, sessions: 5 })
        const old = new Set(server.ids())
        const seen: Array<string> = []
        const message = JSON.stringify({ seed, size, perSecond, millis })
        let from: HistoryCursor | undefined = below(2) === 0 ? undefined : yield* carry(yield* current(history))
        let fiber = yield* follow(history, seen, millis, from)
        yield* TestClock.adjust("5 seconds")
        let ended = false
        for (let n = 0; n < 12 && !ended; n++) {
          if (below(3) > 0) yield* arrive(below(4) === 0 ? 200 + below(2800) : 1 + below(4), 100 + n)
          if (below(6) === 0) server.removeSession(100 + below(n + 1))
          if (below(6) === 0) server.remove(below(Math.max(1, server.rows.length)), 1 + below(3))
          yield* TestClock.adjust(`${below(2 * millis)} millis`)
          if (below(4) > 0) continue
          state.failing = true
          yield* TestClock.adjust(`${2 * millis + 100} millis`)
          const error = yield* Effect.flip(Fiber.join(fiber))
          state.failing = false
          if (error._tag === "HistoryStalled") ended = true
          else {
            const cursor = error.cursor as HistoryCursor
            assert.isDefined(cursor, message)
            from = below(2) === 0 ? cursor : yield* carry(cursor)
            if (below(2) === 0) yield* arrive(1 + below(300), 200 + n)
            fiber = yield* follow(history, seen, millis, from)
          }
        }
        yield* TestClock.adjust(`${2 * millis + 3000} millis`)
        if (ended || fiber.unsafePoll() !== null) stalled++
        else check(server, old, seen, message)
        yield* Fiber.interrupt(fiber)
      }
      assert.isAtMost(stalled, runs / 20, "stalled")
    })
  )

  /** Marks the present, which may take two seconds. */
  const current = (history: Service) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(history.currentCursor())
      yield* TestClock.adjust("10 seconds")
      return yield* Fiber.join(fiber)
    })

  it.effect("mark, export, follow: no gap, and nothing old again", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= runs; seed++) {
        const random = new Pcg(seed, 0x77)
        const below = (n: number) => random.integer(n)
        const size = [0, 1, 30, 1100, 2500][below(5)] as number
        const oneSecond = below(2) === 0
        const { arrive, server } = live({ size, perSecond: oneSecond ? Math.max(1, size) : 3 })
        let session = 1
        let arriving = true
        // Every answer takes a while, and sometimes messages arrive meanwhile.
        const wait = () =>
          Effect.zipRight(
            Effect.sleep(`${below(400)} millis`),
            Effect.suspend(() =>
              arriving && below(3) === 0 ? arrive(1 + below(below(4) === 0 ? 500 : 3), session++) : Effect.void
            )
          )
        /** Runs to the end and no further, so that what comes next is in the same second. */
        const finish = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(effect)
            while (fiber.unsafePoll() === null) yield* TestClock.adjust("50 millis")
            return yield* Fiber.join(fiber)
          })
        const history = Model.service(server, { wait })
        const before = new Set(server.ids())
        const message = JSON.stringify({ seed, size, oneSecond })
        const from = yield* carry(yield* finish(history.currentCursor()))
        const marked = new Set(server.ids())
        const exported = new Set<string>()
        yield* finish(Stream.runForEach(history.streamHistory(), (row) => Effect.sync(() => void exported.add(row.id))))
        yield* arrive(below(300), session++)
        const seen: Array<string> = []
        const fiber = yield* follow(history, seen, 500, from)
        yield* TestClock.adjust("8 seconds")
        arriving = false
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.interrupt(fiber)
        const shown = new Set(seen)
        const gap = server.ids().filter((id) => !exported.has(id) && !shown.has(id))
        assert.deepStrictEqual(gap, [], `neither exported nor followed: ${message}`)
        // What arrived while the mark was being taken may count as old. What arrived after it must be followed.
        const later = new Set(server.ids().filter((id) => !marked.has(id)))
        assert.isTrue(
          [...later].every((id) => shown.has(id)),
          `arrived after the mark, and not followed: ${message}`
        )
        assert.strictEqual(shown.size, seen.length, `repeated: ${message}`)
        assert.isFalse(
          seen.some((id) => before.has(id)),
          `old: ${message}`
        )
        const seconds = seen.map((id) => (server.all.get(id) as Model.ModelMessage).second)
        assert.isTrue(
          seconds.every((second, n) => n === 0 || second >= (seconds[n - 1] as number)),
          `order: ${message}`
        )
      }
    })
  )

  it.effect("marks a list that lies in one second, and misses nothing that arrives in it", () =>
    Effect.gen(function* () {
      for (const size of [0, 1, 3, 150, 2500]) {
        const { arrive, history, server } = live({ size, perSecond: Math.max(1, size) })
        const old = new Set(server.ids())
        const from = yield* history.currentCursor()
        yield* arrive(700, 1)
        const seen: Array<string> = []
        const fiber = yield* follow(history, seen, 500, yield* carry(from))
        yield* TestClock.adjust("300 millis")
        yield* arrive(5, 2)
        yield* TestClock.adjust("10 seconds")
        check(server, old, seen, `${size} rows`)
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.effect("has no cursor after an error of the first look, and follows from nothing then", () =>
    Effect.gen(function* () {
      const { arrive, history, server, state } = live({ size: 50 })
      state.failing = true
      const failed = yield* follow(history, [], 500)
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(failed))
      assert.isUndefined(error.cursor)
      const walkError = yield* Effect.flip(Stream.runDrain(history.streamHistory()))
      assert.isUndefined(walkError.cursor)
      state.failing = false
      const old = new Set(server.ids())
      const seen: Array<string> = []
      const fiber = yield* follow(history, seen, 500, error.cursor)
      yield* TestClock.adjust("5 seconds")
      yield* arrive(250, 1)
      yield* TestClock.adjust("5 seconds")
      check(server, old, seen, "after an error of the first look")
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("goes by the monotonic clock, whatever the wall clock says", () =>
    Effect.gen(function* () {
      const { arrive, history, server } = live({ size: 20 })
      const clock = yield* Effect.clock
      let jump = 0
      const jumping: Clock.Clock = {
        ...clock,
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        sleep: (duration) => clock.sleep(duration),
        unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
        currentTimeNanos: clock.currentTimeNanos,
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + jump,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (millis) => millis + jump)
      }
      const old = new Set(server.ids())
      const seen: Array<string> = []
      const fiber = yield* Effect.withClock(follow(history, seen, 200), jumping)
      yield* TestClock.adjust("5 seconds")
      for (const hours of [3, -50, 1, -1]) {
        yield* arrive(1, 1)
        yield* TestClock.adjust("250 millis")
        jump += hours * 3_600_000
        yield* arrive(300, 2)
        yield* TestClock.adjust("3 seconds")
      }
      check(server, old, seen, "a wall clock that jumps")
      yield* Fiber.interrupt(fiber)
    })
  )

  // `streamHistory` of such a page is in the fault table of packages/node.
  it.effect("reads 130,000 messages in one page", () =>
    Effect.gen(function* () {
      const server = new Model.ModelServer({ size: 130_000, ignoresLimit: true })
      const history = Model.service(server)
      const from = yield* current(history)
      server.insert(3)
      const seen: Array<string> = []
      const fiber = yield* follow(history, seen, 5000, from)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(seen, 3)
      yield* Fiber.interrupt(fiber)
    })
  )
})
