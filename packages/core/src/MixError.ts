/**
 * Everything that can go wrong, as tagged errors.
 *
 * "Could not reach the server", "the server refused" and "could not understand the reply" are different errors. Each
 * error says which operation failed, whether you may simply repeat the call (`isRetryable`), how long the server asks
 * to wait (`retryAfter`), and, for `send`, what became of the message (`outcome`). None carries a credential or an
 * object of the HTTP client underneath. Only `AgentFailed` holds the text of messages; you may log all others or send
 * them elsewhere as they are.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { BackendMessage } from "./BackendMessage.ts"
import { HistoryCursor } from "./HistoryCursor.ts"
import { HistoryStats } from "./HistoryStats.ts"
import { type Endpoint, endpoints } from "./internal/endpoints.ts"
import { foreignBody, lasting, line, said } from "./internal/errorText.ts"
import { DurationFromMillis, withDefault } from "./internal/fields.ts"
import { harmless, isOnce, namesSession } from "./internal/outcome.ts"

/**
 * The operation that failed. If a stream cannot read a page, it is `getHistory`.
 *
 * @since 0.1.0
 * @category models
 */
export type Operation = typeof Operation.Type

/**
 * @since 0.1.0
 * @category schemas
 */
export const Operation = Schema.Literal(
  "getHistory",
  "listSession",
  "send",
  "streamHistory",
  "followHistory",
  "createSession",
  "listSessions",
  "getSession",
  "deleteSession",
  "cancelSession",
  "sessionEvents",
  "exportSession",
  "answerPermission",
  "ask"
)

/** What became of a failed `send`, `ask`, `create` or `cancel`:
 *
 * - `notSent`: it never left. Sending it again is safe.
 * - `refused`: the server refused the request; the agent saw nothing.
 * - `unknown`: it may have reached the agent. List the session before sending it again.
 * - `accepted`: the server took it and answers later (`ReplyPending`). Do not send it again.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = typeof Outcome.Type

/**
 * @since 0.1.0
 * @category schemas
 */
export const Outcome = Schema.Literal("notSent", "refused", "unknown", "accepted")

/**
 * The server's own words about a failure. `code` usually repeats the HTTP status. If they differ, the HTTP status
 * decides the tag of the error.
 *
 * @since 0.1.0
 * @category models
 */
export type ServerMessage = typeof ServerMessage.Type

/**
 * @since 0.1.0
 * @category schemas
 */
export const ServerMessage = Schema.Struct({
  code: Schema.optional(Schema.Number),
  message: Schema.optional(Schema.String),
  type: Schema.optional(Schema.String)
})

const exchange = {
  operation: Operation,
  /** What became of the message. `MessagesService.make` sets it on every error of `send`. */
  outcome: Schema.optional(Outcome),
  /** How many requests were made, including the first. */
  attempts: withDefault(Schema.Int, 1),
  /** Time from the call to this failure, including waits. */
  elapsed: withDefault(DurationFromMillis, Duration.zero),
  /** `true` if a retry was due, but the layer's retry budget was used up by earlier failures. */
  budgetExhausted: Schema.optional(Schema.Boolean)
}

const reply = {
  ...exchange,
  /** How long the server asks to wait before the next attempt. */
  retryAfter: Schema.optional(DurationFromMillis),
  /** What the server said about it, if the reply has the form of Mix's own errors. */
  error: Schema.optional(ServerMessage),
  /** The kind of body that came instead of JSON. An HTML page is rarely from Mix. */
  bodyKind: Schema.optional(Schema.Literal("text", "html", "empty", "other"))
}

/** Who else may have answered, such as a proxy; only for a reply that does not have the form of Mix's own errors. */
const hint = Schema.optional(Schema.String)

interface HttpErrorClass<Self, Tag extends string, Fields extends Schema.Struct.Fields>
  extends Schema.Class<
    Self,
    Fields,
    Schema.Struct.Encoded<Fields>,
    Schema.Struct.Context<Fields>,
    Schema.Struct.Constructor<Omit<Fields, "_tag">>,
    object,
    Cause.YieldableError & Endpoint
  > {
  readonly _tag: Tag
}

/** A stream adds its `cursor`, which the types of other operations do not show. */
const ofStream = { cursor: Schema.optional(HistoryCursor) }

