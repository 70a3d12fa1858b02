/** The body of a reply as it comes from the socket: decompressed, bounded, with back-pressure until it is read. */

import type { Transform } from "node:stream"
import * as zlib from "node:zlib"
import * as Engine from "@mix-effect/http/Engine"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"

/** Bytes that may wait for a reader before the socket is paused. */
const highWaterMark = 1024 * 1024

const decompressors: Record<string, () => Transform> = {
  gzip: zlib.createGunzip,
  "x-gzip": zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress
}

/** Shared: to make one for each reply takes longer than to use it. */
const decoder = new TextDecoder()

type End = { readonly error?: Engine.EngineError }

export class Body {
  private readonly parts: Array<Uint8Array> = []
  private size = 0
  private end: End | undefined
  /** Whether anything came from the socket, and whether all did. */
  private began = false
  private complete = false
  /** Reading takes as much as this, and then a little more. */
  private maxBytes = highWaterMark
  private reader: ((body: Effect.Effect<Engine.Body, Engine.EngineError>) => void) | undefined
  private readonly decompressor: Transform | undefined

  constructor(
    private readonly controller: Dispatcher.DispatchController,
    encoding: string | undefined
  ) {
    const name = encoding?.trim().toLowerCase() ?? "identity"
    if (name === "identity" || name === "") return
    this.decompressor = decompressors[name]?.()
      .on("data", (chunk: Uint8Array) => this.push(chunk))
      .on("end", () => this.finish({}))
      .on("error", (error) => this.finish({ error: Engine.failure(error) }))
      .on("drain", () => this.controller.resume())
    if (this.decompressor === undefined) this.finish({ error: Engine.failure({ code: "ERR_CONTENT_ENCODING" }) })
  }

  /** Bytes from the socket. */
  write(chunk: Uint8Array): void {
    this.began = true
    if (this.decompressor === undefined) this.push(chunk)
    else if (!this.decompressor.write(chunk)) this.controller.pause()
  }

  /** The reply ended, or broke off. */
  close(end: End): void {
    this.complete = true
    // Of nothing there is nothing to decompress, and a decompressor would complain.
    if (this.decompressor === undefined || end.error !== undefined || !this.began) this.finish(end)
    else this.decompressor.end()
  }

  /** Gives the rest up, and the connection with it. The end of the body may be known before the rest has come. */
  abort(reason: Error): void {
    if (this.complete && this.end !== undefined) return
    this.decompressor?.destroy()
    if (!this.complete) this.controller.abort(reason)
    this.finish({ error: Engine.failure(reason) })
  }

  /** May be run once. */
  read(maxBytes: number): Effect.Effect<Engine.Body, Engine.EngineError> {
    return Effect.suspend(() => {
      this.maxBytes = maxBytes
      const body = this.whole()
      if (body !== undefined) return body
      return Effect.async((resume) => {
        this.reader = resume
        ;(this.decompressor ?? this.controller).resume()
      })
    })
  }

  /** What reading comes to, if that is known. */
  private whole(): Effect.Effect<Engine.Body, Engine.EngineError> | undefined {
    if (this.size <= this.maxBytes) {
      if (this.end === undefined) return undefined
      if (this.end.error !== undefined) return Effect.fail(this.end.error)
    }
    const bytes = this.parts.length === 1 ? (this.parts[0] as Uint8Array) : Buffer.concat(this.parts, this.size)
    return Effect.succeed({ text: decoder.decode(bytes), byteLength: bytes.byteLength })
  }

  private push(chunk: Uint8Array): void {
    this.parts.push(chunk)
    this.size += chunk.byteLength
    if (this.size <= this.maxBytes) return
    ;(this.decompressor ?? this.controller).pause()
    this.wake()
  }

  private finish(end: End): void {
    this.end ??= end
    this.wake()
  }

  private wake(): void {
    const body = this.reader === undefined ? undefined : this.whole()
    if (body === undefined) return
    this.reader?.(body)
    this.reader = undefined
  }
}
