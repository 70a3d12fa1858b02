/**
 * The interface of a transport: one request, one reply, and the code of what went wrong.
 *
 * `MessagesHttp.layer` builds an engine from any `HttpClient`. The runtime packages have their own engines, which
 * cost less. The engine of `@mix-effect/node` also sees its connections: when a `send` fails, it knows whether
 * anything was sent. `Services` makes the services over your own engine.
 *
 * @since 0.1.0
 */
import type { MixError } from "@mix-effect/core"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { Policy } from "./RetryPolicy.ts"

/**
 * A complete request, which the engine sends as it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly method: "GET" | "POST" | "DELETE"
  readonly url: string
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /**
   * Aborted when a time limit is reached, when the call is interrupted, or when the rest of the reply is not needed.
   * The engine then ends the request at once. Waiting for it, or reading the body afterwards, fails with an
   * `EngineError`, unless the whole body has arrived.
   */
  readonly signal: AbortSignal
}

/**
 * How far a request got. The engine keeps it up to date, and the SDK reads it when a time limit is reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /**
   * `unknown` until the engine knows more. `connect`: nothing of the request was given to a connection, so a failure
   * or an abort now means that it was not sent. `headers`: some of it was, and no head of a reply came. `body`: the
   * head came. Set `connect` only if that is certain: a `send` that fails in this phase is repeated.
   */
  phase: "unknown" | "connect" | "headers" | "body"
  /**
   * Whether the request is the first on its connection, if the engine knows. Used only for the log.
   *
   * @since 0.2.0
   */
  connection?: "new" | "reused"
}

/**
 * The head of a reply, whose body can be read once. An engine returns redirects like other replies and does not
 * follow them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  /** 0 if the platform hides it. */
  readonly status: number
  /** A header by its name in lower case; values of a repeated header are joined with `, `. */
  readonly header: (name: string) => string | undefined
  /**
   * Who else may have answered, such as a proxy. Errors say it if the reply does not have the form of Mix's own
   * errors.
   */
  readonly hint?: string | undefined
  /**
   * The body. If it is longer than `maxBytes` after decompression: a beginning of it that is also longer than
   * `maxBytes`.
   */
  readonly body: (maxBytes: number) => Effect.Effect<Body, EngineError>
  /**
   * The body as it arrives, instead of `body`: for a stream of events, which has no limit. It emits each chunk as
   * soon as it is decompressed. It ends with the body, and fails if the body breaks off.
   *
   * @since 0.2.0
   */
  readonly chunks: (onChunk: (chunk: Uint8Array) => void) => Effect.Effect<void, EngineError>
}

/**
 * The part of a body that was read, after decompression.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  /** Decoded like `TextDecoder`: invalid UTF-8 becomes U+FFFD, and a byte order mark is dropped. */
  readonly text: string
  readonly byteLength: number
}

/**
 * The request failed, or the body broke off. The original error would print urls and headers, so only its code is
 * kept.
 *
 * @since 0.1.0
 * @category errors
 */
export class EngineError extends Data.TaggedError("EngineError")<{
  /** Such as `ECONNREFUSED`; `UNKNOWN` if there is none. */
  readonly code: string
  /** The system call that failed, as Node.js names it, such as `connect` or `read`. */
  readonly syscall?: string | undefined
  /** What to check first, if the engine knows more than the code says. */
  readonly hint?: string | undefined
}> {}

/**
 * Makes a request when it is run. It need not handle interruption, because the request's signal is then aborted.
 *
 * @since 0.1.0
 * @category models
 */
export type Engine = (request: Request, progress: Progress) => Effect.Effect<Reply, EngineError>

/** What `failure` reads of an error. Errors of other realms and of mocks are errors too: only properties are looked at. */
type Found = { readonly code: string; readonly syscall: string | undefined }

/** Several addresses were tried: their errors have a system call in common, or the whole has none. */
const commonSyscall = (errors: unknown): string | undefined => {
  if (!Array.isArray(errors)) return undefined
  const [first, ...others] = errors.map((error) => (error as { readonly syscall?: unknown } | null)?.syscall)
  return typeof first === "string" && others.every((other) => other === first) ? first : undefined
}

/** The first code in a chain of causes, with the system call of the same error. */
const find = (error: unknown, depth = 0): Found | undefined => {
  if (typeof error !== "object" || error === null || depth > 6) return undefined
  const { cause, code, errors, name, syscall } = error as Record<string, unknown>
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) {
    return { code, syscall: typeof syscall === "string" ? syscall : commonSyscall(errors) }
  }
  const inner = find(cause, depth + 1) ?? (Array.isArray(errors) ? find(errors[0], depth + 1) : undefined)
  if (inner !== undefined) return Array.isArray(errors) ? { ...inner, syscall: commonSyscall(errors) } : inner
  // The parser of undici gives its errors no code.
  return name === "HTTPParserError" ? { code: "HPE_INVALID", syscall: undefined } : undefined
}

/**
 * Reads an engine's error: the first code that it or one of its causes has, and the system call that failed.
 *
 * @since 0.1.0
 * @category errors
 */
export const failure = (error: unknown): EngineError => new EngineError(find(error) ?? { code: "UNKNOWN" })

/**
 * The same for an error of `fetch`. In browsers this is a `TypeError` without a reason, which becomes the code
 * `FETCH_FAILED`.
 *
 * @since 0.2.0
 * @category errors
 */
export const fetchFailure = (error: unknown): EngineError => {
  const isTypeError = typeof error === "object" && error !== null && "name" in error && error.name === "TypeError"
  return new EngineError(find(error) ?? { code: isTypeError ? "FETCH_FAILED" : "UNKNOWN" })
}

/**
 * Options for reads over `fetch`: a cached reply would show an old history as the current one. The option is omitted
 * in versions of workerd that throw for it.
 *
 * @since 0.2.0
 * @category models
 */
export const fetchReadOptions = (): { readonly cache?: "no-store" } => {
  try {
    new Request("http://localhost/", { cache: "no-store" })
    return { cache: "no-store" }
  } catch {
    return {}
  }
}

/**
 * Whether every request over `fetch` except a read needs a stream as its body, even an empty body. If the server
 * closes a kept connection instead of replying, Deno sends the request again by itself. It cannot send a stream
 * again.
 *
 * @since 0.2.0
 * @category models
 */
export const fetchRepeats = (): boolean => "Deno" in globalThis

/**
 * What only this platform knows, such as whether a browser is offline.
 *
 * @since 0.2.0
 * @category models
 */
export interface Platform {
  /** Adapts the current retry policy to the platform. */
  readonly policy?: (policy: Policy) => Policy
  /** Adds to an error what the platform knows about it. */
  readonly explain?: <E extends MixError>(error: E) => E
}
