// The rows of the benchmark: messages, newest first, each exactly as many bytes of JSON as asked for.

export interface Row {
  readonly id: string
}

const prose =
  "Compare the quarterly figures of each region and tell me which ones fell short of the plan, by how much. "

/** Ids are spread like UUIDs; their last twelve digits count. */
const idOf = (n: number) =>
  `${(Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, "0")}-4b0a-4c55-9a43-${n.toString(16).padStart(12, "0")}`

const tool = { name: "bash", input: '{"command":"ls"}', type: "tool_use", finished: true, result: "North\t1150\n" }

/** A turn of the assistant, with tools and text beyond ASCII; shorter rows are what a user wrote. */
const turn = {
  role: "assistant",
  assistantResponse: `Three regions fell short \u2014 "North" by 4.2\u00a0%. ${prose.repeat(5)}`,
  reasoning: prose,
  reasoningDuration: 12,
  toolCalls: ["call_0", "call_1"].map((id) => ({ id, ...tool })),
  cost: 0.0125,
  model: "claude-sonnet-4-5"
}

const row = (n: number, bytes: number): string => {
  const more = bytes < 1500 ? { role: "user" } : turn
  const message = {
    id: idOf(n),
    sessionId: idOf(Math.floor(n / 20)),
    userInput: "",
    inputTokens: 900 + (n % 100),
    ...more
  }
  const room = bytes - Buffer.byteLength(JSON.stringify(message))
  return JSON.stringify({ ...message, userInput: prose.repeat(20).slice(0, room) })
}

export const page = (bytes: number, from: number, to: number): Buffer =>
  Buffer.from(`[${Array.from({ length: Math.max(0, to - from) }, (_, n) => row(from + n, bytes)).join(",")}]`)

/** Counts rows, and fails at one that is missed, repeated or misplaced. With `always` it has to be the first one each time. */
export const counter = (always: boolean) => {
  let count = 0
  return (rows: Iterable<Row>): number => {
    for (const { id } of rows) {
      if (Number.parseInt(id.slice(-8), 16) !== (always ? 0 : count)) throw new Error(`${id} came after ${count} rows`)
      count++
    }
    return count
  }
}
