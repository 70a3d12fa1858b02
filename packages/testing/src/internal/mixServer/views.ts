import * as DateTime from "effect/DateTime"
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
export const message = (row: Omit<Row, "createdAt">): Json => ({
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

/** A session as it is sent. `toolCallCount` counts tool rows; the costs are always zero here. */
export const session = (value: Session): { readonly [key: string]: Json } => ({
  id: value.id,
  title: value.title,
  userMessageCount: countOf(value, "user"),
  assistantMessageCount: countOf(value, "assistant"),
  toolCallCount: countOf(value, "tool"),
  promptTokens: 0,
  completionTokens: 0,
  cost: 0,
  createdAt: timestamp(value.createdAt)
})

/** A session in the list has its first message too, as the raw JSON text of the stored parts. */
export const listedSession = (value: Session): Json => {
  const first = value.rows.find((row) => row.role === "user")
  const parts = (text: string) =>
    marshal([
      { type: "text", data: { text } },
      { type: "finish", data: { reason: "stop", time: 0 } }
    ])
  return { ...session(value), firstUserMessage: first === undefined ? undefined : parts(first.userInput) }
}
