import * as Effect from "effect/Effect"
import type { ReceivedRequest } from "./model.ts"
import { type Ended, Malformed, type Reader } from "./reader.ts"

/** What the head of a request says. */
export type Head = Pick<ReceivedRequest, "line" | "method" | "target" | "rawHeaders" | "headers"> & {
  readonly version: string
}

/** The body of one request, piece by piece and without its framing. */
export interface Body {
  /** At most `max` bytes; `undefined` at the end. */
  readonly next: (max: number) => Effect.Effect<Uint8Array | undefined, Ended | Malformed>
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const requestLine = new RegExp(`^(${token}) ([^ ]+) HTTP/(1\\.[01])$`)
const headerLine = new RegExp(`^(${token}):[ \\t]*(.*?)[ \\t]*$`, "s")

const joined = (pairs: Head["rawHeaders"]): ReadonlyMap<string, string> => {
  const headers = new Map<string, string>()
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    const before = headers.get(key)
    headers.set(key, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}

/** Parses the text before the empty line. */
export const parseHead = (text: string): Head | Malformed => {
  const [line = "", ...rest] = text.split("\r\n")
  const [, method, target, version] = requestLine.exec(line) ?? []
  if (method === undefined || target === undefined || version === undefined) {
    return new Malformed({ reason: "not an HTTP/1.x request line" })
  }
  const rawHeaders: Array<readonly [string, string]> = []
  for (const header of rest) {
    const [, name, value] = headerLine.exec(header) ?? []
    if (name === undefined || value === undefined) return new Malformed({ reason: "not a header line" })
    rawHeaders.push([name, value])
  }
  return { line, method, target, version, rawHeaders, headers: joined(rawHeaders) }
}

/** Whether the client wants the connection closed after the reply. */
export const wantsClose = (head: Head): boolean => {
  const connection = head.headers.get("connection")?.toLowerCase() ?? ""
  return connection.includes("close") || (head.version === "1.0" && !connection.includes("keep-alive"))
}

const lengthBody = (reader: Reader, length: number): Body => {
  let left = length
  return {
    next: (max) =>
      Effect.suspend(() =>
        left === 0
          ? Effect.succeed(undefined)
          : Effect.map(reader.some(Math.min(left, max)), (piece) => {
              left -= piece.length
              return piece
            })
      )
  }
}

const chunkedBody = (reader: Reader): Body => {
  let left = 0
  let state: "size" | "data" | "done" = "size"
  const crlf = "\r\n"

  const nextSize = Effect.gen(function* () {
    const [size = ""] = (yield* reader.until(crlf)).split(";")
    if (!/^[0-9a-fA-F]{1,12}[ \t]*$/.test(size)) return yield* new Malformed({ reason: "not a chunk size" })
    left = Number.parseInt(size, 16)
    state = left === 0 ? "done" : "data"
    // Trailer lines are dropped, down to the empty one.
    if (left === 0) while ((yield* reader.until(crlf)) !== "") {}
  })

  return {
    next: Effect.fnUntraced(function* (max) {
      // The line break after a chunk is read with the next size: waiting for it would hold back bytes that have come.
      if (state === "data" && left === 0) {
        if ((yield* reader.until(crlf)) !== "") return yield* new Malformed({ reason: "a chunk longer than its size" })
        state = "size"
      }
      if (state === "size") yield* nextSize
      if (state === "done") return undefined
      const piece = yield* reader.some(Math.min(left, max))
      left -= piece.length
      return piece
    })
  }
}

/** The body that a head announces. */
export const bodyOf = (reader: Reader, head: Head): Body | Malformed => {
  const coding = head.headers.get("transfer-encoding")
  const length = head.headers.get("content-length")
  if (coding !== undefined) {
    return coding.trim().toLowerCase() === "chunked" && length === undefined
      ? chunkedBody(reader)
      : new Malformed({ reason: "a transfer coding other than chunked, or one with a content length" })
  }
  if (length === undefined) return lengthBody(reader, 0)
  return /^[0-9]{1,15}$/.test(length)
    ? lengthBody(reader, Number(length))
    : new Malformed({ reason: "not a content length" })
}
