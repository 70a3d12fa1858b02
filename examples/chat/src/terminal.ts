/** A terminal that asks for lines, shows that something is awaited, and says when Ctrl-C was pressed. */
import { createInterface } from "node:readline"
import { Effect } from "effect"

export interface Terminal {
  readonly write: (text: string) => Effect.Effect<void>
  /** Turns a spinner until something is written. */
  readonly wait: Effect.Effect<void>
  /** The next line; `undefined` after Ctrl-D, or Ctrl-C while a line is awaited. */
  readonly ask: (prompt: string) => Effect.Effect<string | undefined>
  /** Completes when Ctrl-C is pressed. */
  readonly interrupted: Effect.Effect<void>
}

export const write = (text: string) => Effect.sync(() => void process.stdout.write(text))

const frames = ["|", "/", "-", "\\"]

export const open = (input: NodeJS.ReadableStream = process.stdin, output: NodeJS.WritableStream = process.stdout) =>
  Effect.acquireRelease(
    Effect.sync(() => createInterface({ input, output, terminal: true })),
    (lines) => Effect.sync(() => lines.close())
  ).pipe(
    Effect.map((lines): Terminal => {
      let closed = false
      /** The frame of the spinner that stands there; 0 for none. */
      let turns = 0
      let isWaiting = false
      lines.once("close", () => {
        closed = true
      })
      const clear = () => {
        if (turns > 0) output.write("\r\u001b[K")
        turns = 0
        isWaiting = false
      }
      return {
        write: (text) =>
          Effect.sync(() => {
            if (text === "") return
            clear()
            output.write(text)
          }),
        wait: Effect.gen(function* () {
          isWaiting = true
          while (isWaiting) {
            output.write(`\r${frames[turns++ % frames.length]} `)
            yield* Effect.sleep("120 millis")
          }
        }).pipe(Effect.ensuring(Effect.sync(clear))),
        ask: (prompt) =>
          Effect.async((resume) => {
            clear()
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
