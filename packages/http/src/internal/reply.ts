/** What a reply means: its status, its content type and its body, in this order. */

import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import {
  BadRequest,
  type GetHistoryError,
  Mismatch,
  NotFound,
  type Operation,
  RateLimited,
  ResponseDecodeError,
  ServerError,
  type ServerMessage,
  Unauthorized,
  UnexpectedStatus
} from "@mix-effect/core"
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Stream from "effect/Stream"
import * as RetryAfter from "./retryAfter.ts"
import { codeOf, fromBodyError } from "./transport.ts"

export interface Expectation<A, Pending> {
  readonly operation: Operation
  readonly maxBytes: number
  readonly decode: (json: unknown) => Either.Either<A, ParseResult.ParseError>
  /** What 202 means, where it means anything. */
  readonly accepted?: () => Pending
  /** Takes secrets out of what the server wrote. */
  readonly scrub: (text: string) => string
  /** How long a body may take that adds little: what went wrong is known by the status, or by the content type. */
  readonly errorBodyLimit: Duration.Duration
}

/** How much of an error's body is read, and how much of an unexpected one is kept. */
const maxErrorBytes = 1024 * 1024
const maxKeptBytes = 2048

class TooLarge extends Data.TaggedError("TooLarge")<{ readonly bytes: Uint8Array }> {}

/** A body that broke off, by the code of its error only: wherever a stream fails, the rest of its error may be logged. */
class Broken extends Data.TaggedError("Broken")<{ readonly code: string }> {}

const concat = (parts: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  if (parts.length === 1) return parts[0] as Uint8Array
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.byteLength
  }
  return bytes
}

/** The body after decompression. Fails once it is longer than `max`: the rest is not read. */
const readBytes = (response: HttpClientResponse, max: number) =>
  Effect.suspend(() => {
    const parts: Array<Uint8Array> = []
    let size = 0
    const stream = Stream.catchAll(response.stream, (error) =>
      error.reason === "EmptyBody" ? Stream.empty : Stream.fail(new Broken({ code: codeOf(error) ?? "" }))
    )
    // Pulled and not run: that would take a fiber for each reply.
    const take = (
      pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<Broken>>
    ): Effect.Effect<Uint8Array, Broken | TooLarge> =>
      Effect.matchEffect(pull, {
        onFailure: (end) => (Option.isNone(end) ? Effect.succeed(concat(parts, size)) : Effect.fail(end.value)),
        onSuccess: (chunk) => {
          for (const part of chunk) {
            parts.push(part)
            size += part.byteLength
          }
          return size > max ? Effect.fail(new TooLarge({ bytes: concat(parts, size) })) : take(pull)
        }
      })
    return Effect.scoped(Effect.flatMap(Stream.toPull(stream), take))
  })

/** Shared: to make one for each reply takes longer than to use it. */
const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** Bytes that are no UTF-8 become U+FFFD; a byte order mark is dropped. */
const toText = (bytes: Uint8Array) => decoder.decode(bytes)

/** The beginning of what a server wrote, which may be a book. */
const keep = (text: string) => toText(encoder.encode(text.slice(0, maxKeptBytes)).subarray(0, maxKeptBytes))

type Kind = "json" | "html" | "text" | "other" | "none"

const kindOf = (contentType: string | undefined): Kind => {
  if (contentType === undefined) return "none"
  const [type = "", ...parameters] = contentType
    .toLowerCase()
    .split(";")
    .map((part) => part.trim())
  const charset = parameters
    .find((parameter) => parameter.startsWith("charset="))
    ?.slice(8)
    .replaceAll('"', "")
  if (type === "text/html" || type === "application/xhtml+xml") return "html"
  if (/^application\/([\w.+-]+\+)?json$/.test(type)) {
    return charset === undefined || charset === "utf-8" || charset === "utf8" || charset === "us-ascii"
      ? "json"
      : "other"
  }
  return type.startsWith("text/") ? "text" : "other"
}

const parseJson = (text: string): Either.Either<unknown, void> => {
  try {
    return Either.right(JSON.parse(text))
  } catch {
    return Either.left(undefined)
  }
}

/** `{ error: { code, message, type } }`, in any of the shapes that servers and proxies make of it. */
const serverMessage = (json: unknown, scrub: (text: string) => string): ServerMessage | undefined => {
  if (typeof json !== "object" || json === null) return undefined
  const { error = json } = json as { error?: unknown }
  if (typeof error === "string") return { message: keep(scrub(error)) }
  if (typeof error !== "object" || error === null) return undefined
  const { code, message, type } = error as Record<string, unknown>
  if (typeof message !== "string" && typeof type !== "string") return undefined
  return {
    ...(typeof code === "number" && { code }),
    ...(typeof message === "string" && { message: keep(scrub(message)) }),
    ...(typeof type === "string" && { type: keep(scrub(type)) })
  }
}

