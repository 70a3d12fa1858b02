import type { Reply } from "./model.ts"
import { chunkedCoding, type Dress, dressed, json, jsonType, length } from "./replies.ts"
import * as Steps from "./steps.ts"

const sample = JSON.stringify([{ id: "a" }, { id: "b" }])

const half = (body: string | Uint8Array): Uint8Array => {
  const bytes = Steps.toBytes(body)
  return bytes.subarray(0, Math.floor(bytes.length / 2))
}

/**
 * Promises the whole body in `Content-Length`, sends its first `bytes` bytes (default: half) and ends the connection.
 *
 * @since 0.1.0
 * @category faults
 */
export const truncated = (body: string | Uint8Array, bytes?: number, dress?: Dress): Reply => {
  const full = Steps.toBytes(body)
  return Steps.reply(
    dressed(dress, [jsonType, length(full.length)]),
    Steps.write(full.subarray(0, bytes ?? half(full).length)),
    Steps.end
  )
}

/**
 * Sends the first `bytes` bytes of a body (default: all) as a chunk and ends the connection without the last chunk.
 *
 * @since 0.1.0
 * @category faults
 */
export const truncatedChunked = (body: string | Uint8Array, bytes?: number, dress?: Dress): Reply =>
  Steps.reply(dressed(dress, [jsonType, chunkedCoding]), Steps.chunk(Steps.toBytes(body).subarray(0, bytes)), Steps.end)

/**
 * Answers with bytes that are not HTTP and ends the connection.
 *
 * @since 0.1.0
 * @category faults
 */
export const garbage: Reply = Steps.reply(
  Steps.write(Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28, 0x00, 0xff, 0x0d, 0x0a, 0x0d, 0x0a)),
  Steps.end
)

/**
 * A reply that is in order but for one header of that many bytes (default: 128 KiB; Node's own limit is 16 KiB).
 *
 * @since 0.1.0
 * @category faults
 */
export const oversizedHeaders = (bytes = 128 * 1024): Reply => json([], { headers: [["X-Padding", "x".repeat(bytes)]] })

/**
 * Ends each connection at once, without reading or sending a byte (FIN).
 *
 * @since 0.1.0
 * @category faults
 */
export const acceptThenClose: Reply = Steps.atAccept(Steps.end)

/**
 * Resets each connection at once, without reading or sending a byte (RST).
 *
 * @since 0.1.0
 * @category faults
 */
export const acceptThenReset: Reply = Steps.atAccept(Steps.reset)

/**
 * Reads the whole request and ends the connection without a byte of an answer (FIN).
 *
 * @since 0.1.0
 * @category faults
 */
export const closeWithoutReply: Reply = Steps.reply(Steps.end)

/**
 * Reads the whole request and resets the connection (RST).
 *
 * @since 0.1.0
 * @category faults
 */
export const resetWithoutReply: Reply = Steps.reply(Steps.reset)

/**
 * Resets the connection when the first byte of the request's body was read, and the client may still be sending. The
 * request is recorded as `partial`.
 *
 * @since 0.1.0
 * @category faults
 */
export const resetDuringUpload: Reply = Steps.duringUpload(Steps.reset)

/**
 * Sends a whole head and resets the connection before the body.
 *
 * @since 0.1.0
 * @category faults
 */
export const resetAfterHeaders: Reply = Steps.reply(
  Steps.head({ status: 200, headers: [jsonType, length(sample.length)] }),
  Steps.reset
)

/**
 * Sends a head and half of the body (default: a small JSON list), then resets the connection.
 *
 * @since 0.1.0
 * @category faults
 */
export const resetMidBody = (body: string | Uint8Array = sample): Reply =>
  Steps.reply(dressed({}, [jsonType, length(Steps.toBytes(body).length)]), Steps.write(half(body)), Steps.reset)

/**
 * Reads the request and never answers.
 *
 * @since 0.1.0
 * @category faults
 */
export const stallBeforeHead: Reply = Steps.reply(Steps.stall)

/**
 * Sends a head and half of the body (default: a small JSON list), then nothing more.
 *
 * @since 0.1.0
 * @category faults
 */
export const stallMidBody = (body: string | Uint8Array = sample, dress?: Dress): Reply =>
  Steps.reply(dressed(dress, [jsonType, length(Steps.toBytes(body).length)]), Steps.write(half(body)), Steps.stall)

/**
 * Does a reply (which must not close the connection itself) and keeps the connection open, so that the client puts it
 * back into its pool; the next request on it meets a reset at its first byte and is not counted. This is the stale
 * keep-alive connection, without the race that makes it rare.
 *
 * @since 0.1.0
 * @category faults
 */
export const answerThenCloseIdle = (answer: Reply): Reply => ({
  ...answer,
  steps: [...answer.steps, Steps.resetOnReuse]
})
