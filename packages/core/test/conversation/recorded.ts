/** Whole exchanges of real servers, as text and as frames. */
import { readFileSync } from "node:fs"
import type { Frame } from "../../src/internal/conversation/sse.ts"

const read = (name: string) => readFileSync(new URL(`../fixtures/wire/${name}`, import.meta.url), "utf8")

/** Streams, byte for byte. */
export const streams = [
  "50-sse-seed-exchange",
  "51-sse-invalid-session",
  "52-sse-202-era-errors-duplicated",
  "53-sse-feb2026-exchange"
].map((name) => ({ name, text: read(`${name}.txt`) }))

export interface Exchange {
  readonly name: string
  readonly session: string
  /** What was sent. */
  readonly text: string
  readonly frames: ReadonlyArray<Frame>
  /** The rows of the session in the end, by their roles and finish reasons. Empty where none was stored. */
  readonly rows: ReadonlyArray<{ readonly role: string; readonly finishReason: string }>
}

/** What two builds of the backend sent, one exchange for each text that was sent. */
export const exchanges: ReadonlyArray<Exchange> = ["80-runs-202-exchanges", "81-runs-seed-exchanges"].flatMap((file) =>
  read(`${file}.txt`)
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [name = ""] = section.split("\n")
      const frames = [...section.matchAll(/^ +\d+:(\w+) (\{.*?)(?: retry \d+)?$/gm)].map(
        ([, event = "", data = ""]) => ({
          event,
          data
        })
      )
      const session = /"sessionId":"([^"]+)"/.exec(frames[0]?.data ?? "")?.[1] ?? ""
      const rows = [...(/^ +export: (.*)$/m.exec(section)?.[1] ?? "").matchAll(/(user|assistant|tool):(\w+)/g)].map(
        ([, role = "", finishReason = ""]) => ({ role, finishReason })
      )
      return { name: `${file.slice(0, 2)} ${name}`, session, text: name, frames, rows }
    })
)

/** As the server frames it. */
export const toText = (frames: ReadonlyArray<Frame>): string =>
  frames.map(({ data, event }, index) => `id: ${index + 1}\nevent: ${event}\ndata: ${data}\nretry: 30000\n\n`).join("")
