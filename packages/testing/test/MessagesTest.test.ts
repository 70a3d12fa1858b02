import { assert, describe, it } from "@effect/vitest"
import {
  type BackendMessage,
  MessageId,
  MessagesService,
  NotFound,
  RateLimited,
  ReplyPending,
  ServerError,
  SessionId
} from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { MessagesTest } from "../src/index.ts"

const one = SessionId.make("s1")
const two = SessionId.make("s2")

const row = (n: number, sessionId: SessionId, role = "user"): BackendMessage => ({
  id: MessageId.make(`m${n}`),
  sessionId,
  role,
  userInput: `text ${n}`
})

const rows = [row(1, one), row(2, one, "assistant"), row(3, two), row(4, one)]

const ids = (messages: Iterable<BackendMessage>) => [...messages].map(({ id }) => id as string)

describe("MessagesTest", () => {
  it.effect("is empty by default", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      assert.deepStrictEqual(yield* messages.getHistory(), [])
      assert.deepStrictEqual(yield* messages.listSession({ id: one }), [])
      assert.deepStrictEqual(yield* MessagesTest.sent, [])
    }).pipe(Effect.provide(MessagesTest.layer()))
  )

  it.effect("shows what users wrote newest first, and a session oldest first", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      assert.deepStrictEqual(ids(yield* messages.getHistory()), ["m4", "m3", "m1"])
      assert.deepStrictEqual(ids(yield* messages.getHistory({ limit: 1, offset: 1 })), ["m3"])
      assert.deepStrictEqual(ids(yield* messages.listSession({ id: one })), ["m1", "m2", "m4"])
      assert.deepStrictEqual(ids(yield* Stream.runCollect(messages.streamHistory({ pageSize: 2 }))), ["m4", "m3", "m1"])
    }).pipe(Effect.provide(MessagesTest.layer({ messages: rows })))
  )

  it.effect("refuses the parameters that the real service refuses", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const error = yield* Effect.flip(messages.send({ id: one, text: "" }))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.deepStrictEqual(yield* MessagesTest.sent, [])
    }).pipe(Effect.provide(MessagesTest.layer()))
  )

  it.effect("answers a message with its text, and keeps both in the session", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const reply = yield* messages.send({ id: one, text: "Hello", planMode: true })
      assert.strictEqual(reply.assistantResponse, "You said: Hello")
      assert.deepStrictEqual(yield* MessagesTest.sent, [{ id: one, text: "Hello", planMode: true }])
      const session = yield* messages.listSession({ id: one })
      assert.deepStrictEqual(
        session.map(({ assistantResponse, role, userInput }) => [role, userInput, assistantResponse]),
        [
          ["user", "Hello", undefined],
          ["assistant", "", "You said: Hello"]
        ]
      )
      assert.strictEqual(new Set(ids(session)).size, 2)
    }).pipe(Effect.provide(MessagesTest.layer()))
  )

  it.effect("answers as the test says", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const error = yield* Effect.flip(messages.send({ id: one, text: "Hello" }))
      assert.strictEqual(error._tag, "ReplyPending")
      assert.strictEqual(error.outcome, "accepted")
    }).pipe(Effect.provide(MessagesTest.layer({ reply: () => Effect.fail(new ReplyPending({ operation: "send" })) })))
  )

  it.effect("fails always with one error", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      for (let n = 0; n < 3; n++) {
        assert.strictEqual((yield* Effect.flip(messages.listSession({ id: one })))._tag, "NotFound")
      }
      assert.deepStrictEqual(yield* messages.getHistory(), [])
    }).pipe(Effect.provide(MessagesTest.layer({ fail: { listSession: new NotFound({ operation: "listSession" }) } })))
  )

  it.effect("fails call by call, keeps what was sent, and gives errors of send their outcome", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const send = messages.send({ id: one, text: "Hello" })
      const first = yield* Effect.flip(send)
      assert.deepStrictEqual([first._tag, first.outcome], ["ServerError", "unknown"])
      yield* send
      const third = yield* Effect.flip(send)
      assert.deepStrictEqual([third._tag, third.outcome], ["RateLimited", "refused"])
      yield* send
      assert.lengthOf(yield* MessagesTest.sent, 4)
      assert.lengthOf(yield* messages.listSession({ id: one }), 4)
    }).pipe(
      Effect.provide(
        MessagesTest.layer({
          fail: {
            send: [new ServerError({ operation: "send", status: 500 }), null, new RateLimited({ operation: "send" })]
          }
        })
      )
    )
  )

  it.effect("a page of a stream fails, and the stream is resumed from the error's cursor", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const seen: Array<string> = []
      const read = (options: Parameters<typeof messages.streamHistory>[0]) =>
        Stream.runForEach(messages.streamHistory(options), ({ id }) => Effect.sync(() => seen.push(id)))
      const error = yield* Effect.flip(read({ pageSize: 1 }))
      assert.strictEqual(error._tag, "ServerError")
      yield* read({ pageSize: 1, from: error.cursor })
      assert.deepStrictEqual(seen, ["m4", "m3", "m1"])
    }).pipe(
      Effect.provide(
        MessagesTest.layer({
          messages: rows,
          fail: { getHistory: [null, null, new ServerError({ operation: "getHistory", status: 503 })] }
        })
      )
    )
  )

  it.effect("messages appear and sessions go while a test runs, under the test's clock", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const following = yield* messages.followHistory().pipe(Stream.take(2), Stream.runCollect, Effect.fork)
      yield* TestClock.adjust("1 second")
      yield* MessagesTest.append(row(5, two))
      yield* MessagesTest.append(row(6, one))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(ids(yield* Fiber.join(following)), ["m5", "m6"])
      yield* MessagesTest.deleteSession(one)
      assert.deepStrictEqual(ids(yield* messages.getHistory()), ["m5", "m3"])
    }).pipe(Effect.provide(MessagesTest.layer({ messages: rows })))
  )

  it.effect("each build has a state of its own", () =>
    Effect.gen(function* () {
      const layer = MessagesTest.layer()
      const send = Effect.flatMap(MessagesService, (messages) => messages.send({ id: one, text: "Hello" }))
      yield* Effect.provide(send, layer)
      assert.deepStrictEqual(yield* Effect.provide(MessagesTest.sent, layer), [])
    })
  )

  it.effect("never gives an id twice", () =>
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const seen = new Set<string>()
      for (let round = 0; round < 5; round++) {
        yield* messages.send({ id: one, text: "Hello" })
        yield* messages.send({ id: two, text: "Hello" })
        for (const { id } of yield* messages.listSession({ id: one })) {
          assert.isFalse(seen.has(id))
          seen.add(id)
        }
        yield* MessagesTest.deleteSession(one)
      }
      assert.isFalse(seen.has("test-message-3"))
    }).pipe(
      Effect.provide(
        MessagesTest.layer({
          messages: [{ id: MessageId.make("test-message-3"), sessionId: two, role: "user", userInput: "" }]
        })
      )
    )
  )
})
