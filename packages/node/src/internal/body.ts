/** The body of a reply as it comes from the socket: pulled by a stream, decompressed, with back-pressure. */

import type { Transform } from "node:stream"
import * as zlib from "node:zlib"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Dispatcher } from "undici"

/** Bytes that may wait for the consumer before the socket is paused. */
const highWaterMark = 1024 * 1024

const decompressors: Record<string, () => Transform> = {
  gzip: zlib.createGunzip,
  "x-gzip": zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress
}

const unknownEncoding = () => Object.assign(new Error("unknown content encoding"), { code: "ERR_CONTENT_ENCODING" })

type End = { readonly error?: unknown }

export class Body {
  private queue: Array<Uint8Array> = []
  private queued = 0
  private end: End | undefined
  /** Whether anything came from the socket, and whether all did. */
  private began = false
  private complete = false
  private waiting: (() => void) | undefined
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
      .on("error", (error) => this.finish({ error }))
      .on("drain", () => this.controller.resume())
    if (this.decompressor === undefined) this.finish({ error: unknownEncoding() })
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
  abort(): void {
    this.decompressor?.destroy()
    if (!this.complete) this.controller.abort(new Error("the reply is not wanted any more"))
  }

  /** May be run once. */
  readonly stream: Stream.Stream<Uint8Array, unknown> = Stream.fromPull(
    Effect.acquireRelease(Effect.succeed(Effect.suspend(() => this.pull())), () => Effect.sync(() => this.abort()))
  )

  private pull(): Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<unknown>> {
    if (this.queue.length > 0) {
      const chunk = Chunk.unsafeFromArray(this.queue)
      this.queue = []
      if (this.queued > highWaterMark) (this.decompressor ?? this.controller).resume()
      this.queued = 0
      return Effect.succeed(chunk)
    }
    if (this.end !== undefined) {
      return Effect.fail(this.end.error === undefined ? Option.none() : Option.some(this.end.error))
    }
    return Effect.async((resume) => {
      this.waiting = () => resume(Effect.suspend(() => this.pull()))
    })
  }

  private push(chunk: Uint8Array): void {
    this.queue.push(chunk)
    this.queued += chunk.byteLength
    if (this.queued > highWaterMark) (this.decompressor ?? this.controller).pause()
    this.wake()
  }

  private finish(end: End): void {
    this.end ??= end
    this.wake()
  }

  private wake(): void {
    const { waiting } = this
    this.waiting = undefined
    waiting?.()
  }
}
