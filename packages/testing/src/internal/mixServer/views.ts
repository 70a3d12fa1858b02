import * as DateTime from "effect/DateTime"
import type { Traits } from "./generations.ts"
import { type Json, marshal } from "./json.ts"
import type { CallbackResult, ToolCall } from "./model.ts"
import type { Row, Session } from "./store.ts"

/** Go's `omitempty`: nothing, an empty text, zero, false and an empty list are not sent. */
const orOmit = <A extends Json>(value: A | undefined): A | undefined =>
  value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0) ? undefined : value

const toolCall = (call: ToolCall): Json => ({
  id: call.id,
  name: call.name,
  input: call.input,
  type: call.type,
  finished: call.finished,
  result: orOmit(call.result),
  isError: orOmit(call.isError),
  screenshotUrls: orOmit(call.screenshotUrls)
})

const callbackResult = (result: CallbackResult): Json => ({
  tool_call_id: result.tool_call_id,
  tool_name: result.tool_name,
  callback_name: orOmit(result.callback_name),
  callback_type: result.callback_type,
  stdout: orOmit(result.stdout),
  stderr: orOmit(result.stderr),
  exit_code: orOmit(result.exit_code),
  subagent_id: orOmit(result.subagent_id),
  subagent_result: orOmit(result.subagent_result),
  success: result.success,
  error: orOmit(result.error)
})

/** A message as it is sent; also the shape of the reply to `send`. */
export const message = (
  row: Pick<Row, "id" | "sessionId" | "role" | "userInput" | "assistantResponse" | "extras">
): Json => ({
  id: row.id,
  sessionId: row.sessionId,
  role: row.role,
  userInput: row.userInput,
  assistantResponse: orOmit(row.assistantResponse),
  toolCalls: orOmit(row.extras?.toolCalls?.map(toolCall)),
  callbackResults: orOmit(row.extras?.callbackResults?.map(callbackResult)),
  reasoning: orOmit(row.extras?.reasoning),
  reasoningDuration: orOmit(row.extras?.reasoningDuration),
  inputTokens: orOmit(row.extras?.inputTokens),
  outputTokens: orOmit(row.extras?.outputTokens),
  cacheCreationTokens: orOmit(row.extras?.cacheCreationTokens),
  cacheReadTokens: orOmit(row.extras?.cacheReadTokens),
  cost: orOmit(row.extras?.cost),
  model: orOmit(row.extras?.model)
})

/** RFC 3339 with whole seconds, in UTC. */
export const timestamp = (seconds: number): string =>
  DateTime.formatIso(DateTime.unsafeMake(seconds * 1000)).replace(".000Z", "Z")

const countOf = (session: Session, role: string): number =>
  session.rows.reduce((count, row) => (row.role === role ? count + 1 : count), 0)

const counts = (value: Session) => ({
  userMessageCount: countOf(value, "user"),
  assistantMessageCount: countOf(value, "assistant"),
  toolCallCount: countOf(value, "tool"),
  promptTokens: value.promptTokens,
  completionTokens: value.completionTokens,
  cost: value.cost,
  createdAt: timestamp(value.createdAt)
})

/** A session as it is sent. `toolCallCount` counts tool rows. */
export const session = (value: Session, traits: Traits): { readonly [key: string]: Json | undefined } => {
  const { id, title } = value
  if (!traits.flattened) return { id, title, ...counts(value) }
  const child = value.parentSessionId !== undefined
  return {
    id,
    parentSessionId: value.parentSessionId,
    title,
    sessionType: child ? "subagent" : "main",
    browserMode: value.browserMode ?? "local-browser-service",
    cdpUrl: orOmit(value.cdpUrl),
    modelId: orOmit(value.modelId),
    provider: orOmit(value.provider),
    ...counts(value),
    callbacks: orOmit(value.callbacks)
  }
}

/** A session in the list has its first message too, as the raw JSON text of the stored parts, until Feb 2026. */
export const listedSession = (value: Session, traits: Traits): Json => {
  if (traits.flattened) return { ...session(value, traits), callbacks: undefined }
  const first = value.rows.find((row) => row.role === "user")
  const parts = (text: string) =>
    marshal([
      { type: "text", data: { text } },
      { type: "finish", data: { reason: "stop", time: 0 } }
    ])
  return { ...session(value, traits), firstUserMessage: first === undefined ? undefined : parts(first.userInput) }
}

/** Go writes the keys of a map in order. */
const sortKeys = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, item === undefined ? undefined : sortKeys(item)])
  )
}

const parsed = (input: string): Json | undefined => {
  try {
    return sortKeys(JSON.parse(input))
  } catch {
    return undefined
  }
}

const exportedMessage = (row: Row): Json => ({
  id: row.id,
  role: row.role,
  content: row.role === "assistant" ? row.assistantResponse : row.userInput,
  // No generation has the results here.
  toolCalls: orOmit(
    row.extras?.toolCalls?.map(({ finished, id, input, name, type }) => ({
      id,
      name,
      input,
      inputJson: parsed(input),
      type,
      finished
    }))
  ),
  reasoning: orOmit(row.extras?.reasoning),
  reasoningDuration: orOmit(row.extras?.reasoningDuration),
  model: orOmit(row.model),
  finishReason: row.finishReason,
  createdAt: timestamp(row.createdAt),
  updatedAt: timestamp(row.updatedAt)
})

/** A session with all of its rows and how each of them ended. */
export const exported = (value: Session): Json => {
  const { createdAt, ...rest } = counts(value)
  return {
    id: value.id,
    title: value.title,
    ...rest,
    createdAt,
    updatedAt: timestamp(value.updatedAt),
    messages: value.rows.map(exportedMessage)
  }
}
