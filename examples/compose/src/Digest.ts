/** A service of one's own on top of the messages: which sessions were busy lately. */
import { MessagesService, type SessionId, type StreamHistoryError } from "@mix-effect/core"
import { Array, Config, Context, Effect, Layer, Stream } from "effect"

export interface SessionDigest {
  readonly sessionId: SessionId
  /** How many of the messages looked at are of this session. */
  readonly messages: number
  /** What was asked last. */
  readonly latest: string
}

export interface DigestService {
  /** The sessions of the newest messages, the busiest first. */
  readonly busiest: Effect.Effect<ReadonlyArray<SessionDigest>, StreamHistoryError>
}

const count = (name: string) =>
  Config.integer(name).pipe(Config.validate({ message: "must be 1 or more", validation: (n) => n >= 1 }))

/** `DIGEST_WINDOW`: how many messages to look at. `DIGEST_TOP`: how many sessions to name. */
const DigestConfig = Config.all({
  window: Config.withDefault(count("WINDOW"), 500),
  top: Config.withDefault(count("TOP"), 5)
}).pipe(Config.nested("DIGEST"))

export class Digest extends Context.Tag("example/Digest")<Digest, DigestService>() {
  /** Takes the messages from its environment: over HTTP in `main.ts`, in memory in a unit test. */
  static readonly layer = Layer.effect(
    Digest,
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const { top, window } = yield* DigestConfig

      const busiest = messages.streamHistory({ pageSize: Math.min(window, 250) }).pipe(
        Stream.take(window),
        Stream.runCollect,
        // The newest come first, in every group too.
        Effect.map((rows) => Object.values(Array.groupBy(rows, ({ sessionId }) => sessionId))),
        Effect.tap((sessions) => Effect.logDebug(`${sessions.length} sessions`)),
        Effect.map(
          Array.map((rows) => ({ sessionId: rows[0].sessionId, messages: rows.length, latest: rows[0].userInput }))
        ),
        Effect.map((sessions) => sessions.sort((a, b) => b.messages - a.messages).slice(0, top)),
        Effect.tapError((error) => Effect.logError(error.message)),
        Effect.annotateLogs({ window }),
        Effect.withLogSpan("busiest")
      )
      return { busiest }
    })
  )
}
