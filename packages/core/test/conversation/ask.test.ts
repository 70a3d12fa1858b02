import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import {
  type AskError,
  MessageId,
  NotFound,
  ReplyPending,
  RetryDelay,
  type SessionEvent,
  SessionId,
  Unauthorized
} from "../../src/index.ts"
import { draws } from "../draws.ts"
import { generations, ModelBackend, type Script } from "./ModelBackend.ts"
import { audit, type Scenario, scenario } from "./simulate.ts"
import * as VirtualClock from "./VirtualClock.ts"

const text = "What is it?"

const withTool = (millis: number, more: Partial<Script> & { readonly permission?: boolean } = {}): Script => ({
  turns: [
    { text: "Let me check.", tools: [{ name: "bash", millis, permission: more.permission ?? false }] },
    { text: "It is 42." }
  ],
  ...more
})

/** One effect in a time of its own. */
const inTime = <A, E>(effect: Effect.Effect<A, E>) => Effect.map(VirtualClock.run([effect]), ([result]) => result as A)

/** A backend that plays one script, and its services. */
const start = (options: ConstructorParameters<typeof ModelBackend>[0]) => {
  const model = new ModelBackend(options)
  return { model, ...model.service() }
}

/** What was logged as a warning. */
const warnings = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (LogLevel.greaterThanEqual(logLevel, LogLevel.Warning)) lines.push(String(message))
  })
  return { lines, layer: Logger.replace(Logger.defaultLogger, logger) }
}

const failure = <A>(effect: Effect.Effect<A, AskError>) =>
  Effect.map(Effect.either(effect), (outcome) => (Either.isLeft(outcome) ? outcome.left : assert.fail("it succeeded")))

