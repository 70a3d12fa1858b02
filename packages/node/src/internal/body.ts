/**
 * The body of a reply as it comes from the socket: decompressed and bounded. The socket is never paused: where a server closes
 * a connection that is (and said that it would), undici throws from a listener, which ends the process. So whoever gets the
 * head of a reply reads its body at once, or aborts; and what is longer than it may be is given up.
 */

import type { Transform } from "node:stream"
import * as zlib from "node:zlib"
import * as Engine from "@mix-effect/http/Engine"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"

const decompressors: Record<string, () => Transform> = {
  gzip: zlib.createGunzip,
  "x-gzip": zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress
}

/** Shared: to make one for each reply takes longer than to use it. */
const decoder = new TextDecoder()

type End = { readonly error?: Engine.EngineError }

/** Compression makes nothing longer by more than this: what is longer while it is compressed is so after it as well. */
const withOverhead = (bytes: number) => bytes + bytes / 64 + 1024

export class Body {
  private readonly parts: Array<Uint8Array> = []
  private size = 0
  /** How many bytes came from the socket, and whether all did. */
  private received = 0
  private complete = false
  private end: End | undefined
  private maxBytes = Number.POSITIVE_INFINITY
  private reader: ((body: Effect.Effect<Engine.Body, Engine.EngineError>) => void) | undefined
  private readonly decompressor: Transform | undefined

  constructor(
    private readonly controller: Dispatcher.DispatchController,
    encoding: string | undefined
  ) {
    const name = encoding?.trim().toLowerCase() ?? "identity"
    if (name === "identity" || name === "") return
    this.decompressor = decompressors[name]?.()
      .on("data", (chunk: Uint8Array) => {
        this.push(chunk)
        this.wake()
      })
      .on("end", () => this.finish({}))
      .on("error", (error) => this.finish({ error: Engine.failure(error) }))
    if (this.decompressor === undefined) this.finish({ error: Engine.failure({ code: "ERR_CONTENT_ENCODING" }) })
  }

  /** Bytes from the socket. */
  write(chunk: Uint8Array): void {
    this.received += chunk.byteLength
    if (this.decompressor === undefined) this.push(chunk)
    else this.decompressor.write(chunk)
    this.wake()
  }

  /** The reply ended, or broke off. */
  close(end: End): void {
    this.complete = true
    // Of nothing there is nothing to decompress, and a decompressor would complain.
    if (this.decompressor === undefined || end.error !== undefined || this.received === 0) this.finish(end)
    else this.decompressor.end()
  }

  /** Gives the rest up, and the connection with it. The end of the body may be known before the rest has come. */
  abort(reason: Error): void {
    this.decompressor?.destroy()
    if (!this.complete) this.controller.abort(reason)
    if (this.end === undefined) this.finish({ error: Engine.failure(reason) })
  }

  /** May be run once. */
  read(maxBytes: number): Effect.Effect<Engine.Body, Engine.EngineError> {
    return Effect.suspend(() => {
      this.maxBytes = maxBytes
      return (
        this.whole() ??
        Effect.async((resume) => {
          this.reader = resume
        })
      )
    })
  }

  /** What reading comes to, if that is known. */
  private whole(): Effect.Effect<Engine.Body, Engine.EngineError> | undefined {
    const tooLong = this.size > this.maxBytes || this.received > withOverhead(this.maxBytes)
    if (!tooLong) {
      if (this.end === undefined) return undefined
      if (this.end.error !== undefined) return Effect.fail(this.end.error)
    }
    const bytes = this.parts.length === 1 ? (this.parts[0] as Uint8Array) : Buffer.concat(this.parts, this.size)
    // Held any longer they would outlive a collection, and large strings and buffers that do cost a full one.
    this.parts.length = 0
    const byteLength = tooLong ? Math.max(this.size, this.received) : this.size
    return Effect.succeed({ text: decoder.decode(bytes), byteLength })
  }

  private push(chunk: Uint8Array): void {
    this.parts.push(chunk)
    this.size += chunk.byteLength
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
