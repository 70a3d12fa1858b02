/** Reads the history, one page and the whole of it, and says what there is here to help. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { report } from "./globals.ts"

const canEval = (): boolean => {
  try {
    return new Function("return true")()
  } catch {
    return false
  }
}

report({}, (messages) =>
  Effect.all({
    page: messages.getHistory({ limit: 3 }),
    count: Stream.runCount(messages.streamHistory({ pageSize: 10 }))
  }).pipe(
    Effect.map(({ count, page }) => ({
      ids: page.map(({ id }) => id),
      count,
      canEval: canEval(),
      process: typeof process
    })),
    Effect.orDie
  )
)
