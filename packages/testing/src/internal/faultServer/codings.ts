import * as NodeZlib from "node:zlib"
import type { Reply } from "./model.ts"
import { type Dress, dressed, jsonType, length, whole } from "./replies.ts"
import * as Steps from "./steps.ts"

const gzipCoding = ["Content-Encoding", "gzip"] as const

/**
 * Answers with a gzipped body, `application/json` unless the headers say otherwise.
 *
 * @since 0.1.0
 * @category replies
 */
export const gzip = (body: string | Uint8Array, dress?: Dress): Reply =>
  whole(NodeZlib.gzipSync(body), dress, [jsonType, gzipCoding])

/**
 * Answers with a body in Brotli coding, `application/json` unless the headers say otherwise.
 *
 * @since 0.1.0
 * @category replies
 */
export const brotli = (body: string | Uint8Array, dress?: Dress): Reply =>
  whole(NodeZlib.brotliCompressSync(body), dress, [jsonType, ["Content-Encoding", "br"]])

/**
 * A whole HTTP reply around the first half of a gzipped body: only the coding is truncated.
 *
 * @since 0.1.0
 * @category faults
 */
export const gzipTruncated = (body: string | Uint8Array, dress?: Dress): Reply => {
  const coded = NodeZlib.gzipSync(body)
  return whole(coded.subarray(0, Math.floor(coded.length / 2)), dress, [jsonType, gzipCoding])
}

const gzipHeaderBytes = 10

/**
 * A whole HTTP reply around a gzipped body whose compressed data is invalid.
 *
 * @since 0.1.0
 * @category faults
 */
export const gzipCorrupt = (body: string | Uint8Array, dress?: Dress): Reply => {
  const coded = Buffer.from(NodeZlib.gzipSync(body))
  // Block type 3 is reserved, so that every decoder refuses this byte: a flipped bit further on might go unseen until
  // the checksum.
  coded[gzipHeaderBytes] = 0xff
  return whole(coded, dress, [jsonType, gzipCoding])
}

const memberBytes = 1024 * 1024

/**
 * Answers with a gzipped body that inflates to that many spaces, about a thousandth of it on the wire. It is made of
 * gzip members of 1 MiB, which decoders that follow RFC 1952 (Node's among them) read as one body; few others do.
 *
 * @since 0.1.0
 * @category faults
 */
export const gzipBomb = (options: { readonly bytes: number }): Reply => {
  const members = Math.floor(options.bytes / memberBytes)
  const member = NodeZlib.gzipSync(Buffer.alloc(memberBytes, " "))
  const rest = NodeZlib.gzipSync(Buffer.alloc(options.bytes % memberBytes, " "))
  return Steps.reply(
    dressed({}, [jsonType, gzipCoding, length(members * member.length + rest.length)]),
    Steps.flood({ chunk: member, bytes: members * member.length }),
    Steps.write(rest)
  )
}
