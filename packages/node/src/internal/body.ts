/**
 * The body of a reply as it comes from the socket: decompressed and bounded. The socket is never paused: where a server closes
 * a connection that is (and said that it would), undici throws from a listener, which ends the process. So whoever gets the
 * head of a reply reads its body at once, or aborts; and what is longer than it may be is given up.
 */

import type { Transform } from "node:stream"
import * as Engine from "@mix-effect/http/Engine"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"
import { decodersOf } from "./contentEncoding.ts"

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
  private onChunk: ((chunk: Uint8Array) => void) | undefined
  /** The first is written to, and the body comes from the last. */
  private readonly decoders: ReadonlyArray<Transform>

  constructor(
    private readonly controller: Dispatcher.DispatchController,
    encoding: string | undefined
  ) {
    const decoders = decodersOf(encoding)
    if (decoders === undefined) this.finish({ error: Engine.failure({ code: "ERR_CONTENT_ENCODING" }) })
    this.decoders = decoders ?? []
    for (const [index, decoder] of this.decoders.entries()) {
      // What one decoder makes waits until the next has room for it.
      this.decoders[index - 1]?.pipe(decoder)
      decoder.on("error", (error) => this.finish({ error: Engine.failure(error) }))
    }
    this.decoders
      .at(-1)
      ?.on("data", (chunk: Uint8Array) => {
        this.push(chunk)
        this.wake()
      })
      .on("end", () => this.finish({}))
  }

  /** Bytes from the socket. */
  write(chunk: Uint8Array): void {
    this.received += chunk.byteLength
    const [decoder] = this.decoders
    if (decoder === undefined) this.push(chunk)
    else decoder.write(chunk)
    this.wake()
  }

  /** The reply ended, or broke off. */
  close(end: End): void {
    this.complete = true
    // Of nothing there is nothing to decompress, and a decompressor would complain.
    const [decoder] = this.decoders
    if (decoder === undefined || end.error !== undefined || this.received === 0) this.finish(end)
    else decoder.end()
  }

  /** Gives the rest up, and the connection with it. The end of the body may be known before the rest has come. */
  abort(reason: Error): void {
    for (const decoder of this.decoders) decoder.destroy()
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

  /** May be run once, in place of `read`. What has come already is handed over first. */
  chunks(onChunk: (chunk: Uint8Array) => void): Effect.Effect<void, Engine.EngineError> {
    return Effect.suspend(() => {
      this.onChunk = onChunk
      for (const part of this.parts.splice(0)) onChunk(part)
      this.size = 0
      return Effect.asVoid(this.read(Number.POSITIVE_INFINITY))
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
    if (this.onChunk !== undefined) {
      this.onChunk(chunk)
      return
    }
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
