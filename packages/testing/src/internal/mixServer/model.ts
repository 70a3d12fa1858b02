import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Json } from "./json.ts"
import type { Step } from "./script.ts"

/**
 * The backend release whose behaviour is imitated, named by its date.
 *
 * - `"2025-09-11"`: an empty list is `null`, an assistant row has an empty `userInput`, `send` takes `content`.
 * - `"2025-09-25"`: `send` takes `text`, `media`, `apps`, `plan_mode`. It answers 200 with the agent's first event and then
 *   ends the run. `POST /stream/{id}/message` over an open stream gives the whole answer.
 * - `"2025-09-26"`: `send` takes `text` and `plan_mode` only. It answers 200 with the whole answer.
 * - `"2025-10-10"`: `send` answers 202 at once; missing credentials are a 401.
 * - `"2025-11-06"`: `tool_use_*` events, `user_message_created`, `thinking_level`.
 * - `"2026-02"`: a session needs a `browserMode`; rows have tokens, cost and tool results; `max_steps`; no fork.
 *
 * @since 0.1.0
 * @category models
 */
export type Generation = "2025-09-11" | "2025-09-25" | "2025-09-26" | "2025-10-10" | "2025-11-06" | "2026-02"

/**
 * A tool call as it is shown inside an assistant row. `input` is JSON in a string.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly input: string
  /** Empty while the call is unfinished. */
  readonly type: string
  readonly finished: boolean
  readonly result?: string
  /** Never sent when `false`, like the real server. */
  readonly isError?: boolean
  readonly screenshotUrls?: ReadonlyArray<string>
}

/**
 * The outcome of a callback, in the snake case of the wire.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallbackResult {
  readonly tool_call_id: string
  readonly tool_name: string
  readonly callback_name?: string
  readonly callback_type: string
  readonly stdout?: string
  readonly stderr?: string
  readonly exit_code?: number
  readonly subagent_id?: string
  readonly subagent_result?: string
  readonly success: boolean
  readonly error?: string
}

/**
 * The optional parts of a row. An empty string, a zero and an empty list are left out of the reply; what is set is sent
 * by every generation, also by those that did not know the field yet.
 *
 * @since 0.1.0
 * @category models
 */
export interface MessageExtras {
  readonly toolCalls?: ReadonlyArray<ToolCall>
  readonly callbackResults?: ReadonlyArray<CallbackResult>
  readonly reasoning?: string
  /** Whole seconds. */
  readonly reasoningDuration?: number
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly cacheCreationTokens?: number
  readonly cacheReadTokens?: number
  readonly cost?: number
  readonly model?: string
}

/**
 * A row to be stored. A half of a surrogate pair in a string stands for a byte that is not UTF-8: it is sent as the
 * escape `\ufffd`.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewMessage extends MessageExtras {
  /** Created, with this id and no title, when there is none yet. */
  readonly sessionId: string
  /** Default: the next id of the seeded generator. An id that was used before, also by a deleted row, is a defect. */
  readonly id?: string
  /** Default: `"user"`. Only user rows are in the history. */
  readonly role?: string
  /** Default: empty. Not shown for a tool row. */
  readonly text?: string
  /** Default: `text` for an assistant row, nothing for the others. */
  readonly assistantResponse?: string
  /** Whole epoch seconds; lists are ordered by it. Default: the `Clock`. */
  readonly createdAt?: number
  /**
   * Why the row ended, shown by the export. Default: `"stop"`, and for an assistant row `"end_turn"` or `"tool_use"`.
   *
   * @since 0.2.0
   */
  readonly finishReason?: string | undefined
  /**
   * The type of a stored part that the server cannot read. Every list that holds the row is then a 500.
   *
   * @since 0.2.0
   */
  readonly unreadable?: string
}

/**
 * A session to be stored.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewSession {
  /** Default: the next id of the seeded generator. */
  readonly id?: string
  /** Default: empty. */
  readonly title?: string
  /** Whole epoch seconds. Default: the `Clock`. */
  readonly createdAt?: number
  /**
   * Makes it a sub-agent's session, which is listed on request only.
   *
   * @since 0.2.0
   */
  readonly parentSessionId?: string
  /**
   * Shown by generation `"2026-02"`. Default: `"local-browser-service"`.
   *
   * @since 0.2.0
   */
  readonly browserMode?: string
  /** @since 0.2.0 */
  readonly cdpUrl?: string
  /** @since 0.2.0 */
  readonly modelId?: string
  /** @since 0.2.0 */
  readonly provider?: string
  /** @since 0.2.0 */
  readonly callbacks?: ReadonlyArray<Json>
}

