/** All operations against a Mix server of each generation. */

import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type Service, SessionId } from "@mix-effect/core"
import { MixServer } from "@mix-effect/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { MixNode } from "../src/index.ts"

const at = <A, E, R>(server: MixServer.Running, use: (messages: Service) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(MessagesService, use).pipe(
    Effect.provide(MixNode.layer({ serverUrl: server.url })),
    Effect.withRandom(Random.fixed([0]))
  )

const posts = (server: MixServer.Running) =>
  Effect.map(server.requests, (requests) => requests.filter(({ method }) => method === "POST"))

const seed = { sessions: 3, messages: 120 }

for (const generation of ["2025-09-11", "2025-09-25", "2025-10-10"] as const) {
  describe(`a server of ${generation}`, () => {
    it.scopedLive("the history, by page and whole", () =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ generation, seed })
        const expected = yield* server.messages
        yield* at(server, (messages) =>
          Effect.gen(function* () {
            const page = yield* messages.getHistory({ limit: 10, offset: 5 })
            assert.deepStrictEqual(
              page.map(({ id }) => id as string),
              expected.slice(5, 15)
            )
            assert.strictEqual((yield* messages.getHistory()).length, 50)
            const ids = yield* messages.streamHistory({ pageSize: 7 }).pipe(
              Stream.map(({ id }) => id as string),
              Stream.runCollect
            )
            assert.deepStrictEqual(Chunk.toReadonlyArray(ids), expected)
            assert.isTrue(page.every(({ role }) => role === "user"))
          })
        )
      })
    )

    it.scopedLive("sessions: their rows, and none of one that does not exist", () =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ generation, seed })
        const [first] = yield* server.sessions
        yield* at(server, (messages) =>
          Effect.gen(function* () {
            const rows = yield* messages.listSession({ id: SessionId.make(first as string) })
            assert.isAbove(rows.length, 0)
            assert.isTrue(rows.every(({ sessionId }) => sessionId === first))
            assert.includeMembers(
              rows.map(({ role }) => role as string),
              ["user", "assistant"]
            )
            assert.deepStrictEqual(yield* messages.listSession({ id: SessionId.make("nobody") }), [])
          })
        )
      })
    )

    it.scopedLive("an empty server", () =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ generation })
        yield* at(server, (messages) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* messages.getHistory(), [])
            assert.strictEqual(yield* Stream.runCount(messages.streamHistory()), 0)
          })
        )
        assert.strictEqual(yield* server.requestCount, 2)
      })
    )

    it.scopedLive("7 8 a session's rows survive all the characters", () =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ generation })
        const text = '<b>&amp; \u2028\u2029 \u{1f600} caf\u00e9 \\ " \u007f \u0000'
        yield* server.append({ sessionId: "s1", text })
        const [row] = yield* at(server, (messages) => messages.getHistory())
        assert.strictEqual(row?.userInput, text)
      })
    )
  })
}

