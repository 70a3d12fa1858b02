import * as NodeHttp from "node:http"
import * as Duration from "effect/Duration"
import type { HeaderLine, Reply, Step } from "./model.ts"

/** @internal */
export const toBytes = (data: string | Uint8Array): Uint8Array => (typeof data === "string" ? Buffer.from(data) : data)

/** @internal */
export const framed = (data: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")])

/**
 * Steps to do after the whole request was read. The connection then stays open for the next request, unless the steps
 * say otherwise or the request asked for `Connection: close`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const reply = (...steps: ReadonlyArray<Step>): Reply => ({ when: "request", steps })

/**
 * Steps to do when a connection is accepted, before a byte is read (with `tls`: before the handshake, so let them end
 * the connection). In a list of replies it takes the place of one request; on a connection that is already open it
 * begins when the head of that request is complete.
 *
 * @since 0.1.0
 * @category constructors
 */
export const atAccept = (...steps: ReadonlyArray<Step>): Reply => ({ when: "accept", steps })

/**
 * Steps to do after the head and the first byte of the body, while the client may still be sending: an early answer, or
 * a reset in the middle of an upload. A request without a body is answered after its head. If the connection stays open
 * the rest of the body is read and dropped.
 *
 * @since 0.1.0
 * @category constructors
 */
export const duringUpload = (...steps: ReadonlyArray<Step>): Reply => ({ when: "upload", steps })

/**
 * Sends these bytes as they are; a string goes out as UTF-8. Waits until the system has taken them, so a client that
 * does not read holds up the reply.
 *
 * @since 0.1.0
 * @category steps
 */
export const write = (data: string | Uint8Array): Step => ({ _tag: "Write", bytes: toBytes(data) })

/**
 * Sends a status line, these header lines and the empty line, as Latin-1. No header is added.
 *
 * @since 0.1.0
 * @category steps
 */
export const head = (options: {
  readonly status: number
  /** Default: the standard phrase, or nothing for an unknown status. */
  readonly reason?: string
  readonly headers?: ReadonlyArray<HeaderLine>
  /** Default: `1.1`. */
  readonly version?: string
}): Step => {
  const reason = options.reason ?? NodeHttp.STATUS_CODES[options.status] ?? ""
  const lines = (options.headers ?? []).map((line) => (typeof line === "string" ? line : `${line[0]}: ${line[1]}`))
  const text = [`HTTP/${options.version ?? "1.1"} ${options.status} ${reason}`, ...lines, "", ""].join("\r\n")
  return { _tag: "Write", bytes: Buffer.from(text, "latin1") }
}

/**
 * Sends one chunk of a `Transfer-Encoding: chunked` body. An empty one ends the body: see `lastChunk`.
 *
 * @since 0.1.0
 * @category steps
 */
export const chunk = (data: string | Uint8Array): Step => ({ _tag: "Write", bytes: framed(toBytes(data)) })

/**
 * Ends a `Transfer-Encoding: chunked` body.
 *
 * @since 0.1.0
 * @category steps
 */
export const lastChunk: Step = write("0\r\n\r\n")

/**
 * Does nothing for a time, measured by the real clock even under `TestClock`.
 *
 * @since 0.1.0
 * @category steps
 */
export const delay = (duration: Duration.DurationInput): Step => ({
  _tag: "Delay",
  duration: Duration.decode(duration)
})

/**
 * Does nothing until the client leaves or the server's scope closes. The steps after it are never done.
 *
 * @since 0.1.0
 * @category steps
 */
export const stall: Step = { _tag: "Stall" }

/**
 * Sends the data `chunkSize` bytes at a time (default: 1, which splits multi-byte characters), with a pause of `every`
 * between two pieces, by the real clock.
 *
 * @since 0.1.0
 * @category steps
 */
export const drip = (options: {
  readonly data: string | Uint8Array
  readonly chunkSize?: number
  readonly every: Duration.DurationInput
}): Step => ({
  _tag: "Drip",
  bytes: toBytes(options.data),
  chunkSize: Math.max(1, Math.floor(options.chunkSize ?? 1)),
  every: Duration.decode(options.every)
})

/**
 * Sends `chunk` (default: 64 KiB of spaces) again and again until `bytes` bytes are sent, cutting the last one;
 * `Infinity` never ends. It sends no faster than the client reads and keeps one chunk in memory, so a gigabyte costs
 * nothing. With `chunked`, each piece is framed as a chunk of a `Transfer-Encoding: chunked` body, whose end is left to
 * `lastChunk`.
 *
 * @since 0.1.0
 * @category steps
 */
export const flood = (options: {
  readonly bytes: number
  readonly chunk?: string | Uint8Array
  readonly chunked?: boolean
}): Step => {
  const given = toBytes(options.chunk ?? "")
  return {
    _tag: "Flood",
    chunk: given.length === 0 ? Buffer.alloc(64 * 1024, " ") : given,
    bytes: options.bytes,
    chunked: options.chunked ?? false
  }
}

/**
 * Ends the connection in good order (FIN) after what was sent. The steps after it are never done.
 *
 * @since 0.1.0
 * @category steps
 */
export const end: Step = { _tag: "End" }

/**
 * Resets the connection (RST): the client sees `ECONNRESET`. If it is not the first step of the reply it waits 10 ms, so
 * that the client has read what came before; a client that was too busy to may see a plain end instead. The steps after
 * it are never done.
 *
 * @since 0.1.0
 * @category steps
 */
export const reset: Step = { _tag: "Reset" }

/**
 * Keeps the connection open for the next request even if the request asked for `Connection: close`. Without it, a reply
 * that comes to its last step keeps the connection open unless the request asked for that. The steps after it are never
 * done.
 *
 * @since 0.1.0
 * @category steps
 */
export const keepAlive: Step = { _tag: "KeepAlive" }

/**
 * Keeps the connection open, and resets it at the first byte of the next request, which is not counted: to the client
 * the connection looked usable and was dead. The steps after it are never done.
 *
 * @since 0.1.0
 * @category steps
 */
export const resetOnReuse: Step = { _tag: "ResetOnReuse" }
