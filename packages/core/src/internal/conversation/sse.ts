/**
 * The text of a stream of server-sent events, line by line, by the rules of the WHATWG. Every frame of Mix ends with
 * `retry:`; that field and `id` are ignored, because the server replays nothing.
 */

/** One event of the stream. */
export interface Frame {
  readonly event: string
  readonly data: string
}

/**
 * Parses text that arrives in any pieces: `push` gives the frames that a piece completes. A frame that nothing completes is
 * dropped with the parser. Once a frame exceeds `limit` characters, `tooLarge()` is true and no frame follows.
 */
export const make = (limit = 16 * 1024 * 1024) => {
  const lineEnd = /[\r\n]/g
  let line = ""
  let event = ""
  let data: string | undefined
  let size = 0
  let atStart = true
  let afterCr = false

  const endLine = (frames: Array<Frame>) => {
    if (line === "") {
      if (data !== undefined) frames.push({ event: event || "message", data })
      event = ""
      data = undefined
      size = 0
      return
    }
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)
    if (field === "event") event = value
    else if (field === "data") data = data === undefined ? value : `${data}\n${value}`
    // Other fields and comments count, too: a frame of nothing else has to end some day.
    size += line.length
    line = ""
  }

  return {
    push: (chunk: string): ReadonlyArray<Frame> => {
      const frames: Array<Frame> = []
      if (chunk === "" || size > limit) return frames
      let from = (atStart && chunk[0] === "\ufeff") || (afterCr && chunk[0] === "\n") ? 1 : 0
      atStart = false
      afterCr = false
      while (size <= limit) {
        lineEnd.lastIndex = from
        const end = lineEnd.exec(chunk)
        line += chunk.slice(from, end?.index)
        if (size + line.length > limit) size = limit + 1
        if (end === null) break
        if (size <= limit) endLine(frames)
        from = end.index + 1
        if (end[0] === "\r") {
          afterCr = from === chunk.length
          if (chunk[from] === "\n") from++
        }
      }
      return frames
    },
    tooLarge: (): boolean => size > limit
  }
}
