// What a page runs: it counts the history of the server that it came from, and says so in its title.
import * as MixBrowser from "@mix-effect/browser/MixBrowser"
import { MessagesService } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

Effect.flatMap(MessagesService, (messages) => Stream.runCount(messages.streamHistory())).pipe(
  Effect.provide(MixBrowser.layerMessages({ serverUrl: location.origin })),
  Effect.match({ onFailure: (error) => error.message, onSuccess: (count) => `${count} messages` }),
  Effect.map((title) => {
    document.title = title
  }),
  Effect.runPromise
)
