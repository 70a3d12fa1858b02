import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * One line of a response head: a name and a value, or a string that is sent as the whole line, so that a line without a
 * colon, odd casing and duplicates are all possible. Nothing is checked or escaped.
 *
 * @since 0.1.0
 * @category models
 */
export type HeaderLine = readonly [name: string, value: string] | string

/**
 * One thing the server does on a connection. Made with the constructors of the category `steps`.
 *
 * @since 0.1.0
 * @category models
 */
export type Step =
  | { readonly _tag: "Write"; readonly bytes: Uint8Array }
  | { readonly _tag: "Delay"; readonly duration: Duration.Duration }
  | { readonly _tag: "Stall" }
  | {
      readonly _tag: "Drip"
      readonly bytes: Uint8Array
      readonly chunkSize: number
      readonly every: Duration.Duration
    }
  | { readonly _tag: "Flood"; readonly chunk: Uint8Array; readonly bytes: number; readonly chunked: boolean }
  | { readonly _tag: "End" }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "KeepAlive" }
  | { readonly _tag: "ResetOnReuse" }

/**
 * When a reply begins: at `accept`, before a byte is read; during the `upload`, after the head and the first byte of
 * the body; or after the whole `request`.
 *
 * @since 0.1.0
 * @category models
 */
export type Moment = "accept" | "upload" | "request"

/**
 * What the server does with one request: steps, in order. Replies are plain values, so one may be used many times.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly when: Moment
  readonly steps: ReadonlyArray<Step>
}

/**
 * What to answer: one reply for every request; a list, where the nth request gets the nth reply and the last one
 * repeats; or a function of the whole request.
 *
 * Requests are counted when their head is complete, over all connections; one with a malformed head is not. A function is asked after the body was read,
 * so a reply of `atAccept` or `duringUpload` that it returns begins only then. A function that throws answers 500 with
 * what it threw.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = Reply | readonly [Reply, ...ReadonlyArray<Reply>] | ((request: ReceivedRequest) => Reply)

/**
 * A request as it came over the wire; nothing is decoded or normalised, except that chunks are joined.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReceivedRequest {
  /**
   * `complete`: head and body were read. `partial`: the reply began, or the client left, before the body ended.
   * `malformed`: not HTTP/1.x; it was answered 400 instead of by the script, and what could not be read is empty.
   */
  readonly state: "complete" | "partial" | "malformed"
  /** The request line without its line break. */
  readonly line: string
  readonly method: string
  /** The request target as sent: escapes, dots and doubled slashes are still there. */
  readonly target: string
  /** Names in the sent casing and order, duplicates apart. */
  readonly rawHeaders: ReadonlyArray<readonly [name: string, value: string]>
  /** By lower-case name; duplicates are joined with `, `. */
  readonly headers: ReadonlyMap<string, string>
  /** The body without its chunked framing; whole in memory. */
  readonly body: Uint8Array
  /** Which connection it came on: 0 is the first that the server accepted. */
  readonly connection: number
}

/**
 * Settings of a fault server.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The address to listen on. Default: `127.0.0.1`. */
  readonly host?: string
  /** The port to listen on. Default: 0, a free port that the system picks. */
  readonly port?: number
  /**
   * Whether `requests` keeps what was received, bodies included. With `false` requests are only counted, so that a soak
   * test can watch the heap. Default: true.
   */
  readonly record?: boolean
  /**
   * Serve HTTPS. `selfSigned` is a certificate that is right in all but its issuer; `expired` ran out in 2001;
   * `wrongHost` is for another name. To see the last two refused for their own sake, let the client trust
   * `Running.certificate`. Default: plain HTTP.
   */
  readonly tls?: "selfSigned" | "expired" | "wrongHost"
}

/**
 * A running fault server. The counters cover its whole life.
 *
 * @since 0.1.0
 * @category models
 */
export interface Running {
  /** Without a trailing slash: `http://127.0.0.1:40001`. */
  readonly url: string
  readonly port: number
  /** With `tls`: the certificate as PEM, made for this server alone. */
  readonly certificate: string | undefined
  /** What was received so far, in the order in which the server finished reading. */
  readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>
  /** How many were received: partial and malformed ones count, connections without a request do not. */
  readonly requestCount: Effect.Effect<number>
  /** How many connections were accepted. */
  readonly connections: Effect.Effect<number>
  /** How many connections are open now. */
  readonly open: Effect.Effect<number>
  /**
   * How many connections the client closed in the middle of an exchange: after the first byte of a request and before
   * the last step of its reply. A client that closes an idle connection, or one that the server ended, is not counted.
   */
  readonly closedByClient: Effect.Effect<number>
  /** Completes once at least this many requests were received. */
  readonly awaitRequests: (count: number) => Effect.Effect<void>
  /** Completes once a client closed a connection in the middle of an exchange; at once if one did already. */
  readonly awaitClientClose: Effect.Effect<void>
  /** Completes once `closedByClient` is at least this. */
  readonly awaitClientCloses: (count: number) => Effect.Effect<void>
  /** Completes when no connection is open; at once if none is. */
  readonly awaitNoneOpen: Effect.Effect<void>
}

/**
 * The server could not listen: the port is taken, or the address is not one of this machine.
 *
 * @since 0.1.0
 * @category errors
 */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  host: Schema.String,
  port: Schema.Number,
  /** The system's code, such as `EADDRINUSE`. */
  code: Schema.String
}) {
  override get message() {
    return `Cannot listen on ${this.host}:${this.port} (${this.code})`
  }
}
