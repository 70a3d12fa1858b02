import { assert, describe, it } from "@effect/vitest"
import { type BackendMessage, MessageId, ReplyPending, ServerError, SessionId } from "@mix-effect/core"
import { MessagesTest } from "@mix-effect/testing"
import { Effect, Fiber, Option, TestClock } from "effect"
import { ask } from "../src/ask.ts"

const id = SessionId.make("s1")

const assistant = (text: string): BackendMessage => ({
  id: MessageId.make(text),
  sessionId: id,
  role: "assistant",
  userInput: "",
  assistantResponse: text
})

/** A server that takes a message and answers later. */
const later = { reply: () => Effect.fail(new ReplyPending({ operation: "send" })) }

const unavailable = (operation: "listSession" | "send") => new ServerError({ operation, status: 503 })

describe("ask", () => {
  it.effect("answers with a reply that comes at once", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ask(id, "What is 6 * 7?"), "You said: What is 6 * 7?")
      assert.deepStrictEqual(yield* MessagesTest.sent, [{ id, text: "What is 6 * 7?" }])
    }).pipe(Effect.provide(MessagesTest.layer()))
  )

  it.effect("waits for a reply that comes later, until it stands still", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.fork(ask(id, "What is 6 * 7?"))
      yield* TestClock.adjust("20 seconds")
      yield* MessagesTest.append(assistant("Let me calculate."))
      yield* TestClock.adjust("2 seconds")
      yield* MessagesTest.append(assistant("It is 42."))
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(answer)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(answer), "It is 42.")
    }).pipe(Effect.provide(MessagesTest.layer(later)))
  )

  it.effect("does not take an earlier reply for this one, and gives up after five minutes", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.fork(Effect.flip(ask(id, "And 6 * 8?")))
      yield* TestClock.adjust("4 minutes")
      assert.isTrue(Option.isNone(yield* Fiber.poll(answer)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(answer))._tag, "NoReply")
    }).pipe(Effect.provide(MessagesTest.layer({ ...later, messages: [assistant("It is 42.")] })))
  )

  it.effect("outlasts a server that is away for a while", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.fork(ask(id, "What is 6 * 7?"))
      yield* TestClock.adjust("10 seconds")
      yield* MessagesTest.append(assistant("It is 42."))
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(answer)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(answer), "It is 42.")
    }).pipe(
      Effect.provide(
        MessagesTest.layer({
          ...later,
          // The first call succeeds, the two after it fail, then all is well.
          fail: { listSession: [null, unavailable("listSession"), unavailable("listSession")] }
        })
      )
    )
  )

  it.effect("never sends twice: the first may have reached the agent", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ask(id, "Delete the old branch"))
      assert.strictEqual(error._tag, "ServerError")
      assert.strictEqual("outcome" in error ? error.outcome : undefined, "unknown")
      assert.lengthOf(yield* MessagesTest.sent, 1)
    }).pipe(Effect.provide(MessagesTest.layer({ fail: { send: unavailable("send") } })))
  )
})
