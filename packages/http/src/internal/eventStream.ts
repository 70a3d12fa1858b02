/** A body that goes on and on, as text. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { EngineError, Reply } from "../Engine.ts"

/** Without a byte for so long the connection is dead: a server sends a heartbeat every 45 seconds. */
const maxSilence = "100 seconds"

/** How an event begins. Comments and blank lines, which proxies send to keep a connection open, are none. */
const eventLine = /^(?:data|event)(?::.*)?[\r\n]/m

const lineEnd = /[\r\n]/

/** More text than this without an event goes to the reader, which knows how long an event may be. In characters. */
const maxPrelude = 65_536

export interface Opened {
  /**
   * The text as it comes, until the body ends, breaks off or falls silent: of an event stream each is a drop, and no failure.
   */
  readonly text: Stream.Stream<string>
  /** Why the body broke off before there was an event. */
  readonly broken: EngineError | undefined
}

/**
 * Reads a body without waiting for whoever takes its text, and waits for its first event, which a server sends at once. The body
 * is over when the signal of its request is aborted.
 */
export const open = (chunks: Reply["chunks"]): Effect.Effect<Opened> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let waiting: string | undefined
    let begun = false
    /** Before the first event: where the line begins that has not ended yet. */
    let line = 0
    let ended = false
    let broken: EngineError | undefined
    let wake = () => {}
    /** Waits until there is text and an event has come, or until there is no more. A `Mailbox` would be 2 kB of a page. */
    const ready = Effect.async<void>((resume) => {
      wake = () => {
        if ((waiting === undefined || !begun) && !ended) return
        wake = () => {}
        resume(Effect.void)
      }
      wake()
    })
    const next = Effect.flatMap(Effect.timeoutOption(ready, maxSilence), () => {
      const text = waiting
      waiting = undefined
      return text === undefined ? Effect.fail(Option.none()) : Effect.succeed(text)
    })
    const read = chunks((chunk) => {
      const text = decoder.decode(chunk, { stream: true })
      waiting = (waiting ?? "") + text
      if (!begun && lineEnd.test(text)) {
        begun = eventLine.test(waiting.slice(line))
        line = Math.max(waiting.lastIndexOf("\n"), waiting.lastIndexOf("\r")) + 1
      }
      begun ||= waiting.length > maxPrelude
      wake()
    }).pipe(
      Effect.match({
        onFailure: (error) => {
          broken = error
        },
        onSuccess: () => {}
      }),
      Effect.zipRight(
        Effect.sync(() => {
          ended = true
          wake()
        })
      )
    )
    // Not interrupted but aborted: that is done at once, where nothing can be interrupted as well.
    return Effect.zipRight(Effect.forkDaemon(read), ready).pipe(
      Effect.map(() => ({
        text: Stream.repeatEffectOption(next),
        broken: begun ? undefined : broken
      }))
    )
  })
