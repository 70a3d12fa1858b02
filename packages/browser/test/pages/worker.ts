/** Runs in a dedicated worker: the service, and what is left of it when the call is interrupted. */
import { MessagesService } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { MixBrowser } from "../../src/index.ts"

const program = (serverUrl: string) =>
  Effect.gen(function* () {
    const messages = yield* MessagesService
    const page = yield* messages.getHistory({ limit: 3 })
    const count = yield* Stream.runCount(messages.streamHistory({ pageSize: 10 }))
    return { ids: page.map(({ id }) => id), count, window: typeof window, origin: globalThis.origin }
  }).pipe(Effect.provide(MixBrowser.layer({ serverUrl, waitWhileOffline: true })))

addEventListener("message", ({ data }: MessageEvent<string>) => {
  Effect.runCallback(program(data), { onExit: (exit) => postMessage(JSON.parse(JSON.stringify(exit))) })
})
