/**
 * What happens in a session, as it happens.
 *
 * Every server generation spells its events differently, and new ones appear. These types are what all of them have in
 * common; what none of them explains is `Other`, never an error.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { MessageId } from "./BackendMessage.ts"

const messageId = Schema.optional(MessageId)

/**
 * The stream of events is open. Everything that happens from now on follows.
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
 * What is known of a tool call. Each change of it is one event with the whole of what is known.
 */
const ToolCall = Schema.TaggedStruct("ToolCall", {
  id: Schema.String,
  /** As the server spells it. Empty where the event that names it was missed. */
  name: Schema.String,
  /** JSON text, cut short while the call is being written. */
  input: Schema.String,
  /** `writing`: the model writes it. `ready`: it is written. `running`, `completed`, `failed`: the tool. */
  status: Schema.Literal("writing", "ready", "running", "completed", "failed")
})

/**
 * A tool waits for permission, and the agent with it.
 */
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
 * A run ended. `text` is that of its last message.
 */
const Completed = Schema.TaggedStruct("Completed", { text: Schema.optional(Schema.String), messageId })

/**
 * A run failed or was cancelled. Many servers send it twice.
 */
const Failed = Schema.TaggedStruct("Failed", {
  message: Schema.String,
  retryAfter: Schema.optional(Schema.DurationFromMillis)
})

/**
 * An event that has no type of its own here, as the server sent it: the parsed JSON, or the text where it is not JSON.
 */
const Other = Schema.TaggedStruct("Other", { event: Schema.String, data: Schema.Unknown })

/**
 * The union of all events. As a schema it serves to send events on, for example from a server to its pages.
 *
 * - `Connected`: the stream is open; everything that happens from now on follows.
 * - `Reconnected`: events may be missing before this one. List the session: the server replays nothing.
 * - `MessageCreated`: a user's message was stored (servers since October 18, 2025).
 * - `Thinking`, `Text`: the next piece of the model's reasoning or answer, for display. Pieces can be lost.
 * - `ToolCall`: what is known of a tool call, whole, each time it changes.
 * - `PermissionRequested`: a tool waits for permission, and the agent with it.
 * - `Completed`, `Failed`: a run ended. Many servers send `Failed` twice.
 * - `Other`: an event that no known server explains, as it came.
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
 * What `onPermission` is asked.
 *
 * @since 0.2.0
 * @category models
 */
export type PermissionRequested = typeof PermissionRequested.Type
