/** What the frames of all server generations say, as `SessionEvent`s. Nothing that a server writes is an error here. */
import type { SessionEvent } from "../../SessionEvent.ts"
import type { Frame } from "./sse.ts"

type ToolCall = Extract<SessionEvent, { readonly _tag: "ToolCall" }>
type Failed = Extract<SessionEvent, { readonly _tag: "Failed" }>
type MessageId = Extract<SessionEvent, { readonly _tag: "MessageCreated" }>["messageId"]

/** How many tool calls are remembered. */
const maxCalls = 256

/** The longest input that is put together of pieces. */
const maxInput = 16 * 1024 * 1024

const order: ReadonlyArray<ToolCall["status"]> = ["writing", "ready", "running", "completed", "failed"]

const parse = (data: string): unknown => {
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

/**
 * Makes the reader of one session's frames. It remembers the tool calls, so one reader serves all connections of a session.
 * `seconds` makes the duration type of the edition. A frame that says nothing new gives `undefined`.
 */
export const make = (sessionId: string, seconds: (count: number) => NonNullable<Failed["retryAfter"]>) => {
  const calls = new Map<string, ToolCall>()

  /** Puts an event about a tool call together with what is known of it. The status never goes back. */
  const fold = (id: string, status: ToolCall["status"], name: string, input: (known: ToolCall) => string) => {
    const known: ToolCall = calls.get(id) ?? { _tag: "ToolCall", id, name: "", input: "", status: "writing" }
    const call: ToolCall = {
      ...known,
      name: name || known.name,
      input: input(known).slice(0, maxInput),
      status: order.indexOf(known.status) > order.indexOf(status) ? known.status : status
    }
    const isNew = !calls.delete(id)
    calls.set(id, call)
    if (calls.size > maxCalls) calls.delete(calls.keys().next().value as string)
    const changed = known.name !== call.name || known.input !== call.input || known.status !== call.status
    return isNew || changed ? call : undefined
  }

  return ({ data, event }: Frame): SessionEvent | undefined => {
    const json = parse(data)
    const other: SessionEvent = { _tag: "Other", event, data: json }
    if (typeof json !== "object" || json === null) return other
    const fields = json as Readonly<Record<string, unknown>>
    let mangled = false
    /** A field that must be a string where it is set. */
    const text = (name: string): string => {
      const value = fields[name] ?? ""
      if (typeof value === "string") return value
      mangled = true
      return ""
    }
    /** The same for a field without which the event says nothing. */
    const required = (name: string): string => {
      const value = text(name)
      mangled ||= value === ""
      return value
    }
    const messageId = (name: string) => {
      const id = text(name) as MessageId
      return id === "" ? undefined : { messageId: id }
    }
    /** The input is known as a whole, or grows by a piece. Pieces that come after the whole are late, or doubled. */
    const call = (key: string, status: ToolCall["status"], name: string, whole = "", piece = "") => {
      const id = required(key)
      if (mangled) return
      return fold(id, status, name, (known) => whole || known.input + (known.status === "writing" ? piece : ""))
    }
    const sessionEvent = (): SessionEvent | undefined => {
      switch (event) {
        case "connected":
          return { _tag: "Connected" }
        case "heartbeat":
          return
        case "user_message_created":
          return {
            _tag: "MessageCreated",
            messageId: required("messageId") as MessageId,
            text: text("content")
          }
        case "thinking":
        case "content":
          return {
            _tag: event === "content" ? "Text" : "Thinking",
            text: text("content"),
            ...messageId("assistantMessageId")
          }
        // Sent for every call of a message on each update. `completed` says that the call is written.
        case "tool":
          return call("id", text("status") === "completed" ? "ready" : "writing", text("name"), text("input"))
        case "tool_use_start":
          return call("id", "writing", text("name"))
        case "tool_parameter_delta":
        case "tool_use_parameter_delta":
          return call("toolCallId" in fields ? "toolCallId" : "id", "writing", text("name"), "", text("input"))
        case "tool_use_parameter_streaming_complete":
          return call("id", "ready", text("name"), text("input"))
        case "tool_execution_start":
          return call("toolCallId", "running", text("toolName"))
        case "tool_execution_complete":
          return call("toolCallId", fields.success === false ? "failed" : "completed", text("toolName"))
        case "permission":
          return {
            _tag: "PermissionRequested",
            id: required("id"),
            toolName: text("toolName"),
            description: text("description"),
            action: text("action"),
            path: text("path"),
            params: fields.params
          }
        case "complete": {
          const content = text("content")
          return { _tag: "Completed", ...(content !== "" && { text: content }), ...messageId("messageId") }
        }
        case "error": {
          const { retryAfter } = fields
          return {
            _tag: "Failed",
            message: text("error"),
            ...(typeof retryAfter === "number" && retryAfter > 0 && { retryAfter: seconds(retryAfter) })
          }
        }
        default:
          return other
      }
    }
    const foreign = typeof fields.sessionId === "string" && fields.sessionId !== sessionId
    const result = foreign && event !== "connected" ? other : sessionEvent()
    return mangled ? other : result
  }
}
