/**
 * The request of `send`, and its form on the wire.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { SessionId } from "./BackendMessage.ts"
import { openUnion } from "./internal/fields.ts"

/**
 * A message for the agent of a session.
 *
 * @since 0.1.0
 * @category models
 */
export interface SendMessageRequest {
  /** The session. It is sent in the path of the request, not in its body. */
  readonly id: SessionId
  /**
   * The text, which must not be empty. If its first character is `/`, it is a command to the server, not to the
   * agent; an unknown command fails with `NotFound`.
   */
  readonly text: string
  /** Media files or URLs. Servers since September 26, 2025 refuse the key with `BadRequest`. */
  readonly media?: ReadonlyArray<string> | undefined
  /** App ids. Refused by the same servers as `media`. */
  readonly apps?: ReadonlyArray<string> | undefined
  /** Ask for a plan instead of changes; `plan_mode` on the wire. */
  readonly planMode?: boolean | undefined
  /**
   * How much the agent thinks before it answers; `thinking_level` on the wire. Servers before October 26, 2025 refuse
   * the key with `BadRequest`.
   */
  readonly thinkingLevel?: "off" | "basic" | "medium" | "maximum" | (string & {}) | undefined
  /** How many steps the agent may take: a positive integer, `max_steps` on the wire. Servers before 2026 refuse the key. */
  readonly maxSteps?: number | undefined
}

/**
 * Encodes only the keys that are set, because a server refuses a body with a key that it does not know.
 *
 * @example
 * import { SendMessageRequest, SessionId } from "@mix-effect/core"
 * import { Schema } from "effect"
 *
 * const request: SendMessageRequest = { id: SessionId.make("s1"), text: "Plan the migration", planMode: true }
 * // { id: "s1", text: "Plan the migration", plan_mode: true }
 * const wire = Schema.encodeSync(SendMessageRequest)(request)
 *
 * @since 0.1.0
 * @category schemas
 */
export const SendMessageRequest = Schema.Struct({
  id: SessionId,
  text: Schema.String,
  media: Schema.optional(Schema.Array(Schema.String)),
  apps: Schema.optional(Schema.Array(Schema.String)),
  planMode: Schema.optional(Schema.Boolean).pipe(Schema.fromKey("plan_mode")),
  thinkingLevel: Schema.optional(openUnion<"off" | "basic" | "medium" | "maximum">()).pipe(
    Schema.fromKey("thinking_level")
  ),
  maxSteps: Schema.optional(Schema.Number).pipe(Schema.fromKey("max_steps"))
}).annotations({ identifier: "SendMessageRequest" })