/** `Schema.TaggedError` with `method` and `route`, which follow from the operation. `hidden` are fields that the type leaves out. */
const httpError =
  <Self>() =>
  <const Tag extends string, Fields extends Schema.Struct.Fields>(
    tag: Tag,
    fields: Fields,
    hidden: Schema.Struct.Fields = ofStream
  ) => {
    const base = Schema.TaggedError<unknown>(`@mix-effect/core/${tag}`)(tag, { ...fields, ...hidden })
    for (const name of ["method", "route"] as const) {
      Object.defineProperty(base.prototype, name, {
        get(this: { readonly operation: Operation }) {
          return endpoints[this.operation][name]
        }
      })
    }
    // The types of getters that are defined so, and of a class that is yet to be extended, have to be told.
    return base as unknown as HttpErrorClass<Self, Tag, { readonly _tag: Schema.tag<Tag> } & Fields>
  }

const wait = (retryAfter: Duration.Duration | undefined) =>
  retryAfter === undefined ? undefined : `it asks to wait ${lasting(Duration.toMillis(retryAfter))}`

/**
 * A parameter that no server would understand. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("@mix-effect/core/InvalidRequest")(
  "InvalidRequest",
  {
    operation: Operation,
    outcome: withDefault(Schema.Literal("notSent"), "notSent"),
    /** The parameter's name, as in `limit` or `media[2]`. */
    parameter: Schema.String,
    /** The allowed values. */
    expected: Schema.String,
    /** The kind of the value; the value itself is not kept. */
    actual: Schema.String
  }
) {
  declare readonly retryAfter?: undefined
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    return line(this, `${this.parameter} must be ${this.expected}, but is ${this.actual}`)
  }
}

/**
 * 400: the server refused what was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class BadRequest extends httpError<BadRequest>()("BadRequest", reply) {
  readonly status = 400
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    return line(this, `the server refused the request (400${said(this.error)})`, foreignBody(this.bodyKind))
  }
}

/**
 * 401: the server, or a proxy in front of it, requires credentials; or the server has none for its language model.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends httpError<Unauthorized>()("Unauthorized", reply) {
  readonly status = 401
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    const advice = this.error === undefined ? "is bearerToken (MIX_BEARER_TOKEN) set and valid?" : undefined
    return line(this, `not authenticated (401${said(this.error)})`, advice)
  }
}

/**
 * 404: no such session or slash command; or no such path, if the server url is wrong. On every known server,
 * `listSession` of an unknown session is an empty list, not this error.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotFound extends httpError<NotFound>()("NotFound", reply) {
  readonly status = 404
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    const advice = this.error === undefined ? "is the server url that of a Mix backend?" : undefined
    return line(this, `not found (404${said(this.error)})`, advice)
  }
}

/**
 * 429: too many requests. Mix itself never sends it; a proxy in front of it may.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited extends httpError<RateLimited>()("RateLimited", reply) {
  readonly status = 429
  get isRetryable(): boolean {
    return true
  }
  override get message(): string {
    return line(this, `too many requests (429${said(this.error)})`, wait(this.retryAfter))
  }
}

/** 520 to 524, 529 and 530 are those of Cloudflare and other gateways whose server fails, or is overloaded. */
const passing: ReadonlyArray<number> = [500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530]

/**
 * 5xx: the server, or a proxy in front of it, failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerError extends httpError<ServerError>()("ServerError", {
  ...reply,
  status: Schema.Int,
  hint
}) {
  /** Whether the failure may be temporary: not 501 or 505, and not a refusal because of the session. */
  get isRetryable(): boolean {
    return passing.includes(this.status) && harmless(this) && !namesSession(this)
  }
  override get message(): string {
    const advice = [this.hint, wait(this.retryAfter)].filter((part) => part !== undefined).join("; ")
    return line(this, `the server failed (${this.status}${said(this.error)})`, advice === "" ? undefined : advice)
  }
}

/**
 * Any other status, including redirects, which are never followed.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnexpectedStatus extends httpError<UnexpectedStatus>()("UnexpectedStatus", {
  ...reply,
  status: Schema.Int,
  hint,
  /** The beginning of the body, at most 2 KiB. */
  body: Schema.optional(Schema.String)
}) {
  /** Only 408 and 425, and only for a read: the server gave up waiting for the request, or refused it as too early. */
  get isRetryable(): boolean {
    return (this.status === 408 || this.status === 425) && !isOnce(this.operation)
  }
  override get message(): string {
    const redirect = this.status >= 300 && this.status < 400
    const what = redirect ? "a redirect, which is never followed" : "an unexpected status"
    const advice = redirect ? "is the server url right, to the letter?" : (this.hint ?? foreignBody(this.bodyKind))
    return line(this, `${what} (${this.status}${said(this.error)})`, advice)
  }
}

