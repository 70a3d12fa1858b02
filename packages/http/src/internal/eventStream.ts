/** A body that goes on and on, as text. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Reply } from "../Engine.ts"

/** Without a byte for so long the connection is dead: a server sends a heartbeat every 45 seconds. */
const maxSilence = "100 seconds"

/**
 * The text as it comes, until the body ends, breaks off or falls silent: of an event stream each is a drop, and no failure.
 * The body is read without waiting for whoever takes the text. It is over when the signal of its request is aborted.
 */
export const text = (chunks: Reply["chunks"]): Stream.Stream<string> =>
  Stream.asyncPush<string>(
    (emit) => {
      const decoder = new TextDecoder()
      // Not interrupted but aborted: that is done at once, where nothing can be interrupted as well.
      return chunks((chunk) => emit.single(decoder.decode(chunk, { stream: true }))).pipe(
        Effect.ignore,
        Effect.zipRight(Effect.sync(() => emit.end())),
        Effect.forkDaemon
      )
    },
    { bufferSize: "unbounded" }
  ).pipe(Stream.timeout(maxSilence))
