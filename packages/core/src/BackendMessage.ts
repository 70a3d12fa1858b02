/**
 * The messages of a Mix backend.
 *
 * The schemas are tolerant. Values that the server defines (roles, tool names, call types) are open sets, unknown
 * fields are dropped, and an optional field that is `null` counts as absent. Fields that not every server sends are
 * optional, so one type fits every generation since September 2025.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { maybe, maybeNumber, maybeString, openUnion } from "./internal/fields.ts"
import { isPlainMessage } from "./internal/plainMessage.ts"
import { fromParseError, type Mismatch } from "./Mismatch.ts"

/**
 * Identifies a session. Servers issue lower-case UUIDs, but `make` accepts any string. An operation fails with
 * `InvalidRequest` if the id is not safe in a request path.
 *
 * In the reply to `send` it is the empty string, because the server does not repeat it there.
 *
 * @example
 * import { SessionId } from "@mix-effect/core"
 *
 * const id = SessionId.make("7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11")
 *
 * @since 0.1.0
 * @category ids
 */
export const SessionId = Schema.String.pipe(Schema.brand("@mix-effect/core/SessionId"))

/**
 * @since 0.1.0
 * @category ids
 */
export type SessionId = typeof SessionId.Type

/**
 * Identifies a message. It is a UUID, or one of the server's special ids, such as `cmd-help` (the reply to a slash
 * command) and `system-auth-prompt` (the server has no credentials for its language model).
 *
 * @since 0.1.0
 * @category ids
 */
export const MessageId = Schema.String.pipe(Schema.brand("@mix-effect/core/MessageId"))

/**
 * @since 0.1.0
 * @category ids
 */
export type MessageId = typeof MessageId.Type

/**
 * A tool that the assistant called.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCallData {
  readonly id: string
  /** The tool's name. Its spelling differs between generations (`bash`, `Bash`): do not match on it. */
  readonly name: string
  /** JSON text. Empty while the call is being written or after it was cancelled. It may be cut short. */
  readonly input: string
  /** The model provider's word for the call; empty while the call is unfinished. */
  readonly type: "tool_use" | "function" | (string & {})
  readonly finished: boolean
  /** The tool's result. Servers before February 2026 never send it. */
  readonly result?: string | undefined
  /** `true` for a failed call, on servers that send results; else absent. */
  readonly isError?: boolean | undefined
  /** Paths on the server, one for each screenshot the tool took. */
  readonly screenshotUrls?: ReadonlyArray<string> | undefined
}

/**
 * @since 0.1.0
 * @category schemas
 */
export const ToolCallData = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  input: Schema.String,
  type: openUnion<"tool_use" | "function">(),
  finished: Schema.Boolean,
  result: maybeString,
  isError: maybe(Schema.Boolean),
  screenshotUrls: maybe(Schema.Array(Schema.String))
}).annotations({ identifier: "ToolCallData" })

/**
 * The result of a callback that is attached to a tool. Servers since October 2025 send it, on rows of the role
 * `tool`.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallbackResultData {
  readonly toolCallId: string
  readonly toolName: string
  readonly callbackName?: string | undefined
  readonly callbackType: "bash_script" | (string & {})
  readonly stdout?: string | undefined
  readonly stderr?: string | undefined
  /** The process's exit code. The server omits it if it is 0. */
  readonly exitCode?: number | undefined
  readonly subagentId?: string | undefined
  readonly subagentResult?: string | undefined
  readonly success: boolean
  readonly error?: string | undefined
}

/** A field that has another name on the wire. */
const renamed = <A, I, const Key extends string>(schema: Schema.Schema<A, I>, key: Key) =>
  Schema.propertySignature(schema).pipe(Schema.fromKey(key))

/**
 * The wire writes these fields in snake case (`tool_call_id`).
 *
 * @since 0.1.0
 * @category schemas
 */
export const CallbackResultData = Schema.Struct({
  toolCallId: renamed(Schema.String, "tool_call_id"),
  toolName: renamed(Schema.String, "tool_name"),
  callbackName: maybeString.pipe(Schema.fromKey("callback_name")),
  callbackType: renamed(openUnion<"bash_script">(), "callback_type"),
  stdout: maybeString,
  stderr: maybeString,
  exitCode: maybeNumber.pipe(Schema.fromKey("exit_code")),
  subagentId: maybeString.pipe(Schema.fromKey("subagent_id")),
  subagentResult: maybeString.pipe(Schema.fromKey("subagent_result")),
  success: Schema.Boolean,
  error: maybeString
}).annotations({ identifier: "CallbackResultData" })

/**
 * One message of a session. It has no timestamp: only the server's lists give the order.
 *
 * @since 0.1.0
 * @category models
 */