/**
 * The server could not be reached, or the connection was lost.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionError extends httpError<ConnectionError>()("ConnectionError", {
  ...exchange,
  /** The engine's error code, such as `ECONNREFUSED`; `UNKNOWN` if it has none. */
  code: Schema.String,
  /**
   * How far the request got. `connect`: no connection, so nothing was sent. `headers`: the request was sent, at least
   * in part, and no reply came. `unknown`: the HTTP client does not say. (A reply that breaks off is a
   * `ResponseDecodeError`.)
   */
  phase: Schema.Literal("connect", "headers", "unknown"),
  /** `host:port` of the server. */
  address: Schema.String,
  /** What to check first. */
  hint: Schema.optional(Schema.String),
  /** `false` if a retry cannot help: an untrusted certificate, a proxy that refuses. */
  transient: withDefault(Schema.Boolean, true)
}) {
  declare readonly retryAfter?: undefined
  /** `false` for a host name that was not found twice. */
  get isRetryable(): boolean {
    return this.transient && harmless(this) && !(this.code === "ENOTFOUND" && this.attempts > 1)
  }
  override get message(): string {
    const what = { connect: "cannot reach", headers: "lost the connection to", unknown: "no reply from" }[this.phase]
    return line(this, `${what} ${this.address} (${this.code})`, this.hint)
  }
}

/**
 * The server took longer than allowed.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestTimeout extends httpError<RequestTimeout>()("RequestTimeout", {
  ...exchange,
  /**
   * What the call was waiting for: the connection, the head of the reply, or the rest of its body. For an HTTP client
   * that cannot see its connections, it is `headers` in the first two cases.
   */
  phase: Schema.Literal("connect", "headers", "body"),
  /** Which limit was reached: of one attempt, of the call with its retries, or of the HTTP engine. */
  scope: Schema.Literal("attempt", "deadline", "engine"),
  /** The length of the limit. That of an engine is not always known. */
  limit: Schema.optional(DurationFromMillis)
}) {
  declare readonly retryAfter?: undefined
  get isRetryable(): boolean {
    return this.scope !== "deadline" && harmless(this)
  }
  override get message(): string {
    const waited = { connect: "no connection", headers: "no reply", body: "no complete reply" }[this.phase]
    const limit = this.limit === undefined ? "the time allowed" : lasting(Duration.toMillis(this.limit))
    return line(this, `${waited} within ${limit} (${this.scope} limit)`)
  }
}

/**
 * A reply came, but cannot be understood.
 *
 * @since 0.1.0
 * @category errors
 */
export class ResponseDecodeError extends httpError<ResponseDecodeError>()("ResponseDecodeError", {
  ...exchange,
  status: Schema.Int,
  /**
   * `truncated`: it broke off. `malformed`: it is not JSON, or its compression is broken. `contentType`: it is not
   * JSON but, for example, an HTML page. `schema`: it is JSON of another shape. `tooLarge`: it exceeds
   * `maxResponseBytes`. `empty`: it has no body, but needs one.
   */
  reason: Schema.Literal("truncated", "malformed", "contentType", "schema", "tooLarge", "empty"),
  /** What the server said, if an error came with a success status. */
  error: Schema.optional(ServerMessage),
  /** Where in the JSON, such as `[3].id`. */
  path: Schema.optional(Schema.String),
  expected: Schema.optional(Schema.String),
  /** The kind of the value, never the value itself. */
  actual: Schema.optional(Schema.String)
}) {
  declare readonly retryAfter?: undefined
  get isRetryable(): boolean {
    return this.reason === "truncated" && harmless(this)
  }
  override get message(): string {
    const at = this.path === undefined ? "" : ` at ${this.path}`
    const expected = this.expected === undefined ? "" : `: expected ${this.expected}, got ${this.actual}`
    const advice = this.reason === "contentType" ? "is the server url that of a Mix backend?" : undefined
    return line(
      this,
      `cannot read the reply (${this.status}, ${this.reason}${said(this.error)})${at}${expected}`,
      advice
    )
  }
}

/**
 * 202: the server has the message and answers later, as all servers since October 10, 2025 do. Nothing is lost: do
 * not send it again. List the session to get the reply, or use `ask`. (The history holds what users wrote, not the
 * replies.)
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplyPending extends httpError<ReplyPending>()(
  "ReplyPending",
  {
    ...exchange,
    operation: Schema.Literal("send"),
    outcome: withDefault(Schema.Literal("accepted"), "accepted")
  },
  {}
) {
  declare readonly retryAfter?: undefined
  readonly status = 202
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    return line(this, "the server took the message and answers later (202)", "list the session for the reply")
  }
}

/**
 * The walk over the history cannot go on, because the server pages wrongly or the place is lost. Resume from
 * `cursor`.
 *
 * @since 0.1.0
 * @category errors
 */
