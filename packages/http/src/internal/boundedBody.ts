/**
 * A bound for the bytes of what `fetch` gives. An `HttpClient` reads all bytes of a reply in half the time that it takes to read
 * a stream, but without a bound.
 */
export class BoundedBody {
  /** More than one part above this is not read. */
  maxBytes = Number.POSITIVE_INFINITY
  private reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  private isStatusRead = false

  /** Bounds a reply, if it has a stream. */
  bound(response: Response): Response {
    const { body, status } = response
    if (typeof body?.getReader !== "function") return response
    const isBound = Reflect.defineProperty(response, "arrayBuffer", { value: () => this.read(body.getReader()) })
    if (isBound) {
      Reflect.defineProperty(response, "status", {
        get: () => {
          this.isStatusRead = true
          return status
        }
      })
    }
    return response
  }

  /** Whether a reply of the client is one that was bounded: the client may give another, made of its stream. */
  isOf(reply: { readonly status: number }): boolean {
    this.isStatusRead = false
    return reply.status >= 0 && this.isStatusRead
  }

  /** Gives up what was not read. */
  cancel(): void {
    this.reader?.cancel().catch(() => {
      // What cannot be given up is nobody's any more.
    })
  }

  private async read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ArrayBuffer> {
    this.reader = reader
    const parts: Array<Uint8Array> = []
    let byteLength = 0
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value)
      byteLength += part.value.byteLength
      if (byteLength > this.maxBytes) {
        this.cancel()
        break
      }
    }
    const bytes = new Uint8Array(byteLength)
    let end = 0
    for (const part of parts) {
      bytes.set(part, end)
      end += part.byteLength
    }
    return bytes.buffer
  }
}
