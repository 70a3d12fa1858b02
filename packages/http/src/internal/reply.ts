/** What a reply means: its status, its content type and its body, in this order. */

import {
  BadRequest,
  type GetHistoryError,
  NotFound,
  type Operation,
  RateLimited,
  ResponseDecodeError,
  ServerError,
  type ServerMessage,
  Unauthorized,
  UnexpectedStatus
} from "@mix-effect/core"
import * as Mismatch from "@mix-effect/core/Mismatch"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Body, EngineError, Reply } from "../Engine.ts"
import * as EventStream from "./eventStream.ts"
import * as RetryAfter from "./retryAfter.ts"

/** How one call reads its reply. */
export interface Reading {
  readonly operation: Operation
  readonly maxBytes: number
  /** Takes secrets out of what the server wrote. */
  readonly scrub: (text: string) => string
  /** Ends the reading of a body that adds little: what went wrong is known by the status, or by the content type. */
  readonly briefly: (reading: Effect.Effect<Body, EngineError>) => Effect.Effect<Body, EngineError>
  /** What a body comes to that could not be read to its end. */
  readonly onBroken: (error: EngineError) => GetHistoryError
  /** Keeps the reply when its call is over, until the function that it gives is called. */
  readonly keep: () => () => void
}

/** The JSON that an operation expects. */
interface Expected<A, Pending> {
  /** Is given `undefined`, and has to take it, where the status says that there is no body. */
  readonly decode: (json: unknown, scrub: Reading["scrub"]) => Either.Either<A, ParseResult.ParseError>
  /** The status of a success, besides 200. */
  readonly status?: 201 | 204
  /** What 202 means, where it means anything. */
  readonly accepted?: () => Pending
}

/** How much of an error's body is read, and how much of an unexpected one is kept. */
const maxErrorBytes = 1024 * 1024
const maxKeptBytes = 2048

/** Shared: to make one for each reply takes longer than to use it. */
const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** The beginning of what a server wrote, which may be a book. No character is cut. */
const keep = (text: string): string => {
  const bytes = encoder.encode(text.slice(0, maxKeptBytes))
  let end = Math.min(bytes.length, maxKeptBytes)
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return decoder.decode(bytes.subarray(0, end))
}

type Kind = "json" | "html" | "text" | "other" | "none"

