import * as Effect from "effect/Effect"
import type { StreamWriter } from "./eventStream.ts"
import type { Event } from "./events.ts"
import { marshal } from "./json.ts"
import type { StreamFault, StreamFrame } from "./model.ts"

/** Lets sockets write: they do so between the turns of the event loop, of which Effect's own yield leaves none. */
export const letWrite: Effect.Effect<void> = Effect.async((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** How a stream is configured; `faults` may change while it is open. */
export interface StreamOptions {
  readonly buffer: number
  readonly faults: () => ((frame: StreamFrame) => StreamFault | undefined) | undefined
}

/** One open stream. It never waits for its reader: what does not fit into the buffer is dropped. */
export class Stream {
  private readonly waiting: Array<Event> = []
  private lastId = 0
  private blocked = false
  private closed = false

  constructor(
    readonly sessionId: string,
    private readonly index: number,
    private readonly writer: StreamWriter,
    private readonly options: StreamOptions
  ) {}

  send(event: Event): void {
    if (this.closed) return
    if (!this.blocked) this.write(event)
    else if (this.waiting.length < this.options.buffer) this.waiting.push(event)
  }

  close(clean: boolean): void {
    if (this.closed) return
    this.closed = true
    if (clean) this.writer.end()
    else this.writer.cut()
  }

  private write(event: Event): void {
    const data = marshal(event.data)
    const fault = this.options.faults()?.({
      sessionId: this.sessionId,
      connection: this.index,
      id: this.lastId + 1,
      event: event.name,
      data
    })
    if (fault?._tag === "Lose") return
    const frame = this.frame(event, data)
    if (fault?._tag === "Drop") {
      this.put(Buffer.from(frame).subarray(0, fault.bytes))
      this.close(fault.clean === true)
      return
    }
    this.put(frame)
    if (fault?._tag === "Repeat") this.put(this.frame(event, data))
  }

  private frame(event: Event, data: string): string {
    return `id: ${++this.lastId}\nevent: ${event.name}\ndata: ${data}\nretry: ${event.retry}\n\n`
  }

  private put(bytes: Uint8Array | string): void {
    if (bytes.length === 0 || this.writer.write(bytes) || this.blocked) return
    this.blocked = true
    this.writer.onDrain(() => {
      this.blocked = false
      while (!this.blocked && !this.closed) {
        const event = this.waiting.shift()
        if (event === undefined) return
        this.write(event)
      }
    })
  }
}

/** The open streams of a server. */
export class Streams {
  private readonly open = new Map<string, Set<Stream>>()
  private count = 0

  constructor(private readonly options: StreamOptions) {}

  /** A stream that is not told of anything yet. */
  make(sessionId: string, writer: StreamWriter): Stream {
    return new Stream(sessionId, this.count++, writer, this.options)
  }

  add(stream: Stream): void {
    const streams = this.open.get(stream.sessionId)
    if (streams === undefined) this.open.set(stream.sessionId, new Set([stream]))
    else streams.add(stream)
  }

  remove(stream: Stream): void {
    const streams = this.open.get(stream.sessionId)
    streams?.delete(stream)
    if (streams?.size === 0) this.open.delete(stream.sessionId)
  }

  of(sessionId?: string): ReadonlyArray<Stream> {
    if (sessionId !== undefined) return [...(this.open.get(sessionId) ?? [])]
    return [...this.open.values()].flatMap((streams) => [...streams])
  }

  /** Tells the streams of a session, or all. */
  broadcast(event: Event, sessionId?: string): void {
    for (const stream of this.of(sessionId)) stream.send(event)
  }
}
