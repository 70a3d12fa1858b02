import type { Traits } from "./generations.ts"
import type { Json } from "./json.ts"

/** An event for the streams. */
export interface Event {
  readonly name: string
  readonly data: Json
  /** What the client is told to wait before it reconnects, in milliseconds. */
  readonly retry: number
  /** Ends a run for whoever watches the stream. */
  readonly isFinal?: boolean
}

/** What an event says of a tool call. */
export interface Call {
  readonly id: string
  readonly name: string
  readonly input: string
}

const event = (name: string, data: Json): Event => ({ name, data, retry: 30_000 })

export const connected = (sessionId: string) => event("connected", { sessionId })
export const heartbeat: Event = { name: "heartbeat", data: { type: "ping" }, retry: 45_000 }
export const error = (message: string, type?: string): Event => ({
  name: "error",
  data: { error: message, type },
  retry: 750,
  isFinal: true
})
export const rateLimited = (retryAfter: number, attempt: number, maxAttempts: number) =>
  event("rate_limit_error", {
    error: "This request would exceed your account's rate limit. The application will automatically retry.",
    type: "rate_limit_error",
    retryAfter,
    attempt,
    maxAttempts
  })
export const sessionCreated = (sessionId: string, title: string, createdAt: number) =>
  event("session_created", { type: "session_created", sessionId, title, createdAt })
export const sessionDeleted = (sessionId: string) => event("session_deleted", { type: "session_deleted", sessionId })
export const custom = event

/** The last event of a run that went well. */
export const complete = (fields: {
  readonly content: string
  readonly messageId?: string | undefined
  readonly reasoning?: string | undefined
}): Event => ({
  ...event("complete", {
    type: "complete",
    content: fields.content === "" ? undefined : fields.content,
    messageId: fields.messageId,
    done: true,
    reasoning: fields.reasoning === "" ? undefined : fields.reasoning
  }),
  isFinal: true
})

/** A duration as Go prints it. */
const goDuration = (millis: number): string => {
  if (millis === 0) return "0s"
  if (millis < 1000) return `${millis}ms`
  const minutes = Math.floor(millis / 60_000)
  return `${minutes === 0 ? "" : `${minutes}m`}${(millis % 60_000) / 1000}s`
}

/** The events that a run sends, in the words of a generation. Some have none there. */
export const make = (traits: Traits) => {
  const of = (messageId: string) => (traits.namesAssistantRow ? { assistantMessageId: messageId } : {})
  const old = traits.toolEvents !== "tool_use"
  const tool = ({ id, name }: Call, input: string, status: string) =>
    event("tool", { type: "tool", name, input, id, status })
  const toolName = (name: string) => (traits.namesTools ? name : "")
  return {
    userRow: (messageId: string, content: string): ReadonlyArray<Event> =>
      traits.announcesUserRow
        ? [event("user_message_created", { type: "user_message_created", messageId, content })]
        : [],
    thinking: (messageId: string, content: string) =>
      event("thinking", { type: "thinking", content, ...of(messageId) }),
    content: (messageId: string, content: string) => event("content", { type: "content", content, ...of(messageId) }),
    toolStart: (messageId: string, call: Call) =>
      old
        ? tool(call, "", "running")
        : event("tool_use_start", { type: "tool_use_start", name: call.name, id: call.id, ...of(messageId) }),
    toolInput: (messageId: string, { id: toolCallId }: Call, input: string): ReadonlyArray<Event> => {
      if (traits.toolEvents === "tool") return []
      const type = old ? "tool_parameter_delta" : "tool_use_parameter_delta"
      return [event(type, { type, toolCallId, input, ...of(messageId) })]
    },
    toolReady: (messageId: string, call: Call) => {
      const type = "tool_use_parameter_streaming_complete"
      return old
        ? tool(call, "", "completed")
        : event(type, { type, name: call.name, input: call.input, id: call.id, ...of(messageId) })
    },
    toolRunning: ({ id: toolCallId, name }: Call) => {
      const type = "tool_execution_start"
      return event(type, { type, toolName: toolName(name), progress: `Executing ${name} tool`, toolCallId })
    },
    toolDone: ({ id: toolCallId, name }: Call, millis: number, success: boolean) => {
      const type = "tool_execution_complete"
      const progress = success
        ? `Completed ${name} tool in ${goDuration(millis)}`
        : `Completed ${name} tool in ${goDuration(millis)} with error`
      return event(type, { type, toolName: toolName(name), progress, success, toolCallId })
    },
    /** Earlier servers send a call once more when its result is stored. */
    toolStored: (call: Call): ReadonlyArray<Event> => (old ? [tool(call, call.input, "completed")] : [])
  }
}
