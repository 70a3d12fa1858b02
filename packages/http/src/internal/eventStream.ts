/** A body that goes on and on, as text. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Reply } from "../Engine.ts"

/** Without a byte for so long the connection is dead: a server sends a heartbeat every 45 seconds. */
const maxSilence = "100 seconds"

/**
 * The text as it comes, until the body ends, breaks off or falls silent: of an event stream each is a drop, and no failure.
 * The body is read without waiting for whoever takes the text. It is over when the signal of its request is aborted.
 */
export const text = (chunks: Reply["chunks"]): Stream.Stream<string> =>
  Stream.unwrap(
    Effect.suspend(() => {
      const decoder = new TextDecoder()
      let waiting: string | undefined
      let ended = false
      let wake = () => {}
      // A `Mailbox` would be 2 kB of a page.
      const next = Effect.async<string, Option.Option<never>>((resume) => {
        wake = () => {
          if (waiting === undefined && !ended) return
          wake = () => {}
          resume(waiting === undefined ? Effect.fail(Option.none()) : Effect.succeed(waiting))
          waiting = undefined
        }
        wake()
      })
      const read = chunks((chunk) => {
        waiting = (waiting ?? "") + decoder.decode(chunk, { stream: true })
        wake()
      }).pipe(
        Effect.ignore,
        Effect.zipRight(
          Effect.sync(() => {
            ended = true
            wake()
          })
        )
      )
      // Not interrupted but aborted: that is done at once, where nothing can be interrupted as well.
      return Effect.as(Effect.forkDaemon(read), Stream.timeout(Stream.repeatEffectOption(next), maxSilence))
    })
  )
