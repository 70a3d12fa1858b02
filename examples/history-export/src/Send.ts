/** Sends one message, and shows what comes of it. */
import { MessagesService, type SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import { print } from "./Output.ts"
import * as Render from "./Render.ts"

export const send = Effect.fn("send")(function* (id: SessionId, text: string) {
  const messages = yield* MessagesService
  yield* messages.send({ id, text }).pipe(
    Effect.map(Render.reply),
    // Servers from October 2025 on take the message and answer later: that is no failure.
    Effect.catchTag("ReplyPending", () =>
      Effect.succeed([
        `The server took the message and answers later; --session ${Render.harmless(id)} shows the reply.`
      ])
    ),
    Effect.flatMap((lines) => print(...lines))
  )
})