export class HistoryStalled extends Schema.TaggedError<HistoryStalled>("@mix-effect/core/HistoryStalled")(
  "HistoryStalled",
  {
    operation: Operation,
    cursor: HistoryCursor,
    /**
     * `repeatedPages`: the server returns the same page for every offset. `noProgress`: 300 requests returned nothing
     * new; the list grows faster than it is read. `anchorLost`: every remembered row was deleted. `maxPages`: the
     * history has more pages than `maxPages`.
     */
    reason: Schema.Literal("repeatedPages", "noProgress", "anchorLost", "maxPages"),
    stats: HistoryStats
  }
) {
  declare readonly outcome?: undefined
  declare readonly retryAfter?: undefined
  /** Resuming from `cursor` helps if the list only grew too fast. */
  get isRetryable(): boolean {
    return this.reason === "noProgress"
  }
  override get message(): string {
    const what = {
      repeatedPages: "the server answers every offset with the same page",
      noProgress: "many requests brought no new message; the list grows faster than it is read",
      anchorLost: "every message read last is deleted, and the place with them",
      maxPages: "there is more history than maxPages allows"
    }[this.reason]
    const advice = {
      repeatedPages: undefined,
      noProgress: "resume from the error's cursor",
      anchorLost: "start again from the beginning",
      maxPages: "resume from the error's cursor"
    }[this.reason]
    return line(this, `${what} (after ${this.stats.requests} requests)`, advice)
  }
}

/**
 * With `strict`: rows changed places during the walk, so it may have missed one.
 *
 * @since 0.1.0
 * @category errors
 */
export class HistoryDrift extends Schema.TaggedError<HistoryDrift>("@mix-effect/core/HistoryDrift")("HistoryDrift", {
  operation: Operation,
  cursor: HistoryCursor,
  stats: HistoryStats
}) {
  declare readonly outcome?: undefined
  declare readonly retryAfter?: undefined
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    return line(this, "messages changed places while they were read, and one may have been missed")
  }
}

/**
 * The agent's run failed, was cancelled, or was denied a permission. `reason` is `unknown` if the server stored that
 * the run ended early, but the event with the cause was missed.
 *
 * @since 0.2.0
 * @category errors
 */
export class AgentFailed extends Schema.TaggedError<AgentFailed>("@mix-effect/core/AgentFailed")("AgentFailed", {
  operation: Schema.Literal("ask"),
  outcome: withDefault(Schema.Literal("accepted"), "accepted"),
  reason: Schema.Literal("failed", "cancelled", "permissionDenied", "unknown"),
  /** What the server said about it, or which permission was denied. */
  detail: Schema.optional(Schema.String),
  /** The turn as far as the server stored it, the user's message first. It holds texts: be careful when you log it. */
  messages: Schema.Array(Schema.typeSchema(BackendMessage))
}) {
  declare readonly retryAfter?: undefined
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    const what = {
      failed: "the agent's run failed",
      cancelled: "the agent's run was cancelled",
      permissionDenied: "the agent was denied a permission",
      unknown: "the agent's run failed or was cancelled"
    }[this.reason]
    return line(this, this.detail ? `${what}, ${this.detail}` : what)
  }
}

/**
 * `ask` got no answer within its `timeout`. The agent's run goes on, and its result appears in the session. Asking
 * again would run it twice, unless `outcome` is `notSent`.
 *
 * @since 0.2.0
 * @category errors
 */
export class AnswerTimeout extends Schema.TaggedError<AnswerTimeout>("@mix-effect/core/AnswerTimeout")(
  "AnswerTimeout",
  {
    operation: Schema.Literal("ask"),
    /** `notSent` or `unknown` if the time was over before the server had the message. */
    outcome: withDefault(Schema.Literal("notSent", "unknown", "accepted"), "accepted"),
    limit: DurationFromMillis,
    /** Events were missed during the run. If one of them asked for a permission, the agent still waits for it. */
    eventsMissed: withDefault(Schema.Boolean, false)
  }
) {
  declare readonly retryAfter?: undefined
  get isRetryable(): boolean {
    return false
  }
  override get message(): string {
    const what = {
      notSent: "the message was not sent",
      unknown: "the message may have reached the agent",
      accepted: "the agent's run goes on"
    }[this.outcome]
    const advice = this.eventsMissed ? "events were missed; the agent may wait for a permission" : undefined
    return line(this, `no answer within ${lasting(Duration.toMillis(this.limit))}; ${what}`, advice)
  }
}

