/** The content codings that the engine decodes. */
import { Transform } from "node:stream"
import * as zlib from "node:zlib"

/** "deflate" means zlib's format (RFC 9110, 8.4.1.2). Some servers send it without zlib's header, which the first byte tells. */
const createInflate = (): Transform => {
  let inflate: Transform | undefined
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      if (inflate === undefined) {
        inflate = ((chunk[0] as number) & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw()
        inflate.on("data", (inflated) => this.push(inflated)).on("error", (error) => this.destroy(error))
      }
      inflate.write(chunk, () => done())
    },
    flush(done) {
      if (inflate === undefined) done()
      else inflate.on("end", done).end()
    },
    destroy(error, done) {
      inflate?.destroy()
      done(error)
    }
  })
}

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: zlib.createGunzip,
  deflate: createInflate,
  br: zlib.createBrotliDecompress,
  // Since Node.js 22.15.
  ...("createZstdDecompress" in zlib && { zstd: zlib.createZstdDecompress as () => Transform })
}

/** The value of `Accept-Encoding`. */
export const accepted = Object.keys(decoders).join(", ")

/** More than this no server applies, and each may make the body a thousand times as long. */
const maxCodings = 5

/**
 * The decoders for a value of `Content-Encoding`, the first to apply first: none for a body that is not encoded, `undefined`
 * for an encoding that is not known. The header lists encodings in the order in which they were applied (RFC 9110, 8.4), so
 * one that comes twice was applied twice.
 */
export const decodersOf = (value = ""): ReadonlyArray<Transform> | undefined => {
  if (value === "") return []
  const names = value
    .toLowerCase()
    .split(",")
    .map((name) => name.trim().replace(/^x-(?=gzip$)/, ""))
    .filter((name) => name !== "" && name !== "identity")
  if (names.length > maxCodings || !names.every((name) => Object.hasOwn(decoders, name))) return undefined
  return names.reverse().map((name) => (decoders[name] as () => Transform)())
}
