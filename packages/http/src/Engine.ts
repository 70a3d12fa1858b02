/**
 * What `MessagesHttp` needs of an HTTP client: one request, one reply, and the code of what went wrong.
 *
 * `MessagesHttp.layer` makes an engine of any `HttpClient`. The runtime packages have engines of their own, which cost less.
 * The engine of `@mix-effect/node` also sees its connections: when a `send` fails, it knows whether anything was sent.
 * `Services` makes the services over an engine of yours.
 *
 * @since 0.1.0
 */
import type { MixError } from "@mix-effect/core"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { Policy } from "./RetryPolicy.ts"

/**
 * What to ask: complete, and to be sent as it is.
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
   * Is aborted when a time limit runs out, when the call is interrupted, and when nothing more of the reply is wanted: then
   * what is left of the request is given up at once, and whoever waits for it, or reads the body after that, gets an
   * `EngineError`; or the body, if all of it has come.
   */
  readonly signal: AbortSignal
}

/**
 * How far a request got, kept up to date by the engine: what a time limit that runs out finds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /**
   * `unknown` until the engine knows better. `connect`: nothing of the request was handed to a connection, so a failure or
   * an abort now means that it was not sent. `headers`: some of it was, and no head of a reply came. `body`: the head came.
   * Say `connect` only where that is certain: a `send` that fails then is made again.
   */
  phase: "unknown" | "connect" | "headers" | "body"
  /**
   * Whether the request is the first on its connection, where the engine knows. It is for the log only.
   *
   * @since 0.2.0
   */
  connection?: "new" | "reused"
}

/**
 * The head of a reply, whose body can be read once. Redirects are replies like others: an engine follows none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  /** 0 where the platform hides it. */
  readonly status: number
  /** A header by its name in lower case; values of a repeated one are joined by `, `. */
  readonly header: (name: string) => string | undefined
  /** Who else may have answered, such as a proxy: what errors say of a reply that is not in the server's own form. */
  readonly hint?: string | undefined
  /** The body. Of one that is longer than `maxBytes` after decompression: its beginning, which is longer than that too. */
  readonly body: (maxBytes: number) => Effect.Effect<Body, EngineError>
  /**
   * The body while it comes, in place of `body`: for a stream of events, which has no end of its own and no limit. Each chunk
   * is handed over as soon as it is decompressed. It is over when the body is, or with an error when that breaks off.
   *
   * @since 0.2.0
   */
  readonly chunks: (onChunk: (chunk: Uint8Array) => void) => Effect.Effect<void, EngineError>
}

/**
 * What was read of a body, after decompression.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  /** As UTF-8, as `TextDecoder` reads it: bytes that are none become U+FFFD, a byte order mark is dropped. */
  readonly text: string
  readonly byteLength: number
}

/**
 * The request failed, or the body broke off. An error of an engine prints urls and headers, so nothing of it is kept but
 * its code.
 *
 * @since 0.1.0
 * @category errors
 */
export class EngineError extends Data.TaggedError("EngineError")<{
  /** As in `ECONNREFUSED`; `UNKNOWN` where there is none. */
  readonly code: string
  /** The system call that failed, as Node.js names it, such as `connect` or `read`. */
  readonly syscall?: string | undefined
  /** What to look at first, where the engine knows more than the code says. */
  readonly hint?: string | undefined
}> {}

/**
 * Makes a request, once it is run. Interrupting it need do nothing: the signal of the request is aborted then.
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
 * What an engine's error comes to: the first code that it or one of its causes has, and the system call that failed.
 *
 * @since 0.1.0
 * @category errors
 */
export const failure = (error: unknown): EngineError => new EngineError(find(error) ?? { code: "UNKNOWN" })

/**
 * The same for an error of `fetch`, which in browsers says nothing but that it failed, by a `TypeError`: that is the code
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
 * Options for reads over `fetch`: a reply from a cache would show an old history as the present one. Some versions of workerd
 * know no such option and throw; there it is left out.
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
 * Whether every request over `fetch` but a read needs a stream as its body, an empty one too. Deno sends a request again, unasked,
 * if the server closes a kept connection instead of a reply. It cannot send a stream again.
 *
 * @since 0.2.0
 * @category models
 */
export const fetchRepeats = (): boolean => "Deno" in globalThis

/**
 * What a platform knows that others do not, such as a browser that is offline.
 *
 * @since 0.2.0
 * @category models
 */
export interface Platform {
  /** What retry policies heed besides: makes another of the policy in force. */
  readonly policy?: (policy: Policy) => Policy
  /** Adds to an error what the platform knows of it. */
  readonly explain?: <E extends MixError>(error: E) => E
}