/**
 * A request that was received whole.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestRecord {
  readonly method: string
  /** The raw request target: path and query as they came. */
  readonly target: string
  /** Names in lower case; repeated headers joined with `", "`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Absent until a response is ready, and for good after a `Reset` or `Stall` or when the client left first. */
  readonly status?: number
}

/**
 * What the `faults` callback is told about a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface FaultRequest {
  /** Counts from 0 over all requests of the server. */
  readonly index: number
  readonly method: string
  /** The path as it came, without the query and not decoded. */
  readonly path: string
  readonly query: URLSearchParams
}

/**
 * A way to misbehave for one request.
 *
 * - `Respond`: this response instead of the server's; no header is added but the body's length.
 * - `Truncate`: the real response with its full `Content-Length`, of which `bytes` are sent before the socket closes.
 * - `Reset`: the connection is reset before any byte of a response.
 * - `Stall`: no answer until the client leaves or the server closes.
 * - `ClampLimit`: the history's `limit` is lowered to `max`.
 * - `IgnoreOffset`, `IgnoreLimit`: the history takes its default (0, 50) instead of the parameter.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = Data.TaggedEnum<{
  Respond: { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  Truncate: { readonly bytes: number }
  Reset: Record<never, never>
  Stall: Record<never, never>
  ClampLimit: { readonly max: number }
  IgnoreOffset: Record<never, never>
  IgnoreLimit: Record<never, never>
}>

/**
 * Constructors of `Fault`, and `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Fault = Data.taggedEnum<Fault>()

/**
 * What the agent is asked to do.
 *
 * @since 0.2.0
 * @category models
 */
export interface AgentRequest {
  /** Counts from 0 over all runs of the server. */
  readonly index: number
  readonly sessionId: string
  /** As it was sent. On the stream route of Sept 25, 2025 a text that begins with `!` is a shell command. */
  readonly text: string
  readonly planMode: boolean
}

/**
 * Chooses what the agent does: for each request, or as a list of scripts of which the last one is used for all further
 * requests.
 *
 * @since 0.2.0
 * @category models
 */
export type Agent =
  | ((request: AgentRequest, server: Running) => ReadonlyArray<Step>)
  | ReadonlyArray<ReadonlyArray<Step>>

/**
 * An event that is about to be written to one stream.
 *
 * @since 0.2.0
 * @category models
 */
export interface StreamFrame {
  readonly sessionId: string
  /** Counts the streams of the server from 0. */
  readonly connection: number
  /** Counts the frames of the connection from 1, as `id` does. */
  readonly id: number
  readonly event: string
  /** The JSON text. */
  readonly data: string
}

/**
 * A way to misbehave for one event of one stream.
 *
 * - `Lose`: it is not written. The ids show no gap.
 * - `Repeat`: it is written twice.
 * - `Drop`: the connection is cut after `bytes` of its frame, or after the whole frame if `bytes` is absent.
 *   `clean` ends the response as if it were complete.
 *
 * @since 0.2.0
 * @category models
 */
export type StreamFault = Data.TaggedEnum<{
  Lose: Record<never, never>
  Repeat: Record<never, never>
  Drop: { readonly bytes?: number; readonly clean?: boolean }
}>

/**
 * Constructors of `StreamFault`, and `$is` and `$match`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const StreamFault = Data.taggedEnum<StreamFault>()

/**
 * The server could not listen: usually the port is taken.
 *
 * @since 0.1.0
 * @category errors
 */
export class ListenError extends Schema.TaggedError<ListenError>("@mix-effect/testing/MixServer/ListenError")(
  "ListenError",
  { port: Schema.Number, code: Schema.optional(Schema.String), detail: Schema.String }
) {
  override get message(): string {
    return `Could not listen on 127.0.0.1:${this.port}: ${this.detail}`
  }
}

/**
 * Rows made up before the server starts. The same numbers give the same ids and texts every time.
 *
 * @since 0.1.0
 * @category options
 */
export interface Seed {
  /** Default: one for every 25 messages, at least one if there are messages. */
  readonly sessions?: number
  /** User rows, that is history rows. Each brings an assistant row, some tool calls and tool rows. Default: 0. */
  readonly messages?: number
  /** Seeds everything made up, the ids of later rows too. Default: 0. */
  readonly random?: number | string
}

