/** One program, unchanged, on three layers: over HTTP, in memory, and on a service written by hand. */
import { assert, describe, it } from "@effect/vitest"
import { type BackendMessage, MessageId, MessagesService, SessionId } from "@mix-effect/core"
import { MessagesTest, MixServer } from "@mix-effect/testing"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { MixNode } from "../src/index.ts"

const id = SessionId.make("s1")

const program = Effect.gen(function* () {
  const messages = yield* MessagesService
  const before = yield* Stream.runCount(messages.streamHistory({ pageSize: 2 }))
  const reply = yield* messages.send({ id, text: "Hello" })
  const session = yield* messages.listSession({ id })
  const invalid = yield* Effect.flip(messages.getHistory({ limit: 0 }))
  return [before, reply.assistantResponse, session.map((row) => row.userInput).includes("Hello"), invalid._tag]
})

const answer = [3, "You said: Hello", true, "InvalidRequest"]

const earlier: ReadonlyArray<BackendMessage> = [1, 2, 3].map((n) => ({
  id: MessageId.make(`m${n}`),
  sessionId: id,
  role: "user",
  userInput: `earlier ${n}`
}))

/** Keeps no replies. */
const byHand = Layer.sync(MessagesService, () => {
  let rows = earlier
  return MessagesService.make({
    getHistory: ({ limit = 50, offset = 0 }) => Effect.sync(() => [...rows].reverse().slice(offset, offset + limit)),
    listSession: ({ id }) => Effect.sync(() => rows.filter((row) => row.sessionId === id)),
    send: ({ id, text }) =>
      Effect.sync(() => {
        const sent = { id: MessageId.make(`m${rows.length + 1}`), sessionId: id, role: "user", userInput: text }
        rows = [...rows, sent]
        return { ...sent, assistantResponse: `You said: ${text}` }
      })
  })
})

describe("one program", () => {
  const overHttp = (layerOf: (url: string) => ReturnType<typeof MixNode.layer>) =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      for (const { userInput } of earlier) yield* server.append({ sessionId: id, text: userInput })
      assert.deepStrictEqual(yield* Effect.provide(program, layerOf(server.url)), answer)
    })

  it.scopedLive("on MixNode.layer", () => overHttp((serverUrl) => MixNode.layer({ serverUrl })))

  it.scopedLive("on MixNode.layerConfig", () =>
    overHttp((url) => MixNode.layerConfig({ serverUrl: Config.succeed(url) }))
  )

  it.effect("on MessagesTest.layer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.provide(program, MessagesTest.layer({ messages: earlier })), answer)
    })
  )

  it.effect("on MessagesService.make", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.provide(program, byHand), answer)
    })
  )
})
