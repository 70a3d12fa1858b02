import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import {
  MessagesService,
  NotFound,
  ServerError,
  type SessionEvent,
  SessionId,
  type Sessions,
  type SessionsImplementation,
  SessionsService
} from "../../src/index.ts"
import { draws } from "../draws.ts"
import { ModelBackend } from "./ModelBackend.ts"
import { exchanges, toText } from "./recorded.ts"
import * as VirtualClock from "./VirtualClock.ts"

const inTime = <A, E>(effect: Effect.Effect<A, E>) => Effect.map(VirtualClock.run([effect]), ([result]) => result as A)

const id = SessionId.make("s1")

const absent = Effect.fail(new NotFound({ operation: "getSession" }))

/** Sessions of which nothing but the events is asked. */
const over = (events: SessionsImplementation["events"], get: SessionsImplementation["get"] = () => absent): Sessions =>
  SessionsService.make(
    {
      create: () => absent,
      list: () => Effect.succeed([]),
      get,
      delete: () => Effect.void,
      cancel: () => Effect.void,
      events,
      export: () => absent,
      answerPermission: () => Effect.void
    },
    MessagesService.make({ getHistory: () => absent, listSession: () => absent, send: () => absent })
  )

const collect = (model: ModelBackend, sessions: Sessions, millis: number) =>
  Effect.gen(function* () {
    const events: Array<SessionEvent> = []
    const fiber = yield* Effect.fork(
      Stream.runForEach(sessions.events({ id: model.id }), (event) => Effect.sync(() => events.push(event)))
    )
    yield* Effect.sleep(millis)
    yield* Fiber.interrupt(fiber)
    return events
  })

const tags = (events: Iterable<SessionEvent>) => [...events].map(({ _tag }) => _tag)

const connected: SessionEvent = { _tag: "Connected" }
const piece: SessionEvent = { _tag: "Text", text: "x" }

