/** What a newcomer sees besides the history: the other two operations, on the embedded server. */
import { MessagesService } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import { Output, print } from "./Output.ts"
import * as Render from "./Render.ts"
import { send } from "./Send.ts"

const shown = 10

export const heading = (title: string) => print(`== ${title} ==`)

export const tour = Effect.gen(function* () {
  const messages = yield* MessagesService
  const [newest] = yield* messages.getHistory({ limit: 1 })
  if (newest === undefined) return
  const id = newest.sessionId

  const list = yield* messages.listSession({ id })
  yield* print("")
  yield* heading(`listSession: the last ${shown} of ${list.length} messages of session ${Render.harmless(id)}`)
  const columns = yield* Effect.flatMap(Output, ({ stdout }) => stdout.columns)
  yield* print(...list.slice(-shown).map((message) => Render.sessionLine(message, columns)))

  const text = "Thank you, that is all for today."
  yield* print("")
  yield* heading(`send: "${text}" to the same session`)
  yield* send(id, text)
})
