// The same through `require`, which has loaded modules like these since Node 20.19. The application gets the CommonJS build of
// effect here, and the SDK the other one: tags, errors and streams pass between the two.
const { MixBrowser } = require("@mix-effect/browser")
const { MessagesService, SessionId } = require("@mix-effect/core")
const { MessagesHttp } = require("@mix-effect/http")
const { MixNode } = require("@mix-effect/node")
const { MessagesTest, MixServer } = require("@mix-effect/testing")
const { FetchHttpClient } = require("@effect/platform")
const { Console, Effect, Layer, Stream } = require("effect")

const count = Effect.gen(function* () {
  const messages = yield* MessagesService
  return yield* Stream.runCount(messages.streamHistory())
})

const program = Effect.gen(function* () {
  const { url: serverUrl } = yield* MixServer.serve({ seed: { sessions: 3, messages: 250 } })
  const layers = [
    MixNode.layer({ serverUrl }),
    MixBrowser.layer({ serverUrl }),
    MessagesHttp.layer({ serverUrl }).pipe(Layer.provide(FetchHttpClient.layer)),
    MessagesTest.layer({ messages: [{ id: "m1", sessionId: "s1", role: "user", userInput: "Hello" }] })
  ]
  const counts = yield* Effect.forEach(layers, (layer) => Effect.provide(count, layer))
  const caught = yield* Effect.flatMap(MessagesService, (messages) =>
    messages.send({ id: SessionId.make("none"), text: "Hello" })
  ).pipe(
    Effect.catchTag("ServerError", (error) => Effect.succeed(error._tag)),
    Effect.provide(MixNode.layer({ serverUrl }))
  )
  yield* Console.log([...counts, caught].join(" "))
})

program.pipe(Effect.scoped, Effect.runPromise)