/** A quoted string may hold what separates values, and parameters. */
const values = /(?:[^,"]|"(?:\\.|[^"\\])*"?)+/g
const parameters = /(?:[^;"]|"(?:\\.|[^"\\])*"?)+/g

const partsOf = (text: string, pattern: RegExp) =>
  (text.match(pattern) ?? []).map((part) => part.trim()).filter((part) => part !== "")

/** Of several values the last counts, as in browsers (the Fetch Standard, "extract a MIME type"). */
const kindOf = (contentType: string | undefined): Kind => {
  if (contentType === "application/json") return "json" // as Mix says it
  const [type, ...rest] = partsOf(partsOf(contentType?.toLowerCase() ?? "", values).at(-1) ?? "", parameters)
  if (type === undefined) return "none"
  const charset = rest
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
    // A secret may consist of digits.
    ...(typeof code === "number" && scrub(String(code)) === String(code) && { code }),
    ...(typeof message === "string" && { message: keep(scrub(message)) }),
    ...(typeof type === "string" && { type: keep(scrub(type)) })
  }
}

/** A success in another form than the one that was asked for. */
const foreign = (reply: Reply, { briefly, operation }: Reading, kind: Kind, expected: string) => {
  const { status } = reply
  const actual = kind === "other" ? "another type" : kind
  const refused = new ResponseDecodeError({ operation, status, reason: "contentType", expected, actual })
  // One byte tells that it is not empty. An event stream would never end, and may be long in beginning.
  return Effect.matchEffect(briefly(reply.body(0)), {
    onFailure: () => Effect.fail(refused),
    onSuccess: ({ byteLength }) =>
      Effect.fail(byteLength > 0 ? refused : new ResponseDecodeError({ operation, status, reason: "empty" }))
  })
}

const success = <A>(
  reply: Reply,
  reading: Reading,
  decode: Expected<A, unknown>["decode"]
): Effect.Effect<A, GetHistoryError> => {
  const { briefly, maxBytes, onBroken, operation, scrub } = reading
  const { status } = reply
  const refuse = (
    reason: ResponseDecodeError["reason"],
    more: Partial<Mismatch.Mismatch> & { error?: ServerMessage } = {}
  ) => Effect.fail(new ResponseDecodeError({ operation, status, reason, ...more }))
  if (status === 204) {
    const nothing = () => Either.getOrThrow(decode(undefined, scrub))
    return Effect.match(briefly(reply.body(0)), { onFailure: nothing, onSuccess: nothing })
  }
  const kind = kindOf(reply.header("content-type"))
  if (kind !== "json" && kind !== "none") return foreign(reply, reading, kind, "application/json in UTF-8")
  return Effect.matchEffect(reply.body(maxBytes), {
    onFailure: (error) => Effect.fail(onBroken(error)),
    onSuccess: ({ byteLength, text }) => {
      if (byteLength > maxBytes) {
        return refuse("tooLarge", { expected: `at most ${maxBytes} bytes`, actual: "more" })
      }
      if (text.trim() === "") return refuse("empty")
      const json = parseJson(text)
      if (Either.isLeft(json)) return refuse("malformed", { expected: "JSON", actual: "something else" })
      const decoded = decode(json.right, scrub)
      if (Either.isRight(decoded)) return Effect.succeed(decoded.right)
      const { path, ...mismatch } = Mismatch.fromParseError(decoded.left)
      const error = Array.isArray(json.right) ? undefined : serverMessage(json.right, scrub)
      return refuse("schema", { ...mismatch, ...(path !== "" && { path }), ...(error && { error }) })
    }
  })
}

const failure = <Pending>(
  reply: Reply,
  { briefly, operation, scrub }: Reading,
  accepted?: () => Pending
): Effect.Effect<never, GetHistoryError | Pending> =>
  Effect.gen(function* () {
    const { header, status } = reply
    // The status says what went wrong: a body that breaks off or never ends takes nothing from that.
    const text = yield* Effect.match(briefly(reply.body(maxErrorBytes)), {
      onFailure: () => "",
      onSuccess: ({ text }) => text
    })
    if (status === 202 && accepted !== undefined) return yield* Effect.fail(accepted())
    if (status === 204 || status === 205) return yield* new ResponseDecodeError({ operation, status, reason: "empty" })
    const kind = kindOf(header("content-type"))
    const json = parseJson(text)
    const error = kind === "html" || Either.isLeft(json) ? undefined : serverMessage(json.right, scrub)
    const bodyKind = Either.isRight(json) && kind !== "html" ? undefined : foreignKind(kind, text)
    const retryAfter =
      status === 429 || status === 503 ? RetryAfter.parse(header, yield* Clock.currentTimeMillis) : undefined
    const known = {
      operation,
      ...(error && { error }),
      ...(bodyKind && { bodyKind }),
      ...(retryAfter && { retryAfter })
    } as const
    const hint = reply.hint !== undefined && error === undefined ? { hint: reply.hint } : {}
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
    if (status >= 500 && status < 600) return yield* new ServerError({ ...known, ...hint, status })
    const body = keep(scrub(text))
    return yield* new UnexpectedStatus({ ...known, ...hint, status, ...(body !== "" && { body }) })
  })

/** What a body is that is not JSON. Proxies send pages of HTML under any name. */
const foreignKind = (kind: Kind, text: string): "empty" | "html" | "text" | "other" => {
  if (text.trim() === "") return "empty"
  if (kind === "html" || text.trimStart().startsWith("<")) return "html"
  return kind === "text" ? "text" : "other"
}

/** Reads a reply of JSON to its end, or as far as it is allowed to be long. */
export const json =
  <A, Pending = never>({ accepted, decode, status }: Expected<A, Pending>) =>
  (reply: Reply, reading: Reading): Effect.Effect<A, GetHistoryError | Pending> =>
    reply.status === 200 || reply.status === status
      ? success(reply, reading, decode)
      : failure(reply, reading, accepted)

/** Gives the text of an event stream, which goes on until the scope closes. */
export const events =
  (scope: Scope.Scope) =>
  (reply: Reply, reading: Reading): Effect.Effect<Stream.Stream<string>, GetHistoryError> => {
    if (reply.status !== 200) return failure(reply, reading)
    const contentType = reply.header("content-type")
    if (!/^text\/event-stream *(;|$)/i.test(contentType?.trim() ?? ""))
      return foreign(reply, reading, kindOf(contentType), "text/event-stream")
    return Effect.flatMap(EventStream.open(reply.chunks), ({ broken, text }) => {
      const failure = broken && reading.onBroken(broken)
      // A stream that breaks off is a drop, but one that is silent from the beginning was not opened: a proxy may hold it back.
      if (failure?._tag === "RequestTimeout") return Effect.fail(failure)
      return Effect.uninterruptible(
        Effect.suspend(() => Effect.as(Scope.addFinalizer(scope, Effect.sync(reading.keep())), text))
      )
    })
  }