describe("ask", () => {
  it.effect("whatever happens, the answer is exactly the turn, and it is sent once", () =>
    Effect.gen(function* () {
      const count = draws(25, 2000)
      const size = draws(25, 500)
      const tags: Record<string, number> = {}
      const wrong: Array<string> = []
      for (let from = 0; from < count; from += size) {
        const scenarios = Array.from({ length: size }, (_, index) => scenario(from + index))
        const outcomes = yield* VirtualClock.run(
          scenarios.map(({ besides, model }, index) =>
            Effect.gen(function* () {
              const aside = yield* Effect.fork(besides)
              yield* Effect.yieldNow()
              const { sessions } = model.service()
              const outcome = yield* Effect.either(sessions.ask({ id: model.id, text }, { timeout: "1 minute" }))
              yield* Fiber.interrupt(aside)
              return outcome
            }).pipe(Effect.withRandom(Random.make(from + index)), Logger.withMinimumLogLevel(LogLevel.None))
          )
        )
        for (const [index, outcome] of outcomes.entries()) {
          const { description, model } = scenarios[index] as Scenario
          const fault = audit(model, outcome)
          if (fault !== undefined) wrong.push(`${fault}: ${description}`)
          const tag = Either.isRight(outcome) ? "Answer" : outcome.left._tag
          tags[tag] = (tags[tag] ?? 0) + 1
        }
      }
      assert.deepStrictEqual(wrong.slice(0, 3), [])
      assert.isAbove(tags.Answer ?? 0, count / 3)
      assert.isAbove(tags.AgentFailed ?? 0, count / 10)
    })
  )

  for (const generation of generations)
    it.effect(`gives the whole turn of ${generation}`, () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ generation, scripts: [withTool(3000)] })
        const answer = yield* inTime(sessions.ask({ id: model.id, text }))
        assert.deepStrictEqual(answer.messages as unknown, model.expected?.messages)
        assert.deepStrictEqual(
          [answer.text, answer.finishReason, answer.messages.length, model.sent.length],
          ["It is 42.", "end_turn", 4, 1]
        )
        assert.strictEqual(model.connections.size, 0)
      })
    )

  it.effect("is there within one list and 5 ms after `complete`", () =>
    Effect.gen(function* () {
      for (const generation of generations) {
        const { model, sessions } = start({ generation, scripts: [withTool(7000)] })
        let endedAt = 0
        model.onEnd = Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.sync(() => {
            endedAt = now
            // From now on a request takes 200 ms.
            model.fixedLatency = 100
          })
        )
        const answeredAt = yield* inTime(Effect.zipRight(sessions.ask({ id: model.id, text }), Clock.currentTimeMillis))
        assert.isAbove(endedAt, 7000)
        assert.isAtMost(answeredAt - endedAt, 205, generation)
      }
    })
  )

  it.effect("costs at most one export every two seconds while events come", () =>
    Effect.gen(function* () {
      const { model, sessions } = start({ scripts: [withTool(120_000)] })
      const answer = yield* inTime(sessions.ask({ id: model.id, text }))
      assert.strictEqual(answer.text, "It is 42.")
      const exports = model.requests.filter((request) => request === "exportSession").length
      assert.isAtMost(exports, 60)
      assert.isAtLeast(exports, 20)
      assert.strictEqual(model.requests.filter((request) => request === "listSession").length, 2)
      assert.strictEqual(model.opened, 1)
    })
  )

  it.effect("an empty answer is an answer, and a cut one says so", () =>
    Effect.gen(function* () {
      const { model, sessions } = start({
        scripts: [{ turns: [{ text: "" }] }, { turns: [{ text: "cut of" }], end: "max_tokens" }]
      })
      const [empty, cut] = yield* inTime(
        Effect.all([sessions.ask({ id: model.id, text: "one" }), sessions.ask({ id: model.id, text: "two" })])
      )
      assert.deepStrictEqual([empty.text, empty.finishReason, empty.messages.length], ["", "end_turn", 2])
      assert.deepStrictEqual([cut.text, cut.finishReason, cut.messages.length], ["cut of", "max_tokens", 2])
    })
  )

  it.effect("the reply to a command, or of a server without a model, is the whole answer", () =>
    Effect.gen(function* () {
      for (const reply of ["cmd-help", "system-auth-prompt"]) {
        const { model, sessions } = start({ generation: "2025-09-25" })
        model.reply = {
          id: MessageId.make(reply),
          sessionId: SessionId.make(""),
          role: "assistant",
          userInput: "/help",
          assistantResponse: "{}"
        }
        const answer = yield* inTime(sessions.ask({ id: model.id, text: "/help" }))
        assert.deepStrictEqual(answer, { text: "{}", messages: [model.reply] })
        assert.notInclude(model.requests, "exportSession")
        // By the plain route, on the server of Sept 25, too.
        assert.notInclude(model.requests, "streamRoute")
      }
    })
  )

  it.effect("the server of Sept 25 is known by its route, and is given no text for its shell", () =>
    Effect.gen(function* () {
      const seed = start({ generation: "2025-09-25" })
      const error = yield* inTime(failure(seed.sessions.ask({ id: seed.model.id, text: " !rm -rf /" })))
      assert.deepInclude(error, { _tag: "InvalidRequest", parameter: "text", outcome: "notSent", operation: "ask" })
      assert.strictEqual(seed.model.sent.length, 0)
      yield* inTime(seed.sessions.ask({ id: seed.model.id, text }))
      assert.include(seed.model.requests, "sendThroughStream")

      const later = start({ generation: "2026-02" })
      yield* inTime(
        Effect.all([
          later.sessions.ask({ id: later.model.id, text: "!ls" }),
          later.sessions.ask({ id: later.model.id, text })
        ])
      )
      assert.strictEqual(later.model.requests.filter((request) => request === "streamRoute").length, 1)
    })
  )

  it.effect("one at a time in a session, side by side in several", () =>
    Effect.gen(function* () {
      const { model, sessions } = start({ scripts: [withTool(3000)] })
      const answers = yield* inTime(
        Effect.forEach(["one", "two", "three"], (each) => sessions.ask({ id: model.id, text: each }), {
          concurrency: "unbounded"
        })
      )
      assert.deepStrictEqual(
        answers.map((answer) => answer.messages[0].userInput),
        ["one", "two", "three"]
      )
      assert.strictEqual(model.mostRunning, 1)
    })
  )

  describe("interrupted", () => {
    const interruptAfter = (
      options: ConstructorParameters<typeof ModelBackend>[0],
      millis: number,
      how: { readonly onInterrupt?: "cancel" | "leave" } = {}
    ) => {
      const { model, sessions } = start(options)
      return inTime(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(sessions.ask({ id: model.id, text }, how))
          yield* Effect.sleep(millis)
          const before = yield* Clock.currentTimeMillis
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          const took = (yield* Clock.currentTimeMillis) - before
          yield* Effect.sleep(10_000)
          return { model, took, exit }
        })
      )
    }

    it.effect("before the send: nothing is sent, nothing cancelled", () =>
      Effect.gen(function* () {
        for (const millis of [0, 50, 150, 250]) {
          const { exit, model, took } = yield* interruptAfter({ faults: { slow: 1 } }, millis)
          assert.isTrue(Exit.isInterrupted(exit))
          assert.deepStrictEqual([model.sent.length, model.cancels.length, took, model.connections.size], [0, 0, 0, 0])
        }
      })
    )

    it.effect("while another asks: nothing is sent", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(3000)] })
        yield* inTime(
          Effect.gen(function* () {
            const first = yield* Effect.fork(sessions.ask({ id: model.id, text: "first" }))
            yield* Effect.sleep(1000)
            const second = yield* Effect.fork(sessions.ask({ id: model.id, text: "second" }))
            yield* Effect.sleep(1000)
            yield* Fiber.interrupt(second)
            assert.strictEqual((yield* Fiber.join(first)).text, "It is 42.")
          })
        )
        assert.deepStrictEqual(
          model.sent.map((request) => request.text),
          ["first"]
        )
        assert.strictEqual(model.cancels.length, 0)
      })
    )

    it.effect("while others ask: they come in turn without it", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(3000)] })
        yield* inTime(
          Effect.gen(function* () {
            const ask = (each: string) => Effect.fork(sessions.ask({ id: model.id, text: each }))
            const first = yield* ask("first")
            yield* Effect.sleep(1000)
            const second = yield* ask("second")
            const third = yield* ask("third")
            yield* Effect.sleep(1000)
            yield* Fiber.interrupt(second)
            yield* Effect.forEach([first, third], Fiber.join)
          })
        )
        assert.deepStrictEqual(
          model.sent.map((request) => request.text),
          ["first", "third"]
        )
        assert.strictEqual(model.mostRunning, 1)
      })
    )

    it.effect("while it runs: the run is cancelled, on every generation", () =>
      Effect.gen(function* () {
        for (const generation of generations) {
          const { exit, model, took } = yield* interruptAfter({ generation, scripts: [withTool(60_000)] }, 2500)
          assert.isTrue(Exit.isInterrupted(exit))
          assert.deepStrictEqual([model.cancels, model.own?.state], [[text], "failed"], generation)
          assert.isAtMost(took, 500)
        }
      })
    )

    it.effect("while the message is on its way: the cancel waits for it", () =>
      Effect.gen(function* () {
        const { model, took } = yield* interruptAfter({ scripts: [withTool(60_000)], faults: { post: "slow" } }, 2000)
        assert.deepStrictEqual([model.cancels, model.own?.state], [[text], "failed"])
        assert.isAtMost(took, 3000)
      })
    )

    it.effect("while the message does not show up: no run is cancelled, whoever runs then", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ faults: { post: "neverArrived" } })
        yield* inTime(
          Effect.gen(function* () {
            yield* model.start("somebody else", withTool(60_000))
            const fiber = yield* Effect.fork(sessions.ask({ id: model.id, text }))
            yield* Effect.sleep(1000)
            yield* Fiber.interrupt(fiber)
          })
        )
        assert.deepStrictEqual([model.sent.length, model.cancels.length], [1, 0])
      })
    )

    it.effect("while the send waits to be made again: at once, and nothing is sent or cancelled", () =>
      Effect.gen(function* () {
        const model = new ModelBackend()
        let posts = 0
        // As a transport that retries: nothing arrived, and the next attempt is due in a second.
        const { sessions } = model.service((_) =>
          Effect.gen(function* () {
            const tell = yield* RetryDelay
            posts++
            tell(true)
            yield* Effect.sleep(1000)
            tell(false)
            posts++
            return yield* new ReplyPending({ operation: "send" })
          })
        )
        const took = yield* inTime(
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(sessions.ask({ id: model.id, text }))
            yield* Effect.sleep(500)
            const before = yield* Clock.currentTimeMillis
            yield* Fiber.interrupt(fiber)
            const after = yield* Clock.currentTimeMillis
            yield* Effect.sleep(10_000)
            return after - before
          })
        )
        assert.deepStrictEqual([took, posts, model.cancels.length], [0, 1, 0])
        // And where its time is up meanwhile, it was not sent.
        const error = yield* inTime(failure(sessions.ask({ id: model.id, text }, { timeout: 500 })))
        assert.deepInclude(error, { _tag: "AnswerTimeout", outcome: "notSent" })
      })
    )

    it.effect("while it runs: it is cancelled, unless told to leave it", () =>
      Effect.gen(function* () {
        const told = yield* interruptAfter({ scripts: [withTool(5000)] }, 1000, { onInterrupt: "cancel" })
        assert.deepStrictEqual([told.model.cancels, told.model.own?.state], [[text], "failed"])
        const { model } = yield* interruptAfter({ scripts: [withTool(5000)] }, 1000, { onInterrupt: "leave" })
        assert.deepStrictEqual([model.cancels.length, model.own?.state], [0, "done"])
      })
    )

    it.effect("when the run is over: nothing is cancelled, whoever runs then", () =>
      Effect.gen(function* () {
        // The run ends after less than a second; its end is not heard of, and the next poll is far away.
        const { model, sessions } = start({ scripts: [{ turns: [{ text: "Short." }] }], faults: { lost: 1 } })
        yield* inTime(
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(sessions.ask({ id: model.id, text }))
            yield* Effect.sleep(1500)
            assert.strictEqual(model.own?.state, "done")
            yield* model.start("somebody else", withTool(60_000))
            yield* Effect.sleep(100)
            yield* Fiber.interrupt(fiber)
          })
        )
        assert.strictEqual(model.cancels.length, 0)
      })
    )

    it.effect("a server that does not answer holds it up for 5 seconds, and the next ask waits for it", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(60_000), { turns: [{ text: "Next." }] }] })
        model.cancelNever = true
        const [took, next] = yield* inTime(
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(sessions.ask({ id: model.id, text }))
            yield* Effect.sleep(1000)
            const before = yield* Clock.currentTimeMillis
            const second = yield* Effect.fork(sessions.ask({ id: model.id, text: "next" }))
            const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* Effect.sleep(4900)
            assert.strictEqual(model.sent.length, 1)
            yield* Fiber.join(interruption)
            const after = yield* Clock.currentTimeMillis
            return [after - before, yield* Fiber.join(second)] as const
          })
        )
        assert.isAtMost(took, 5000)
        assert.strictEqual(next.text, "Next.")
      })
    )
  })

  describe("fails", () => {
    it.effect("with what the server said first, and the next ask is another matter", () =>
      Effect.gen(function* () {
        for (const generation of generations) {
          const { model, sessions } = start({
            generation,
            scripts: [{ turns: [{ text: "half an" }], end: "failure" }, withTool(100)]
          })
          const [error, answer] = yield* inTime(
            Effect.all([failure(sessions.ask({ id: model.id, text })), sessions.ask({ id: model.id, text: "again" })])
          )
          assert.deepInclude(error, { _tag: "AgentFailed", reason: "failed", outcome: "accepted" })
          assert.strictEqual(error._tag === "AgentFailed" && error.detail, "failed to process events: 500")
          assert.strictEqual(error._tag === "AgentFailed" && error.messages.length, 2)
          assert.include(error.message, "failed to process events: 500")
          assert.strictEqual(answer.text, "It is 42.")
        }
      })
    )

    it.effect("when somebody cancels the run, and says what it knows of the reason", () =>
      Effect.gen(function* () {
        const told = start({ scripts: [withTool(60_000)] })
        const cancelled = yield* inTime(
          Effect.map(
            Effect.all(
              [
                failure(told.sessions.ask({ id: told.model.id, text })),
                Effect.zipRight(Effect.sleep(1000), told.sessions.cancel({ id: told.model.id }))
              ],
              { concurrency: 2 }
            ),
            ([first]) => first
          )
        )
        assert.deepInclude(cancelled, { _tag: "AgentFailed", reason: "cancelled" })
        const deaf = start({ scripts: [{ turns: [{ text: "half an" }], end: "failure" }], faults: { lost: 1 } })
        const unknown = yield* inTime(failure(deaf.sessions.ask({ id: deaf.model.id, text })))
        assert.deepInclude(unknown, { _tag: "AgentFailed", reason: "unknown" })
      })
    )

    it.effect("when the session is deleted meanwhile: NotFound, accepted", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(60_000)] })
        const error = yield* inTime(
          Effect.map(
            Effect.all(
              [
                failure(sessions.ask({ id: model.id, text })),
                Effect.zipRight(Effect.sleep(1000), sessions.delete({ id: model.id }))
              ],
              { concurrency: 2 }
            ),
            ([first]) => first
          )
        )
        assert.deepInclude(error, { _tag: "NotFound", outcome: "accepted" })
        assert.strictEqual(model.cancels.length, 0)
      })
    )

    it.effect("when the session does not exist: NotFound, not sent, after one connection", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({})
        model.isDeleted = true
        const error = yield* inTime(failure(sessions.ask({ id: model.id, text })))
        assert.deepInclude(error, { _tag: "NotFound", outcome: "notSent" })
        assert.deepStrictEqual([model.sent.length, model.opened], [0, 1])
      })
    )

    it.effect("when the server refuses the message, at once", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({})
        model.refusal = new Unauthorized({ operation: "send" })
        const error = yield* inTime(failure(sessions.ask({ id: model.id, text })))
        assert.deepInclude(error, { _tag: "Unauthorized", outcome: "refused" })
        assert.notInclude(model.requests, "exportSession")
      })
    )

    it.effect("when nothing tells whether the message arrived, and it does not show up", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ faults: { post: "neverArrived" } })
        const [error, at] = yield* inTime(
          Effect.zip(failure(sessions.ask({ id: model.id, text })), Clock.currentTimeMillis)
        )
        assert.deepInclude(error, { _tag: "ConnectionError", outcome: "unknown" })
        assert.isAtMost(at, 8000)
        assert.strictEqual(model.sent.length, 1)
      })
    )

    it.effect("when its time is up, and leaves the run alone", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(60_000)] })
        const [error, at] = yield* inTime(
          Effect.zip(failure(sessions.ask({ id: model.id, text }, { timeout: "10 seconds" })), Clock.currentTimeMillis)
        )
        assert.deepInclude(error, { _tag: "AnswerTimeout", outcome: "accepted", eventsMissed: false })
        assert.deepStrictEqual([at, model.cancels.length, model.own?.state], [10_000, 0, "running"])
        const early = start({ faults: { slow: 1 } })
        const unsent = yield* inTime(failure(early.sessions.ask({ id: early.model.id, text }, { timeout: "1 second" })))
        assert.deepInclude(unsent, { _tag: "AnswerTimeout", outcome: "notSent" })
        assert.strictEqual(early.model.sent.length, 0)
      })
    )

    it.effect("when nothing follows a 202: its time is up, and it is not sent again", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ faults: { post: "swallowed" } })
        const [error, at] = yield* inTime(
          Effect.zip(failure(sessions.ask({ id: model.id, text })), Clock.currentTimeMillis)
        )
        assert.deepInclude(error, { _tag: "AnswerTimeout", outcome: "accepted" })
        assert.deepStrictEqual([at, model.sent.length, model.cancels.length], [15 * 60_000, 1, 0])
        // Its stream was opened anew once in that time, before the server would have ended it.
        assert.strictEqual(model.opened, 2)
      })
    )

    it.effect("when the server restarts: its time is up, and events were missed", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(60_000), { turns: [{ text: "Next." }] }] })
        const [error, next] = yield* inTime(
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(failure(sessions.ask({ id: model.id, text }, { timeout: "1 minute" })))
            yield* Effect.sleep(1000)
            yield* model.restart(5000)
            return [yield* Fiber.join(fiber), yield* sessions.ask({ id: model.id, text: "next" })] as const
          })
        )
        assert.deepInclude(error, { _tag: "AnswerTimeout", outcome: "accepted", eventsMissed: true })
        assert.include(error.message, "permission")
        assert.deepStrictEqual([next.text, next.messages.length], ["Next.", 2])
      })
    )
  })

  it.effect("what the server says of a failure goes through the implementation's scrubber", () =>
    Effect.gen(function* () {
      const { model, sessions } = start({ scripts: [{ turns: [{ text: "half an" }], end: "failure" }] })
      model.scrub = (said, message) => `${message.length} ${said.replace("500", "***")}`
      const error = yield* inTime(failure(sessions.ask({ id: model.id, text })))
      assert.strictEqual(error._tag === "AgentFailed" && error.detail, "11 failed to process events: ***")
    })
  )

  describe("asked for a permission", () => {
    it.effect("asks once for each request, and goes on reading meanwhile", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(100, { permission: true })], faults: { doubled: 1 } })
        const asked: Array<string> = []
        const answer = yield* inTime(
          sessions.ask(
            { id: model.id, text },
            {
              onPermission: ({ id, toolName }) =>
                Effect.as(
                  Effect.zipRight(
                    Effect.sync(() => asked.push(`${toolName} ${id}`)),
                    Effect.sleep(20_000)
                  ),
                  "grant"
                )
            }
          )
        )
        assert.strictEqual(answer.text, "It is 42.")
        assert.strictEqual(asked.length, 1)
        assert.deepStrictEqual(model.permissions, [`${asked[0]?.slice("bash ".length)} grant`])
      })
    )

    it.effect("answers as often as it takes", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(100, { permission: true })] })
        model.deafUntil = 120_000
        const answer = yield* inTime(
          sessions.ask({ id: model.id, text }, { onPermission: () => Effect.succeed("grant") })
        )
        assert.strictEqual(answer.text, "It is 42.")
        assert.strictEqual(new Set(model.permissions).size, 1)
        assert.isBelow(model.permissions.length, 12)
      })
    )

    it.effect("denies without a handler, says so once in the log, and in the error", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(100, { permission: true })], faults: { doubled: 1 } })
        const { layer, lines } = warnings()
        const error = yield* inTime(failure(sessions.ask({ id: model.id, text })).pipe(Effect.provide(layer)))
        assert.deepInclude(error, { _tag: "AgentFailed", reason: "permissionDenied" })
        assert.include(error.message, "bash")
        assert.include(error.message, "onPermission")
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], "bash")
        assert.strictEqual(model.permissions.length, 1)
      })
    )

    it.effect("a handler that fails, or answers something else, denies", () =>
      Effect.gen(function* () {
        for (const onPermission of [
          () => Effect.die("defect"),
          () => Effect.interrupt,
          () => {
            throw new Error("thrown")
          },
          () => Effect.fail("failure") as never,
          () => Effect.succeed("yes" as never)
        ]) {
          const { model, sessions } = start({ scripts: [withTool(100, { permission: true })] })
          const { layer } = warnings()
          const error = yield* inTime(
            failure(sessions.ask({ id: model.id, text }, { onPermission })).pipe(Effect.provide(layer))
          )
          assert.deepInclude(error, { _tag: "AgentFailed", reason: "permissionDenied" })
          assert.include(model.permissions[0], "deny")
        }
      })
    )
  })

  it.effect("with callbacks, waits for `complete` as long as events come", () =>
    Effect.gen(function* () {
      const script: Script = {
        turns: [
          { text: "Let me check.", tools: [{ name: "bash", millis: 100, callback: true }] },
          { text: "For now." }
        ],
        callback: { millis: 8000, text: "After the callback." }
      }
      for (const millis of [8000, 300_000]) {
        const whole = start({ scripts: [{ ...script, callback: { millis, text: "After the callback." } }] })
        const answer = yield* inTime(whole.sessions.ask({ id: whole.model.id, text }))
        assert.strictEqual(answer.text, "After the callback.")
        assert.deepStrictEqual(answer.messages as unknown, whole.model.expected?.messages)
      }
      // Nobody can tell whether more follows once an event may have been missed.
      const cut = start({ scripts: [script] })
      const part = yield* inTime(
        Effect.map(
          Effect.all(
            [cut.sessions.ask({ id: cut.model.id, text }), Effect.zipRight(Effect.sleep(1000), cut.model.dropAll)],
            { concurrency: 2 }
          ),
          ([first]) => first
        )
      )
      assert.strictEqual(part.text, "For now.")
      // If `complete` is lost without a sign, the next opening of the stream is one.
      const lost = start({
        scripts: [{ ...script, callback: { millis: 100, text: "After the callback." } }],
        faults: { lost: 1 }
      })
      const [late, at] = yield* inTime(
        Effect.zip(lost.sessions.ask({ id: lost.model.id, text }), Clock.currentTimeMillis)
      )
      assert.strictEqual(late.text, "For now.")
      assert.isAtLeast(at, 540_000)
      // Whoever does not wait so long is told that the run goes on.
      const soon = start({ scripts: [script], faults: { lost: 1 } })
      const error = yield* inTime(failure(soon.sessions.ask({ id: soon.model.id, text }, { timeout: "2 minutes" })))
      assert.deepInclude(error, { _tag: "AnswerTimeout", outcome: "accepted" })
    })
  )

  describe("askStream", () => {
    it.effect("gives the turn's events and ends with the answer", () =>
      Effect.gen(function* () {
        for (const generation of generations) {
          const { model, sessions } = start({ generation, scripts: [withTool(100)] })
          const elements = [...(yield* inTime(Stream.runCollect(sessions.askStream({ id: model.id, text }))))]
          const last = elements.at(-1)
          assert.strictEqual(last?._tag === "Answered" && last.answer.text, "It is 42.")
          const events = elements.slice(0, -1) as ReadonlyArray<SessionEvent>
          const streamed = events.flatMap((event) => (event._tag === "Text" ? [event.text] : [])).join("")
          assert.strictEqual(streamed, "Let me check.It is 42.", generation)
          const calls = events.flatMap((event) => (event._tag === "ToolCall" ? [event.status] : []))
          assert.deepStrictEqual([calls[0], calls.at(-1)], ["writing", "completed"])
          assert.notInclude(
            events.map(({ _tag }) => _tag),
            "Connected"
          )
        }
      })
    )

    it.effect("a slow reader misses pieces, and never the answer", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [{ turns: [{ text: "x".repeat(40_000) }], pace: 0 }] })
        const tags = yield* inTime(
          sessions.askStream({ id: model.id, text }).pipe(
            Stream.tap((event) => (event._tag === "MessageCreated" ? Effect.sleep("10 minutes") : Effect.void)),
            Stream.map(({ _tag }) => _tag),
            Stream.runCollect
          )
        )
        const all = [...tags]
        assert.strictEqual(all.at(-1), "Answered")
        assert.include(all, "Reconnected")
        assert.include(all, "Completed")
        assert.isBelow(all.length, 2000)
      })
    )

    it.effect("a reader that leaves cancels the run; a failure comes after the events", () =>
      Effect.gen(function* () {
        const { model, sessions } = start({ scripts: [withTool(60_000)] })
        yield* inTime(Stream.runDrain(Stream.take(sessions.askStream({ id: model.id, text }), 3)))
        assert.deepStrictEqual([model.cancels.length, model.connections.size], [1, 0])
        const failing = start({ scripts: [{ turns: [{ text: "half an" }], end: "failure" }] })
        const seen: Array<string> = []
        const error = yield* inTime(
          failure(
            Stream.runForEach(failing.sessions.askStream({ id: failing.model.id, text }), ({ _tag }) =>
              Effect.sync(() => seen.push(_tag))
            )
          )
        )
        assert.strictEqual(error._tag, "AgentFailed")
        assert.include(seen, "Failed")
      })
    )
  })

  describe("160 where nothing can be interrupted", () => {
    const regions: Readonly<Record<string, <A, E>(ask: Effect.Effect<A, E>) => Effect.Effect<A, E>>> = {
      "an uninterruptible region": Effect.uninterruptible,
      "a finalizer": (ask) =>
        Effect.gen(function* () {
          let exit: Effect.Effect<Effect.Effect.Success<typeof ask>, Effect.Effect.Error<typeof ask>> | undefined
          const keepExit = Effect.map(Effect.exit(ask), (ended) => {
            exit = ended
          })
          yield* Effect.scoped(Effect.acquireRelease(Effect.void, () => keepExit))
          return yield* exit ?? Effect.dieMessage("the finalizer did not end")
        })
    }
    for (const [region, within] of Object.entries(regions))
      it.effect(`${region}: the answer comes, and the limit holds`, () =>
        Effect.gen(function* () {
          const { model, sessions } = start({ scripts: [withTool(3000), withTool(1_200_000)] })
          const ask = sessions.ask({ id: model.id, text })
          const [answer, at] = yield* inTime(within(Effect.zip(ask, Clock.currentTimeMillis)))
          assert.strictEqual(answer.text, "It is 42.")
          assert.isBelow(at, 10_000)
          const slow = Stream.runDrain(sessions.askStream({ id: model.id, text }, { timeout: "1 minute" }))
          const [error, late] = yield* inTime(within(Effect.zip(Effect.flip(slow), Clock.currentTimeMillis)))
          assert.deepInclude(error, { _tag: "AnswerTimeout", outcome: "accepted" })
          assert.isBelow(late - at, 61_000)
        })
      )
  })

  it.effect("checks what it is given before anything is sent", () =>
    Effect.gen(function* () {
      const { model, sessions } = start({})
      const bad: ReadonlyArray<Effect.Effect<unknown, AskError>> = [
        sessions.ask({ id: model.id, text: "" }),
        sessions.ask({ id: SessionId.make(".."), text }),
        sessions.ask({ id: model.id, text }, { timeout: 0 }),
        sessions.ask({ id: model.id, text }, { timeout: "soon" as never }),
        sessions.ask({ id: model.id, text }, { onInterrupt: "stop" as never }),
        sessions.ask({ id: model.id, text }, { onPermission: "grant" as never }),
        Stream.runDrain(sessions.askStream({ id: model.id, text: "" }))
      ]
      for (const effect of bad) {
        const error = yield* failure(effect)
        assert.deepInclude(error, { _tag: "InvalidRequest", operation: "ask", outcome: "notSent" })
      }
      assert.deepStrictEqual([model.opened, model.requests.length], [0, 0])
      void NotFound
    })
  )
})