describe("events", () => {
  it.effect("go on over drops, and say so", () =>
    Effect.gen(function* () {
      const model = new ModelBackend()
      const { sessions } = model.service()
      const events = yield* inTime(
        Effect.map(
          Effect.all(
            [
              collect(model, sessions, 10_000),
              Effect.gen(function* () {
                yield* Effect.sleep(1000)
                yield* model.broadcast("content", { content: "a" })
                yield* model.dropAll
                yield* Effect.sleep(1000)
                yield* model.broadcast("content", { content: "b" })
              })
            ],
            { concurrency: 2 }
          ),
          ([first]) => first
        )
      )
      assert.deepStrictEqual(tags(events), ["Connected", "Text", "Reconnected", "Text"])
      assert.deepStrictEqual([model.opened, model.connections.size], [2, 0])
    })
  )

  it.effect("a drop at any byte of an exchange loses nothing but what was not read", () =>
    Effect.gen(function* () {
      const exchange = exchanges.find(({ name }) => name.includes("THINK TOOL")) ?? assert.fail("no exchange")
      const text = toText(exchange.frames)
      const session = SessionId.make(exchange.session)
      const until = Stream.takeUntil<SessionEvent>(({ _tag }) => _tag === "Completed")
      const whole = yield* inTime(
        Stream.runCollect(until(over(() => Stream.concat(Stream.make(text), Stream.never)).events({ id: session })))
      )
      const step = draws(97, 3)
      const cuts = Array.from({ length: Math.floor(text.length / step) }, (_, index) => index * step)
      const results = yield* VirtualClock.run(
        cuts.map((at) => {
          let opened = 0
          const sessions = over(
            () => {
              opened++
              // A frame that was cut comes again, so that all is seen once.
              const rest = text.slice(text.lastIndexOf("\n\n", at - 2) + 2)
              return opened === 1
                ? Stream.concat(
                    Stream.make(text.slice(0, at)),
                    at % 2 === 0
                      ? Stream.empty
                      : Stream.fail(new ServerError({ operation: "sessionEvents", status: 500 }))
                  )
                : Stream.concat(Stream.make(toText(exchange.frames.slice(0, 1)), rest), Stream.never)
            },
            () => Effect.succeed({ id: session, title: "", createdAt: undefined as never })
          )
          return Effect.either(Stream.runCollect(until(sessions.events({ id: session }))))
        })
      )
      for (const [index, result] of results.entries()) {
        const at = cuts[index] as number
        const first = text.indexOf("\n\n") + 2
        // A connection that fails before it says that it is open was not opened.
        if (Either.isLeft(result)) assert.isTrue(at < first && at % 2 === 1)
        else {
          const seen = [...result.right]
          assert.deepStrictEqual(
            seen.filter(({ _tag }) => _tag !== "Reconnected"),
            [...whole]
          )
          assert.strictEqual(seen.length - [...whole].length, at < first ? 0 : 1)
        }
      }
    })
  )

  it.effect("one connection serves all who listen, and those who ask; the last one closes it", () =>
    Effect.gen(function* () {
      const model = new ModelBackend()
      const { sessions } = model.service()
      yield* inTime(
        Effect.gen(function* () {
          const readers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(collect(model, sessions, 5000)))
          yield* Effect.sleep(500)
          const late = yield* Effect.fork(collect(model, sessions, 500))
          yield* sessions.ask({ id: model.id, text: "hi" })
          assert.deepStrictEqual(tags(yield* Fiber.join(late)).slice(0, 2), ["Connected", "MessageCreated"])
          assert.strictEqual(model.connections.size, 1)
          for (const reader of readers) assert.include(tags(yield* Fiber.join(reader)), "Completed")
        })
      )
      assert.deepStrictEqual([model.opened, model.mostOpen, model.connections.size], [1, 1, 0])
    })
  )

  it.effect("an unknown session is NotFound after one connection; a known one is tried again", () =>
    Effect.gen(function* () {
      const model = new ModelBackend()
      const { sessions } = model.service()
      model.isDeleted = true
      const error = yield* inTime(Effect.flip(Stream.runDrain(sessions.events({ id: model.id }))))
      assert.deepInclude(error, { _tag: "NotFound" })
      assert.strictEqual(model.opened, 1)

      let opened = 0
      const refused = 'event: error\ndata: {"error":"Invalid session ID"}\n\n'
      const restarted = over(
        () => (opened++ < 3 ? Stream.make(refused) : Stream.concat(Stream.make(connected), Stream.never)),
        () => Effect.succeed({ id, title: "", createdAt: undefined as never })
      )
      const events = yield* inTime(Stream.runCollect(Stream.take(restarted.events({ id }), 1)))
      assert.deepStrictEqual([tags(events), opened], [["Connected"], 4])
    })
  )

  it.effect(
    "a connection that cannot be opened fails for all who listen, with its error, and the next one is new",
    () =>
      Effect.gen(function* () {
        let opened = 0
        const sessions = over(() =>
          opened++ === 0
            ? Stream.fail(new ServerError({ operation: "sessionEvents", status: 503 }))
            : Stream.concat(Stream.make(connected), Stream.never)
        )
        const listen = Effect.either(Stream.runCollect(Stream.take(sessions.events({ id }), 1)))
        const [first, second, third] = yield* inTime(
          Effect.gen(function* () {
            const [one, two] = yield* Effect.all([listen, listen], { concurrency: 2 })
            return [one, two, yield* listen] as const
          })
        )
        for (const result of [first, second])
          assert.deepInclude(Either.isLeft(result) ? result.left : undefined, { _tag: "ServerError", status: 503 })
        assert.isTrue(Either.isRight(third))
        assert.strictEqual(opened, 2)
      })
  )

  it.effect("connections that do not live are opened ever more rarely, those that do at once", () =>
    Effect.gen(function* () {
      const openings = (connection: Stream.Stream<SessionEvent>, millis: number) => {
        const at: Array<number> = []
        const sessions = over(() =>
          Stream.unwrap(
            Effect.map(Clock.currentTimeMillis, (now) => {
              at.push(now)
              return connection
            })
          )
        )
        return inTime(
          Effect.as(
            Stream.runDrain(sessions.events({ id })).pipe(Effect.raceFirst(Effect.sleep(millis)), Effect.ignore),
            at
          )
        )
      }
      const dead = yield* openings(Stream.make(connected), 600_000)
      assert.isAbove(dead.length, 600_000 / 8000)
      assert.isBelow(dead.length, 350)
      const alive = yield* openings(
        Stream.concat(Stream.make(connected), Stream.drain(Stream.fromEffect(Effect.sleep(60_000)))),
        600_000
      )
      assert.strictEqual(alive.length, 10)
      const busy = yield* openings(
        Stream.concat(Stream.make(connected, piece), Stream.drain(Stream.fromEffect(Effect.sleep(1000)))),
        60_000
      )
      assert.isAbove(busy.length, 50)
    })
  )

  it.effect("a connection is opened anew, at once, before the server ends it after ten minutes", () =>
    Effect.gen(function* () {
      const opened: Array<number> = []
      let open = 0
      const sessions = over(() =>
        Stream.unwrapScoped(
          Effect.gen(function* () {
            opened.push((yield* Clock.currentTimeMillis) / 60_000)
            yield* Effect.acquireRelease(
              Effect.sync(() => assert.strictEqual(++open, 1)),
              () => Effect.sync(() => open--)
            )
            return Stream.concat(Stream.make(connected), Stream.never)
          })
        )
      )
      const seen: Array<string> = []
      const fiber = yield* Effect.fork(
        Stream.runForEach(sessions.events({ id }), ({ _tag }) => Effect.sync(() => seen.push(_tag)))
      )
      yield* TestClock.adjust("28 minutes")
      assert.deepStrictEqual(opened, [0, 9, 18, 27])
      assert.deepStrictEqual(seen, ["Connected", "Reconnected", "Reconnected", "Reconnected"])
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(open, 0)
    })
  )

  it.effect("a slow reader alone misses pieces, and keeps the ends and the requests for a permission", () =>
    Effect.gen(function* () {
      const asked: SessionEvent = {
        _tag: "PermissionRequested",
        id: "p",
        toolName: "bash",
        description: "",
        action: "",
        path: "",
        params: {}
      }
      const many = Array.from({ length: 3000 }, (): SessionEvent => piece)
      const sessions = over(() =>
        Stream.concat(
          Stream.unwrap(
            Effect.as(
              Effect.sleep(1000),
              Stream.fromIterable<SessionEvent>([connected, ...many, asked, ...many, { _tag: "Completed" }])
            )
          ),
          Stream.never
        )
      )
      const read = (pause: number) =>
        sessions.events({ id }).pipe(
          Stream.tap(({ _tag }) => (_tag === "Connected" ? Effect.sleep(pause) : Effect.void)),
          Stream.takeUntil(({ _tag }) => _tag === "Completed"),
          Stream.runCollect
        )
      const [quick, slow] = yield* inTime(Effect.all([read(0), read(60_000)], { concurrency: 2 }))
      assert.strictEqual([...slow].filter(({ _tag }) => _tag === "PermissionRequested").length, 1)
      assert.strictEqual([...slow].filter(({ _tag }) => _tag === "Reconnected").length, 1)
      assert.isBelow([...slow].length, 1100)
      // All of it arrived in one piece, which no reader can take meanwhile.
      assert.include(tags(quick), "PermissionRequested")
    })
  )

  it.effect("a frame that is too long is a drop", () =>
    Effect.gen(function* () {
      let opened = 0
      const start = toText([{ event: "connected", data: "{}" }])
      const sessions = over(() => {
        opened++
        const pieces = opened === 1 ? Stream.repeatValue("data: ".padEnd(1024 * 1024, "x")) : Stream.never
        return Stream.concat(Stream.make(start), pieces)
      })
      const events = yield* inTime(Stream.runCollect(Stream.take(sessions.events({ id }), 2)))
      assert.deepStrictEqual([tags(events), opened], [["Connected", "Reconnected"], 2])
    })
  )

  it.effect("a defect of the implementation is told, and not swallowed", () =>
    Effect.gen(function* () {
      const exit = yield* inTime(Effect.exit(Stream.runDrain(over(() => Stream.die("defect")).events({ id }))))
      assert.include(String(exit), "defect")
    })
  )
})
