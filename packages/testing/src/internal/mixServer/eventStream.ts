import type * as Effect from "effect/Effect"

/** The writing end of a response that goes on. */
export interface StreamWriter {
  /** `false` where the reader does not keep up. */
  readonly write: (bytes: Uint8Array | string) => boolean
  readonly onDrain: (resume: () => void) => void
  /** Ends the response, as a handler that returns does. */
  readonly end: () => void
  /** Ends the connection in the middle of the response. */
  readonly cut: () => void
}

/** A response body that is written while the connection lasts. `open` is interrupted when the client leaves. */
export class EventStream {
  constructor(readonly open: (writer: StreamWriter) => Effect.Effect<void>) {}
}