const success = <A>(
  response: HttpClientResponse,
  expected: Expectation<A, unknown>
): Effect.Effect<A, GetHistoryError> => {
  const { decode, errorBodyLimit, maxBytes, operation, scrub } = expected
  const { status } = response
  const refuse = (
    reason: ResponseDecodeError["reason"],
    more: Partial<Mismatch.Mismatch> & { error?: ServerMessage } = {}
  ) => Effect.fail(new ResponseDecodeError({ operation, status, reason, ...more }))
  const kind = kindOf(response.headers["content-type"])
  if (kind !== "json" && kind !== "none") {
    const actual = kind === "other" ? "another type" : kind
    const foreign = refuse("contentType", { expected: "application/json in UTF-8", actual })
    // One byte tells that it is not empty. An event stream would never end, and may be long in beginning.
    return readBytes(response, 0).pipe(
      Effect.catchAll(() => foreign),
      Effect.timeoutTo({ duration: errorBodyLimit, onSuccess: () => refuse("empty"), onTimeout: () => foreign }),
      Effect.flatten
    )
  }
  return readBytes(response, maxBytes).pipe(
    Effect.catchTags({
      TooLarge: () => refuse("tooLarge", { expected: `at most ${maxBytes} bytes`, actual: "more" }),
      Broken: ({ code }) => Effect.fail(fromBodyError(operation, status, code))
    }),
    Effect.flatMap((bytes) => {
      if (bytes.byteLength === 0) return refuse("empty")
      const text = toText(bytes)
      if (text.trim() === "") return refuse("empty")
      const json = parseJson(text)
      if (Either.isLeft(json)) return refuse("malformed", { expected: "JSON", actual: "something else" })
      const decoded = decode(json.right)
      if (Either.isRight(decoded)) return Effect.succeed(decoded.right)
      const { path, ...mismatch } = Mismatch.fromParseError(decoded.left)
      const error = Array.isArray(json.right) ? undefined : serverMessage(json.right, scrub)
      return refuse("schema", { ...mismatch, ...(path !== "" && { path }), ...(error && { error }) })
    })
  )
}

const failure = <Pending>(
  response: HttpClientResponse,
  expected: Expectation<unknown, Pending>
): Effect.Effect<never, GetHistoryError | Pending> =>
  Effect.gen(function* () {
    const { accepted, errorBodyLimit, operation, scrub } = expected
    const { headers, status } = response
    const bytes = yield* readBytes(response, maxErrorBytes).pipe(
      Effect.catchTag("TooLarge", ({ bytes }) => Effect.succeed(bytes)),
      // The status says what went wrong: a body that breaks off or never ends takes nothing from that.
      Effect.catchTag("Broken", () => Effect.succeed(new Uint8Array())),
      Effect.timeoutTo({ duration: errorBodyLimit, onSuccess: (bytes) => bytes, onTimeout: () => new Uint8Array() })
    )
    if (status === 202 && accepted !== undefined) return yield* Effect.fail(accepted())
    if (status === 204 || status === 205) return yield* new ResponseDecodeError({ operation, status, reason: "empty" })
    const text = toText(bytes)
    const kind = kindOf(headers["content-type"])
    const json = parseJson(text)
    const error = kind === "html" || Either.isLeft(json) ? undefined : serverMessage(json.right, scrub)
    const bodyKind = Either.isRight(json) && kind !== "html" ? undefined : foreignKind(kind, text)
    const retryAfter =
      status === 429 || status === 503 ? RetryAfter.parse(headers, yield* Clock.currentTimeMillis) : undefined
    const known = {
      operation,
      ...(error && { error }),
      ...(bodyKind && { bodyKind }),
      ...(retryAfter && { retryAfter })
    } as const
    switch (status) {
      case 400:
        return yield* new BadRequest(known)
      case 401:
        return yield* new Unauthorized(known)
      case 404:
        return yield* new NotFound(known)
      case 429:
        return yield* new RateLimited(known)
    }
    if (status >= 500 && status < 600) return yield* new ServerError({ ...known, status })
    const body = keep(scrub(text))
    return yield* new UnexpectedStatus({ ...known, status, ...(body !== "" && { body }) })
  })

/** What a body is that is not JSON. Proxies send pages of HTML under any name. */
const foreignKind = (kind: Kind, text: string): "empty" | "html" | "text" | "other" => {
  if (text.trim() === "") return "empty"
  if (kind === "html" || text.trimStart().startsWith("<")) return "html"
  return kind === "text" ? "text" : "other"
}

/** Reads a reply to its end, or as far as it is allowed to be long. */
export const read = <A, Pending>(
  response: HttpClientResponse,
  expected: Expectation<A, Pending>
): Effect.Effect<A, GetHistoryError | Pending> =>
  response.status === 200 ? success(response, expected) : failure(response, expected)
