/**
 * A session, the request for a new one, and a session's export.
 *
 * @since 0.2.0
 */
import * as DateTime from "effect/DateTime"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { SessionId } from "./BackendMessage.ts"
import { maybe, maybeNumber, maybeString, openUnion } from "./internal/fields.ts"

const isUtc = (input: unknown): input is DateTime.Utc => DateTime.isDateTime(input) && DateTime.isUtc(input)

/** Whole seconds in the server's own zone. As `Schema.DateTimeUtc`, without its weight in a page. */
const Time = Schema.transformOrFail(Schema.String, Schema.declare(isUtc, { identifier: "DateTimeUtc" }), {
  strict: true,
  decode: (text, _, ast) => {
    const date = new Date(text)
    return Number.isNaN(date.getTime())
      ? ParseResult.fail(new ParseResult.Type(ast, text))
      : ParseResult.succeed(DateTime.unsafeFromDate(date))
  },
  encode: (time) => ParseResult.succeed(DateTime.toDateUtc(time).toISOString())
})

type BrowserMode = "electron-embedded-browser" | "local-browser-service" | "remote-cdp-websocket"

/**
 * A session as the server describes it. The server's generation decides which optional fields are present.
 *
 * @since 0.2.0
 * @category models
 */
export interface Session {
  readonly id: SessionId
  /** Servers rewrite the title after the first message. */
  readonly title: string
  readonly createdAt: DateTime.Utc
  readonly sessionType?: "main" | (string & {}) | undefined
  readonly subagentType?: string | undefined
  readonly parentSessionId?: SessionId | undefined
  readonly parentToolCallId?: string | undefined
  readonly browserMode?: BrowserMode | (string & {}) | undefined
  readonly cdpUrl?: string | undefined
  readonly modelId?: string | undefined
  readonly provider?: string | undefined
  /** In the server's own form. */
  readonly callbacks?: ReadonlyArray<unknown> | undefined
  readonly workingDirectory?: string | undefined
  readonly userMessageCount?: number | undefined
  readonly assistantMessageCount?: number | undefined
  /** Counts the rows of the role `tool`, not the calls. */
  readonly toolCallCount?: number | undefined
  /** Tokens of the last turn, not a sum. */
  readonly promptTokens?: number | undefined
  readonly completionTokens?: number | undefined
  /** In US dollars. */
  readonly cost?: number | undefined
  /** The parts of the first message as JSON text, in the server's own form; in lists only. */
  readonly firstUserMessage?: string | undefined
}

/**
 * @since 0.2.0
 * @category schemas
 */
export const Session = Schema.Struct({
  id: SessionId,
  title: Schema.String,
  createdAt: Time,
  sessionType: maybe(openUnion<"main">()),
  subagentType: maybeString,
  parentSessionId: maybe(SessionId),
  parentToolCallId: maybeString,
  browserMode: maybe(openUnion<BrowserMode>()),
  cdpUrl: maybeString,
  modelId: maybeString,
  provider: maybeString,
  callbacks: maybe(Schema.Array(Schema.Unknown)),
  workingDirectory: maybeString,
  userMessageCount: maybeNumber,
  assistantMessageCount: maybeNumber,
  toolCallCount: maybeNumber,
  promptTokens: maybeNumber,
  completionTokens: maybeNumber,
  cost: maybeNumber,
  firstUserMessage: maybeString
}).annotations({ identifier: "Session" })

/**
 * The request for a new session. Only the keys that are set are sent, because a server refuses a key that it does not
 * know.
 *
 * @since 0.2.0
 * @category models
 */
export interface NewSession {
  readonly title: string
  /** Servers since February 11, 2026 require it; earlier ones refuse the key. */
  readonly browserMode?: BrowserMode | (string & {}) | undefined
  /** A ws:// or wss:// url, for the browser mode `remote-cdp-websocket`. */
  readonly cdpUrl?: string | undefined
  readonly customSystemPrompt?: string | undefined
  readonly promptMode?: "default" | "append" | "replace" | (string & {}) | undefined
  readonly modelId?: string | undefined
  readonly provider?: string | undefined
}

/**
 * @example
 * import { NewSession } from "@mix-effect/core"
 * import { Schema } from "effect"
 *
 * // { title: "Sales review", browserMode: "local-browser-service" }
 * const wire = Schema.encodeSync(NewSession)({ title: "Sales review", browserMode: "local-browser-service" })
 *
 * @since 0.2.0
 * @category schemas
 */
export const NewSession = Schema.Struct({
  title: Schema.String,
  browserMode: Schema.optional(openUnion<BrowserMode>()),
  cdpUrl: Schema.optional(Schema.String),
  customSystemPrompt: Schema.optional(Schema.String),
  promptMode: Schema.optional(openUnion<"default" | "append" | "replace">()),
  modelId: Schema.optional(Schema.String),
  provider: Schema.optional(Schema.String)
}).annotations({ identifier: "NewSession" })

/**
 * The part of a session's export that `ask` reads: the rows, and how far the server is with each.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionExport {
  readonly messages: ReadonlyArray<{
    readonly id: string
    readonly role: string
    readonly content?: string | undefined
    /**
     * Absent while the row is being written. `tool_use`: the turn goes on. `end_turn`, `max_tokens`: done. `canceled`:
     * cancelled or failed. `permission_denied`.
     */
    readonly finishReason?: string | undefined
    readonly toolCalls?: ReadonlyArray<{ readonly id: string }> | undefined
  }>
}

/**
 * @since 0.2.0
 * @category schemas
 */
export const SessionExport = Schema.Struct({
  messages: Schema.optionalWith(
    Schema.Array(
      Schema.Struct({
        id: Schema.String,
        role: Schema.String,
        content: maybeString,
        finishReason: maybeString,
        toolCalls: maybe(Schema.Array(Schema.Struct({ id: Schema.String })))
      })
    ),
    { nullable: true, default: () => [] }
  )
}).annotations({ identifier: "SessionExport" })
