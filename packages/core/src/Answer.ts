/**
 * The result of `ask`.
 *
 * @since 0.2.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type { BackendMessage } from "./BackendMessage.ts"

/**
 * A whole turn, as the server lists it.
 *
 * @since 0.2.0
 * @category models
 */
export interface Answer {
  /** The text of the assistant's last message. May be empty. */
  readonly text: string
  /** The rows of the turn, the user's first. For a slash command only the server's reply, which is not stored. */
  readonly messages: NonEmptyReadonlyArray<BackendMessage>
  /** Why the model stopped: `max_tokens` means that the text is cut. Absent for a slash command. */
  readonly finishReason?: "end_turn" | "max_tokens" | (string & {}) | undefined
}

/**
 * The last element of `askStream`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Answered {
  readonly _tag: "Answered"
  readonly answer: Answer
}
