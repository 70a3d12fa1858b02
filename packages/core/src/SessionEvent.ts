/**
 * The events of a session.
 *
 * Every server generation names its events differently, and new events appear. These types are what all generations
 * have in common. An unknown event is `Other`, never an error.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { MessageId } from "./BackendMessage.ts"
import { DurationFromMillis } from "./internal/fields.ts"

const messageId = Schema.optional(MessageId)

/**
 * The stream of events is open. All further events follow.
 */
const Connected = Schema.TaggedStruct("Connected", {})

/**
 * The stream of events was interrupted and is open again, or this reader was too slow. Events may be missing before this
 * one: the server replays nothing, so list the session.
 */
const Reconnected = Schema.TaggedStruct("Reconnected", {})

/**
 * A user's message was stored. Servers since October 18, 2025 send it.
 */
const MessageCreated = Schema.TaggedStruct("MessageCreated", { messageId: MessageId, text: Schema.String })

/**
 * The next piece of the model's reasoning.
 */
const Thinking = Schema.TaggedStruct("Thinking", { text: Schema.String, messageId })

/**
 * The next piece of the answer. Pieces can be lost: for display only.
 */
const Text = Schema.TaggedStruct("Text", { text: Schema.String, messageId })

/**
 * Everything that is known about a tool call. Each change is one event with all fields.
 */
const ToolCall = Schema.TaggedStruct("ToolCall", {
  id: Schema.String,
  /** The server's name for the tool. Empty if the event that names it was missed. */
  name: Schema.String,
  /** JSON text, cut short while the call is being written. */
  input: Schema.String,
  /** `writing`: the model writes it. `ready`: it is written. `running`, `completed`, `failed`: the tool. */
  status: Schema.Literal("writing", "ready", "running", "completed", "failed")
})

/**
 * A tool waits for a permission, and the agent waits with it. */
const PermissionRequested = Schema.TaggedStruct("PermissionRequested", {
  id: Schema.String,
  toolName: Schema.String,
  description: Schema.String,
  action: Schema.String,
  path: Schema.String,
  /** The tool's parameters, in the tool's own form. */
  params: Schema.Unknown
})

/**
 * A run ended. `text` is the text of its last message.
 */
const Completed = Schema.TaggedStruct("Completed", { text: Schema.optional(Schema.String), messageId })

/**
 * A run failed or was cancelled. Many servers send it twice.
 */
const Failed = Schema.TaggedStruct("Failed", {
  message: Schema.String,
  retryAfter: Schema.optional(DurationFromMillis)
})

/**
 * An event without its own type, as the server sent it: parsed JSON, or the text if it is not JSON.
 */
const Other = Schema.TaggedStruct("Other", { event: Schema.String, data: Schema.Unknown })

/**
 * The union of all events. Use the schema to pass events on, for example from a server to its pages.
 *
 * - `Connected`: the stream is open; all further events follow.
 * - `Reconnected`: events may be missing before this one. List the session: the server replays nothing.
 * - `MessageCreated`: a user's message was stored (servers since October 18, 2025).
 * - `Thinking`, `Text`: the next piece of the model's reasoning or answer, for display. Pieces can be lost.
 * - `ToolCall`: everything that is known about a tool call, each time it changes.
 * - `PermissionRequested`: a tool waits for a permission, and the agent waits with it.
 * - `Completed`, `Failed`: a run ended. Many servers send `Failed` twice.
 * - `Other`: an unknown event, as it came.
 *
 * @since 0.2.0
 * @category schemas
 */
export const SessionEvent = Schema.Union(
  Connected,
  Reconnected,
  MessageCreated,
  Thinking,
  Text,
  ToolCall,
  PermissionRequested,
  Completed,
  Failed,
  Other
).annotations({ identifier: "SessionEvent" })

/**
 * @since 0.2.0
 * @category models
 */
export type SessionEvent = typeof SessionEvent.Type

/**
 * The argument of `onPermission`.
 *
 * @since 0.2.0
 * @category models
 */
export type PermissionRequested = typeof PermissionRequested.Type