describe("send", () => {
  it.scopedLive("2025-09-25: the reply", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2025-09-25", seed })
      const [id] = yield* server.sessions
      yield* at(server, (messages) =>
        Effect.gen(function* () {
          const reply = yield* messages.send({ id: SessionId.make(id as string), text: "What is new?" })
          assert.strictEqual(reply.userInput, "What is new?")
          assert.strictEqual(reply.sessionId, "")
          const rows = yield* messages.listSession({ id: SessionId.make(id as string) })
          assert.isTrue(rows.some(({ userInput }) => userInput === "What is new?"))
        })
      )
      const [post] = yield* posts(server)
      assert.deepStrictEqual(JSON.parse(post?.body ?? ""), { text: "What is new?" })
    })
  )

  it.scopedLive("37 2025-10-10: ReplyPending, not sent again, and the message is there", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2025-10-10", seed })
      const [id] = yield* server.sessions
      yield* at(server, (messages) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(messages.send({ id: SessionId.make(id as string), text: "What is new?" }))
          assert.strictEqual(error._tag, "ReplyPending")
          assert.strictEqual(error.outcome, "accepted")
          assert.isFalse(error.isRetryable)
          const rows = yield* messages.listSession({ id: SessionId.make(id as string) })
          assert.strictEqual(rows.filter(({ userInput }) => userInput === "What is new?").length, 1)
        })
      )
      assert.strictEqual((yield* posts(server)).length, 1)
    })
  )

  it.scopedLive("2025-10-10: media are refused as an unknown field, and nothing else is lost on it", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2025-10-10", seed })
      const [id] = yield* server.sessions
      yield* at(server, (messages) =>
        Effect.gen(function* () {
          const request = { id: SessionId.make(id as string), text: "Look", media: ["a.png"] }
          const error = yield* Effect.flip(messages.send(request))
          assert.strictEqual(error._tag, "BadRequest")
          assert.strictEqual(error.outcome, "refused")
          const planned = yield* Effect.flip(messages.send({ id: request.id, text: "Plan", planMode: true }))
          assert.strictEqual(planned._tag, "ReplyPending")
        })
      )
    })
  )

  for (const generation of ["2025-09-25", "2025-10-10"] as const) {
    it.scopedLive(`${generation}: a slash command is answered, an unknown one is NotFound`, () =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ generation, seed })
        const id = SessionId.make((yield* server.sessions)[0] as string)
        yield* at(server, (messages) =>
          Effect.gen(function* () {
            const help = yield* messages.send({ id, text: "/help" })
            assert.match(help.id, /^cmd-/)
            const error = yield* Effect.flip(messages.send({ id, text: "/no-such-command" }))
            assert.strictEqual(error._tag, "NotFound")
            assert.strictEqual(error.outcome, "refused")
          })
        )
        assert.strictEqual((yield* posts(server)).length, 2)
      })
    )

    it.scopedLive(`${generation}: no credentials for the language model`, () =>
      Effect.gen(function* () {
        const server = yield* MixServer.serve({ generation, seed, authenticated: false })
        const id = SessionId.make((yield* server.sessions)[0] as string)
        const outcome = yield* at(server, (messages) => Effect.either(messages.send({ id, text: "Hello" })))
        if (generation === "2025-09-25") {
          assert.strictEqual(outcome._tag === "Right" ? outcome.right.id : "", "system-auth-prompt")
        } else {
          assert.strictEqual(outcome._tag === "Left" ? outcome.left._tag : "", "Unauthorized")
        }
      })
    )
  }

  it.scopedLive("an unknown session is refused, by the server's words, and not tried again", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2025-09-25", seed })
      const error = yield* at(server, (messages) =>
        Effect.flip(messages.send({ id: SessionId.make("nobody"), text: "Hello" }))
      )
      assert.strictEqual(error._tag, "ServerError")
      assert.strictEqual(error.outcome, "refused")
      assert.strictEqual((yield* posts(server)).length, 1)
    })
  )

  it.scopedLive("what a server does on the way: reset, truncated, 503", () =>
    Effect.gen(function* () {
      for (const [fault, tag] of [
        [MixServer.Fault.Reset(), "ConnectionError"],
        [MixServer.Fault.Truncate({ bytes: 5 }), "ResponseDecodeError"],
        [MixServer.Fault.Respond({ status: 503 }), "ServerError"]
      ] as const) {
        const server = yield* MixServer.serve({
          generation: "2025-09-25",
          seed,
          faults: ({ method }) => Effect.succeed(method === "POST" ? fault : undefined)
        })
        const id = SessionId.make((yield* server.sessions)[0] as string)
        const error = yield* at(server, (messages) => Effect.flip(messages.send({ id, text: "Hello" })))
        assert.strictEqual(error._tag, tag)
        assert.strictEqual(error.outcome, "unknown")
        assert.strictEqual((yield* posts(server)).length, 1)
      }
    })
  )
})
