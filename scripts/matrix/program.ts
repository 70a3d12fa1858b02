// A program on all packages: one question put to a served `MixServer` through every layer, and to the one in memory.
import { FetchHttpClient } from "@effect/platform"
import { MixBrowser } from "@mix-effect/browser"
import { type BackendMessage, MessageId, MessagesService, type MixError, SessionId } from "@mix-effect/core"
import * as HistoryCursor from "@mix-effect/core/HistoryCursor"
import { MessagesHttp, RetryPolicy } from "@mix-effect/http"
import { MixNode } from "@mix-effect/node"
import { MessagesTest, MixServer } from "@mix-effect/testing"
import { Console, Effect, Layer, Schema, Stream } from "effect"

const message: BackendMessage = {
  id: MessageId.make("m1"),
  sessionId: SessionId.make("s1"),
  role: "user",
  userInput: ""
}

const saved = Schema.encode(Schema.parseJson(HistoryCursor.HistoryCursor))

/** Reads the history by pages, keeping the place, and counts it. */
const count: Effect.Effect<number, MixError, MessagesService> = Effect.gen(function* () {
  const messages = yield* MessagesService
  const pages = yield* messages.streamHistoryPages({ pageSize: 100 }).pipe(
    Stream.tap(({ cursor }) => Effect.orDie(saved(cursor))),
    Stream.runCollect
  )
  return Array.from(pages).flatMap((page) => page.messages).length
})

const program = Effect.gen(function* () {
  const { url: serverUrl } = yield* MixServer.serve({ seed: { sessions: 3, messages: 250 } })
  const layers: ReadonlyArray<Layer.Layer<MessagesService, unknown>> = [
    MixNode.layer({ serverUrl }),
    MixBrowser.layer({ serverUrl }),
    Layer.provide(MessagesHttp.layer({ serverUrl }), [FetchHttpClient.layer, RetryPolicy.layer(RetryPolicy.none)]),
    MessagesTest.layer({ messages: [message] })
  ]
  const counts = yield* Effect.forEach(layers, (layer) => Effect.provide(count, layer))
  const refused = yield* MessagesService.pipe(
    Effect.flatMap((messages) => messages.send({ id: SessionId.make("none"), text: "Hello" })),
    Effect.flip,
    Effect.provide(MixNode.layer({ serverUrl }))
  )
  yield* Console.log([...counts, refused._tag].join(" "))
})

program.pipe(Effect.scoped, Effect.runPromise)
