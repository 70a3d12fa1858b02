/** A terminal that asks for lines, and says when Ctrl-C was pressed. */
import { createInterface } from "node:readline"
import { Effect } from "effect"

export interface Terminal {
  readonly write: (text: string) => Effect.Effect<void>
  /** The next line; `undefined` after Ctrl-D, or Ctrl-C while a line is awaited. */
  readonly ask: (prompt: string) => Effect.Effect<string | undefined>
  /** Completes when Ctrl-C is pressed. */
  readonly interrupted: Effect.Effect<void>
}

export const write = (text: string) => Effect.sync(() => void process.stdout.write(text))

export const open = Effect.acquireRelease(
  Effect.sync(() => createInterface({ input: process.stdin, output: process.stdout })),
  (lines) => Effect.sync(() => lines.close())
).pipe(
  Effect.map((lines): Terminal => {
    let closed = false
    lines.once("close", () => {
      closed = true
    })
    return {
      write,
      ask: (prompt) =>
        Effect.async((resume) => {
          if (closed) return resume(Effect.succeed(undefined))
          const abort = new AbortController()
          const end = (line: string | undefined) => {
            lines.off("SIGINT", none).off("close", none)
            abort.abort()
            resume(Effect.succeed(line))
          }
          const none = () => end(undefined)
          lines.once("SIGINT", none).once("close", none)
          lines.question(prompt, { signal: abort.signal }, end)
          return Effect.sync(() => end(undefined))
        }),
      interrupted: Effect.async((resume) => {
        const done = () => resume(Effect.void)
        lines.once("SIGINT", done)
        return Effect.sync(() => void lines.off("SIGINT", done))
      })
    }
  })
)