export interface BackendMessage {
  readonly id: MessageId
  readonly sessionId: SessionId
  readonly role: "user" | "assistant" | "tool" | (string & {})
  /** What the user wrote. On assistant rows most servers repeat the response here; on tool rows it is empty. */
  readonly userInput: string
  /** The assistant's text. Absent if it is empty: a turn with only tool calls, or one that has just begun. */
  readonly assistantResponse?: string | undefined
  readonly toolCalls?: ReadonlyArray<ToolCallData> | undefined
  readonly callbackResults?: ReadonlyArray<CallbackResultData> | undefined
  /** The model's reasoning, if the server stored it. */
  readonly reasoning?: string | undefined
  /**
   * How long the model reasoned, in whole **seconds**. The published API description says milliseconds; servers send
   * seconds. Usually absent in lists, because it is computed after the row was last written.
   */
  readonly reasoningDuration?: number | undefined
  /** Tokens that the model read. Servers since February 2026 send this field and the five below. */
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly cacheCreationTokens?: number | undefined
  readonly cacheReadTokens?: number | undefined
  /** The cost of the turn, in US dollars. */
  readonly cost?: number | undefined
  readonly model?: string | undefined
}

/**
 * @example
 * import { BackendMessage } from "@mix-effect/core"
 * import { Schema } from "effect"
 *
 * const message = Schema.decodeUnknownSync(BackendMessage)({
 *   id: "m1",
 *   sessionId: "s1",
 *   role: "user",
 *   userInput: "Summarise sales.csv",
 *   toolCalls: null
 * })
 *
 * @since 0.1.0
 * @category schemas
 */
export const BackendMessage = Schema.Struct({
  id: MessageId,
  sessionId: SessionId,
  role: openUnion<"user" | "assistant" | "tool">(),
  userInput: Schema.String,
  assistantResponse: maybeString,
  toolCalls: maybe(Schema.Array(ToolCallData)),
  callbackResults: maybe(Schema.Array(CallbackResultData)),
  reasoning: maybeString,
  reasoningDuration: maybeNumber,
  inputTokens: maybeNumber,
  outputTokens: maybeNumber,
  cacheCreationTokens: maybeNumber,
  cacheReadTokens: maybeNumber,
  cost: maybeNumber,
  model: maybeString
}).annotations({ identifier: "BackendMessage" })

/**
 * A list of messages as the server sends it: an array, or `null`, which early servers send for an empty list.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BackendMessages = Schema.transform(
  Schema.NullOr(Schema.Array(BackendMessage)),
  Schema.Array(Schema.typeSchema(BackendMessage)),
  { strict: true, decode: (list) => list ?? [], encode: (list) => list }
).annotations({ identifier: "BackendMessages" })

const decodeList = Schema.decodeUnknownEither(BackendMessages)

const decodeBySchema = Schema.decodeUnknownEither(BackendMessage)

const decodeRow = (row: unknown): Either.Either<BackendMessage, ParseResult.ParseError> =>
  isPlainMessage(row) ? Either.right(row as BackendMessage) : decodeBySchema(row)

/**
 * Decodes parsed JSON as `Schema.decodeUnknownEither(BackendMessages)` does, but many times as fast, because it does
 * not copy rows that need no change. For implementations of `MessagesService` over another transport.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decodeBackendMessages = (
  json: unknown
): Either.Either<ReadonlyArray<BackendMessage>, ParseResult.ParseError> => {
  if (!Array.isArray(json)) return decodeList(json)
  const messages: Array<BackendMessage> = []
  for (const row of json) {
    const message = decodeRow(row)
    // The error of the list says at which index.
    if (Either.isLeft(message)) return decodeList(json)
    messages.push(message.right)
  }
  return Either.right(messages)
}

/**
 * A row of a list that cannot be read as a message.
 *
 * @since 0.2.0
 * @category models
 */
export interface UnreadableRow {
  /** Its index in the list that the server sent. */
  readonly index: number
  /** Its id and session, if they can be read. */
  readonly id?: string | undefined
  readonly sessionId?: string | undefined
  /** What is wrong with it. */
  readonly mismatch: Mismatch
}

/** The string at a key of what may be no object. */
const stringAt = (value: unknown, key: string): string | undefined => {
  const found: unknown =
    typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined
  return typeof found === "string" ? found : undefined
}

/**
 * Like `decodeBackendMessages`, but leaves out rows that cannot be read, and calls `onUnreadable` for each. Fails if
 * the JSON is not a list.
 *
 * @since 0.2.0
 * @category decoding
 */
export const decodeReadableMessages = (
  json: unknown,
  onUnreadable: (row: UnreadableRow) => void
): Either.Either<ReadonlyArray<BackendMessage>, ParseResult.ParseError> => {
  if (!Array.isArray(json)) return decodeList(json)
  const messages: Array<BackendMessage> = []
  for (const [index, row] of json.entries()) {
    const message = decodeRow(row)
    if (Either.isRight(message)) messages.push(message.right)
    else {
      const id = stringAt(row, "id")
      const sessionId = stringAt(row, "sessionId")
      onUnreadable({ index, id, sessionId, mismatch: fromParseError(message.left) })
    }
  }
  return Either.right(messages)
}
