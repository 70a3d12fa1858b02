import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type SessionEvent, SessionsService } from "@mix-effect/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { MessagesTest } from "../src/index.ts"

const provide = (options: MessagesTest.Options) => Effect.provide(MessagesTest.layer(options))

describe("sessions in memory", () => {
  it.effect("are made, asked and deleted, without time", () =>
    Effect.gen(function* () {
      const sessions = yield* SessionsService
      const messages = yield* MessagesService
      const { id } = yield* sessions.create({ title: "T" })
      const answer = yield* sessions.ask({ id, text: "Hello" })
      assert.strictEqual(answer.text, "You said: Hello")
      assert.deepStrictEqual<unknown>(answer.messages, yield* messages.listSession({ id }))
      assert.deepStrictEqual(yield* MessagesTest.sent, [{ id, text: "Hello" }])
      yield* sessions.delete({ id })
      assert.strictEqual((yield* Effect.flip(sessions.ask({ id, text: "Hello" })))._tag, "NotFound")
      assert.deepStrictEqual(yield* sessions.list(), [])
    }).pipe(provide({}))
  )

  it.effect("an agent tells of events, takes its time and asks for a permission", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const program = Effect.gen(function* () {
        const sessions = yield* SessionsService
        const { id } = yield* sessions.create({ title: "T" })
        const fiber = yield* sessions
          .askStream({ id, text: "Remove it" }, { onPermission: () => Effect.succeed("grant" as const) })
          .pipe(Stream.runCollect, Effect.fork)
        yield* Deferred.await(started)
        yield* TestClock.adjust("2 minutes")
        const elements = Array.from(yield* Fiber.join(fiber))
        assert.deepStrictEqual(
          elements.map(({ _tag }) => _tag),
          ["MessageCreated", "Text", "PermissionRequested", "Completed", "Answered"]
        )
        const last = elements.at(-1)
        assert.strictEqual(last?._tag === "Answered" && last.answer.text, "grant")
      })
      yield* program.pipe(
        provide({
          agent: (_, { askPermission, emit }) =>
            emit({ _tag: "Text", text: "Let me see." } satisfies SessionEvent).pipe(
              Effect.zipRight(Deferred.succeed(started, undefined)),
              Effect.zipRight(Effect.sleep("1 minute")),
              Effect.zipRight(askPermission({ toolName: "Bash" }))
            )
        })
      )
    })
  )

  it.effect("an agent fails, or is cancelled", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const program = Effect.gen(function* () {
        const sessions = yield* SessionsService
        const { id } = yield* sessions.create({ title: "T" })
        const failed = yield* Effect.flip(sessions.ask({ id, text: "fail" }))
        assert.deepInclude(failed, { _tag: "AgentFailed", reason: "failed", detail: "no more tokens" })
        const fiber = yield* Effect.fork(Effect.flip(sessions.ask({ id, text: "wait" })))
        yield* Deferred.await(started)
        yield* sessions.cancel({ id })
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "AgentFailed", reason: "cancelled" })
      })
      yield* program.pipe(
        provide({
          agent: ({ text }) =>
            text === "fail"
              ? Effect.fail("no more tokens")
              : Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)
        })
      )
    })
  )
})
