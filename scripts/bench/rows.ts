// The rows of the benchmark: messages, newest first, each exactly as many bytes of JSON as asked for.

export interface Row {
  readonly id: string
  readonly userInput: string
}

const prose =
  "Compare the quarterly figures of each region and tell me which ones fell short of the plan, by how much. "

/** Ids are spread like UUIDs; their last twelve digits count. */
export const idOf = (n: number) =>
  `${(Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, "0")}-4b0a-4c55-9a43-${n.toString(16).padStart(12, "0")}`

const tool = {
  name: "bash",
  input: '{"command":"awk -F, \'{ print $2 }\' sales.csv"}',
  type: "tool_use",
  finished: true
}

/** A turn of the assistant, with tools and text beyond ASCII; shorter rows are what a user wrote. */
const turn = {
  assistantResponse: `Three regions fell short \u2014 "North" by 4.2\u00a0%. ${prose.repeat(5)}`,
  reasoning: prose,
  reasoningDuration: 12,
  toolCalls: ["call_0", "call_1"].map((id) => ({ id, ...tool, result: "North\t1150\nSouth\t987\n" })),
  cost: 0.0125,
  model: "claude-sonnet-4-5"
}

const row = (n: number, bytes: number): string => {
  const common = { id: idOf(n), sessionId: idOf(Math.floor(n / 20)), inputTokens: 900 + (n % 100), outputTokens: 0 }
  const more = bytes < 1500 ? { role: "user" } : { role: "assistant", ...turn }
  const room = bytes - Buffer.byteLength(JSON.stringify({ ...common, userInput: "", ...more }))
  return JSON.stringify({ ...common, userInput: prose.repeat(20).slice(0, room), ...more })
}

const pages = new Map<string, Buffer>()

/** Serialised when it is first asked for, so warming up makes the pages that are measured; then kept, if asked to. */
export const page = (bytes: number, from: number, to: number, keep: boolean): Buffer => {
  const key = `${bytes} ${from} ${to}`
  const rows = () => Array.from({ length: Math.max(0, to - from) }, (_, n) => row(from + n, bytes))
  const made = pages.get(key) ?? Buffer.from(`[${rows().join(",")}]`)
  if (keep) pages.set(key, made)
  return made
}

/** Adds up what tells a row that is missed, repeated or misplaced. */
export const digest = () => {
  const sum = { rows: 0, ids: 0 }
  const seen = (rows: Iterable<Row>) => {
    for (const { id } of rows) {
      sum.rows++
      for (let at = id.length - 6; at < id.length; at++) sum.ids = (Math.imul(sum.ids, 31) + id.charCodeAt(at)) | 0
    }
  }
  return { sum, seen }
}
