/** A message as a row of the table `messages`, and back. */
import { BackendMessage } from "@mix-effect/core"
import { Schema } from "effect"
import * as StoredText from "./StoredText.ts"

/** The columns that hold what the server says. */
export interface Content {
  readonly session_id: string
  readonly role: string
  readonly user_input: string
  readonly assistant_response: string | null
  /** JSON, as are the callback results. */
  readonly tool_calls: string | null
  readonly callback_results: string | null
  readonly reasoning: string | null
  readonly reasoning_duration: number | null
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cache_creation_tokens: number | null
  readonly cache_read_tokens: number | null
  readonly cost: number | null
  readonly model: string | null
}

export interface Row extends Content {
  readonly id: string
  /** Changes when the content does. */
  readonly digest: string
}

const orNull = <A, B>(value: A | undefined, encode: (value: A) => B): B | null =>
  value === undefined ? null : encode(value)

const same = (value: number) => value

export const toRow = (message: BackendMessage): Row => {
  const content: Content = {
    session_id: StoredText.encodeId(message.sessionId),
    role: StoredText.encode(message.role),
    user_input: StoredText.encode(message.userInput),
    assistant_response: orNull(message.assistantResponse, StoredText.encode),
    // JSON.stringify escapes what a database cannot hold.
    tool_calls: orNull(message.toolCalls, JSON.stringify),
    callback_results: orNull(message.callbackResults, JSON.stringify),
    reasoning: orNull(message.reasoning, StoredText.encode),
    reasoning_duration: orNull(message.reasoningDuration, same),
    input_tokens: orNull(message.inputTokens, same),
    output_tokens: orNull(message.outputTokens, same),
    cache_creation_tokens: orNull(message.cacheCreationTokens, same),
    cache_read_tokens: orNull(message.cacheReadTokens, same),
    cost: orNull(message.cost, same),
    model: orNull(message.model, StoredText.encode)
  }
  return {
    ...content,
    id: StoredText.encodeId(message.id),
    digest: StoredText.digest(JSON.stringify(Object.values(content)))
  }
}

const isMessage = Schema.decodeUnknownSync(Schema.typeSchema(BackendMessage))

const given = <A, B>(value: A | null, decode: (value: A) => B): B | undefined =>
  value === null ? undefined : decode(value)

const parse = (json: string): unknown => JSON.parse(json)

export const fromRow = (row: Content & { readonly id: string }): BackendMessage => {
  const message = {
    id: StoredText.decode(row.id),
    sessionId: StoredText.decode(row.session_id),
    role: StoredText.decode(row.role),
    userInput: StoredText.decode(row.user_input),
    assistantResponse: given(row.assistant_response, StoredText.decode),
    toolCalls: given(row.tool_calls, parse),
    callbackResults: given(row.callback_results, parse),
    reasoning: given(row.reasoning, StoredText.decode),
    reasoningDuration: given(row.reasoning_duration, same),
    inputTokens: given(row.input_tokens, same),
    outputTokens: given(row.output_tokens, same),
    cacheCreationTokens: given(row.cache_creation_tokens, same),
    cacheReadTokens: given(row.cache_read_tokens, same),
    cost: given(row.cost, same),
    model: given(row.model, StoredText.decode)
  }
  return isMessage(Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined)))
}