/**
 * The errors of reading one page of the history.
 *
 * @since 0.1.0
 * @category models
 */
export type GetHistoryError =
  | InvalidRequest
  | BadRequest
  | Unauthorized
  | NotFound
  | RateLimited
  | ServerError
  | UnexpectedStatus
  | ConnectionError
  | RequestTimeout
  | ResponseDecodeError

/**
 * The errors of listing a session.
 *
 * @since 0.1.0
 * @category models
 */
export type ListSessionError = GetHistoryError

/**
 * The errors of sending. Each says what became of the message.
 *
 * @since 0.1.0
 * @category models
 */
export type SendError = (GetHistoryError & { readonly outcome: Outcome }) | ReplyPending

/** An error of one page, with the cursor of the stream that requested it. */
type WithCursor<E> = E & {
  /** Where to resume the stream. Absent if the stream failed before it read anything. */
  readonly cursor?: HistoryCursor | undefined
}

/**
 * The errors of walking the history. An error of a page has the `cursor` to resume from.
 *
 * @since 0.1.0
 * @category models
 */
export type StreamHistoryError = WithCursor<GetHistoryError> | HistoryStalled | HistoryDrift

/**
 * The errors of following the history.
 *
 * @since 0.1.0
 * @category models
 */
export type FollowHistoryError = WithCursor<GetHistoryError> | HistoryStalled

/**
 * The errors of creating a session. Each says whether the session may have been created.
 *
 * @since 0.2.0
 * @category models
 */
export type CreateSessionError = GetHistoryError & { readonly outcome: Outcome }

/**
 * The errors of listing the sessions.
 *
 * @since 0.2.0
 * @category models
 */
export type ListSessionsError = GetHistoryError

/**
 * The errors of getting a session. `NotFound`: there is no such session.
 *
 * @since 0.2.0
 * @category models
 */
export type GetSessionError = GetHistoryError

/**
 * The errors of deleting a session.
 *
 * @since 0.2.0
 * @category models
 */
export type DeleteSessionError = GetHistoryError

/**
 * The errors of cancelling the run of a session. Each says whether the run may have been cancelled.
 *
 * @since 0.2.0
 * @category models
 */
export type CancelSessionError = GetHistoryError & { readonly outcome: Outcome }

/**
 * The errors of the events of a session. `NotFound`: there is no such session.
 *
 * @since 0.2.0
 * @category models
 */
export type SessionEventsError = GetHistoryError

/**
 * The errors of asking. Each says what became of the message.
 *
 * @since 0.2.0
 * @category models
 */
export type AskError = (GetHistoryError & { readonly outcome: Outcome }) | AgentFailed | AnswerTimeout

/**
 * Every error of the SDK.
 *
 * @example
 * import { MixError } from "@mix-effect/core"
 * import { Schema } from "effect"
 *
 * // An error as JSON, for a log or another process, and back.
 * export const encode = Schema.encode(Schema.parseJson(MixError))
 * export const decode = Schema.decode(Schema.parseJson(MixError))
 *
 * @since 0.1.0
 * @category models
 */
export type MixError = GetHistoryError | ReplyPending | HistoryStalled | HistoryDrift | AgentFailed | AnswerTimeout

/**
 * @since 0.1.0
 * @category schemas
 */
export const MixError = Schema.Union(
  InvalidRequest,
  BadRequest,
  Unauthorized,
  NotFound,
  RateLimited,
  ServerError,
  UnexpectedStatus,
  ConnectionError,
  RequestTimeout,
  ResponseDecodeError,
  ReplyPending,
  HistoryStalled,
  HistoryDrift,
  AgentFailed,
  AnswerTimeout
)

/**
 * A copy of an error with more fields, for implementations and wrappers of `MessagesService`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const annotate = <
  E extends MixError,
  More extends {
    readonly cursor?: HistoryCursor
    readonly outcome?: Outcome
    readonly attempts?: number
    readonly elapsed?: Duration.Duration
    readonly budgetExhausted?: boolean
  }
>(
  error: E,
  more: More
): E & Readonly<More> => {
  const constructor = error.constructor as new (fields: object) => E & Readonly<More>
  return new constructor({ ...error, ...more })
}
