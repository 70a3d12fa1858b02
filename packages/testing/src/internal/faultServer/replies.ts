import type { HeaderLine, Reply } from "./model.ts"
import * as Steps from "./steps.ts"

/**
 * How a ready-made reply is dressed. A header given here replaces the one the reply would add (`Content-Type`,
 * `Content-Length`, ...), whatever its casing: a wrong `Content-Length` is made this way.
 *
 * @since 0.1.0
 * @category models
 */
export interface Dress {
  /** Default: 200. */
  readonly status?: number
  readonly headers?: ReadonlyArray<HeaderLine>
}

const nameOf = (line: HeaderLine): string => (typeof line === "string" ? (line.split(":")[0] ?? "") : line[0])

/** @internal */
export const dressed = (dress: Dress | undefined, defaults: ReadonlyArray<readonly [string, string]>) => {
  const given = dress?.headers ?? []
  const names = new Set(given.map((line) => nameOf(line).trim().toLowerCase()))
  const kept = defaults.filter(([name]) => !names.has(name.toLowerCase()))
  return Steps.head({ status: dress?.status ?? 200, headers: [...kept, ...given] })
}

/** @internal */
export const jsonType = ["Content-Type", "application/json"] as const

/** @internal */
export const length = (bytes: number) => ["Content-Length", String(bytes)] as const

/** @internal */
export const chunkedCoding = ["Transfer-Encoding", "chunked"] as const

/** @internal Head and body leave in one write, so that no client sees one without the other by chance. */
export const whole = (
  body: Uint8Array,
  dress: Dress | undefined,
  defaults: ReadonlyArray<readonly [string, string]>
): Reply => {
  const head = dressed(dress, [...defaults, length(body.length)])
  return Steps.reply(head._tag === "Write" ? Steps.write(Buffer.concat([head.bytes, body])) : head)
}

/**
 * Answers with a value as JSON. `undefined`, which JSON cannot say, is an empty body.
 *
 * @since 0.1.0
 * @category replies
 */
export const json = (value: unknown, dress?: Dress): Reply =>
  whole(Steps.toBytes(JSON.stringify(value) ?? ""), dress, [jsonType])

/**
 * Answers with a text as it is, `text/plain` unless the headers say otherwise. Use it for malformed JSON too.
 *
 * @since 0.1.0
 * @category replies
 */
export const text = (body: string | Uint8Array, dress?: Dress): Reply =>
  whole(Steps.toBytes(body), dress, [["Content-Type", "text/plain; charset=utf-8"]])

/**
 * Answers with a status, and an empty body unless one is given. 1xx, 204 and 304 get no `Content-Length`.
 *
 * @since 0.1.0
 * @category replies
 */
export const status = (code: number, headers: ReadonlyArray<HeaderLine> = [], body: string | Uint8Array = ""): Reply =>
  code < 200 || code === 204 || code === 304
    ? Steps.reply(Steps.head({ status: code, headers }))
    : whole(Steps.toBytes(body), { status: code, headers }, [])

/**
 * Answers with a redirect; without a `location` the header is missing.
 *
 * @since 0.1.0
 * @category replies
 */
export const redirect = (code: 301 | 302 | 303 | 307 | 308, location?: string): Reply =>
  status(code, location === undefined ? [] : [["Location", location]])

/**
 * Sends these bytes, whatever they are, and ends the connection: HTTP/0.9, a broken head, another protocol.
 *
 * @since 0.1.0
 * @category replies
 */
export const raw = (data: string | Uint8Array): Reply => Steps.reply(Steps.write(data), Steps.end)

/**
 * Answers 200 as HTTP/1.0 did: no `Content-Length`, and the end of the connection is the end of the body. It is a whole
 * reply, not a truncated one.
 *
 * @since 0.1.0
 * @category replies
 */
export const closeDelimited = (body: string | Uint8Array): Reply =>
  Steps.reply(
    Steps.head({ status: 200, version: "1.0", headers: [jsonType, ["Connection", "close"]] }),
    Steps.write(body),
    Steps.end
  )

/**
 * Sends a `103 Early Hints` before another reply.
 *
 * @since 0.1.0
 * @category replies
 */
export const earlyHints = (
  then: Reply,
  headers: ReadonlyArray<HeaderLine> = [["Link", "</style.css>; rel=preload; as=style"]]
): Reply => ({ ...then, steps: [Steps.head({ status: 103, headers }), ...then.steps] })

/**
 * Answers 200 with a body of that many spaces, sent only as fast as the client reads; see `flood`. With `Infinity`, or
 * with `chunked`, it has no `Content-Length` but chunks.
 *
 * @since 0.1.0
 * @category replies
 */
export const largeBody = (options: {
  readonly bytes: number
  readonly chunk?: string | Uint8Array
  readonly chunked?: boolean
}): Reply =>
  options.chunked === true || !Number.isFinite(options.bytes)
    ? Steps.reply(
        Steps.head({ status: 200, headers: [jsonType, chunkedCoding] }),
        Steps.flood({ ...options, chunked: true }),
        Steps.lastChunk
      )
    : Steps.reply(Steps.head({ status: 200, headers: [jsonType, length(options.bytes)] }), Steps.flood(options))