/**
 * Options of `serve` and `layer`.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Default: `"2025-09-25"`. */
  readonly generation?: Generation
  /** Default: 0, a free port. The server always listens on 127.0.0.1. */
  readonly port?: number
  readonly seed?: Seed
  /** Whether the server has credentials for its language model; `send` needs them. Default: true. */
  readonly authenticated?: boolean
  /**
   * How long a finished response is held back, by the `Clock`: a request that is given up meanwhile has still had its
   * effect. Default: none.
   */
  readonly latency?: Duration.DurationInput
  /** Asked once per request, before the request is looked at: changes it makes to the server are visible to it. */
  readonly faults?: (request: FaultRequest, server: Running) => Effect.Effect<Fault | undefined>
  /**
   * What the agent does with a message. Default: it repeats the text, at once.
   *
   * @since 0.2.0
   */
  readonly agent?: Agent
  /**
   * Asked for each event of each stream.
   *
   * @since 0.2.0
   */
  readonly streamFaults?: (frame: StreamFrame) => StreamFault | undefined
  /**
   * Events that a stream holds for a slow reader; more are dropped without a word. Default: 50, and 100 on Sept 25, 2025.
   *
   * @since 0.2.0
   */
  readonly streamBuffer?: number
  /**
   * How long a stream lives, by the `Clock`, before the server cuts it off. Default: 10 minutes.
   *
   * @since 0.2.0
   */
  readonly streamLifetime?: Duration.DurationInput
  /**
   * The status of a redirect to the clean path: 307 in servers that were built with Go 1.26. Default: 301.
   *
   * @since 0.2.0
   */
  readonly redirectStatus?: 301 | 307
}

/**
 * A running server: its address, what it has seen, and the state behind it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Running {
  /** For example `http://127.0.0.1:41873`, without a slash at the end. */
  readonly url: string
  /** Every request so far, in order of arrival. They are kept until the server closes. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestRecord>>
  readonly requestCount: Effect.Effect<number>
  /** TCP connections accepted so far. */
  readonly connectionCount: Effect.Effect<number>
  /** Requests whose client closed the connection before the response was complete. */
  readonly aborted: Effect.Effect<number>
  /** Returns the id. An id that exists already is left as it is. */
  readonly createSession: (session?: NewSession) => Effect.Effect<string>
  /** Deletes the session with its rows; `false` if there is none. */
  readonly deleteSession: (id: string) => Effect.Effect<boolean>
  /** Stores one row and returns its id. */
  readonly append: (message: NewMessage) => Effect.Effect<string>
  /**
   * Stores `count` rows of one second at once, as a fork or an import does, and returns their ids, oldest first.
   *
   * @since 0.2.0
   */
  readonly importMessages: (count: number, message: Omit<NewMessage, "id">) => Effect.Effect<ReadonlyArray<string>>
  /** The ids of the history, in the order the server lists them now. */
  readonly messages: Effect.Effect<ReadonlyArray<string>>
  /** The ids of the sessions, newest first. */
  readonly sessions: Effect.Effect<ReadonlyArray<string>>
  /**
   * Runs of the agent that are under way.
   *
   * @since 0.2.0
   */
  readonly runCount: Effect.Effect<number>
  /**
   * Waits until no run is under way.
   *
   * @since 0.2.0
   */
  readonly awaitIdle: Effect.Effect<void>
  /**
   * Streams that are open now, of one session or of all.
   *
   * @since 0.2.0
   */
  readonly streamCount: (sessionId?: string) => Effect.Effect<number>
  /**
   * Cuts the open streams, of one session or of all. With `clean` the responses end as if they were complete.
   *
   * @since 0.2.0
   */
  readonly closeStreams: (options?: { readonly sessionId?: string; readonly clean?: boolean }) => Effect.Effect<void>
  /**
   * Writes an event to the streams of a session, or of all sessions.
   *
   * @since 0.2.0
   */
  readonly emit: (event: string, data: Json, sessionId?: string) => Effect.Effect<void>
  /**
   * Replaces the option `faults` from the next request on; without an argument it is taken away.
   *
   * @since 0.2.0
   */
  readonly setFaults: (faults?: Options["faults"]) => Effect.Effect<void>
  /**
   * Replaces the option `streamFaults` from the next event on; without an argument it is taken away.
   *
   * @since 0.2.0
   */
  readonly setStreamFaults: (faults?: Options["streamFaults"]) => Effect.Effect<void>
  /**
   * Crashes the server and starts it again on the same port after `downtime` (default: none). Connections are reset, runs
   * end without a further word, and what was stored stays.
   *
   * @since 0.2.0
   */
  readonly restart: (downtime?: Duration.DurationInput) => Effect.Effect<void, ListenError>
}
