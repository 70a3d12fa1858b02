// The messages that the server has, newest first, each exactly as many bytes of JSON as asked for, and what a reader must
// have seen of them.

export interface Row {
  readonly id: string
  readonly userInput: string
}

const prose = (
  "Compare the quarterly figures of each region with last year's and tell me which ones fell short of the plan, by how " +
  "much, and what the notes of the sales team say about it. Leave out returns and test orders; keep the currency. "
).repeat(12)

const reply = `Three regions fell short \u2014 "North" by 4.2\u00a0%, South by 1.9\u00a0%, West by 0.3\u00a0%:

| region | plan | actual |
| --- | --- | --- |
| North | 1,200 | 1,150 |

The notes name two causes: a late delivery, and "no stock until June" in the caf\u00e9 business.
`

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0")

/** Ids are spread like UUIDs; their last twelve digits count. */
const idOf = (n: number) => `${hex(Math.imul(n, 2_654_435_761) >>> 0, 8)}-4b0a-4c55-9a43-${hex(n, 12)}`

/** A row of 300 bytes is what a user wrote; one of 2,000 a turn of the assistant, with tools and text beyond ASCII. */
const row = (n: number, bytes: number): string => {
  const common = { id: idOf(n), sessionId: idOf(Math.floor(n / 20)), inputTokens: 900 + (n % 100), outputTokens: 0 }
  const whole = (userInput: string) =>
    bytes < 1500
      ? { ...common, role: "user", userInput }
      : {
          ...common,
          role: "assistant",
          userInput,
          assistantResponse: reply.repeat(2),
          reasoning: prose.slice(0, 180),
          reasoningDuration: n % 30,
          toolCalls: [0, 1].map((call) => ({
            id: `call_${call}`,
            name: "bash",
            input: JSON.stringify({ command: `awk -F, '{ print $${call} }' "sales.csv"` }),
            type: "tool_use",
            finished: true,
            result: "North\t1150\nSouth\t987\n"
          })),
          cost: 0.0125,
          model: "claude-sonnet-4-5"
        }
  const room = bytes - Buffer.byteLength(JSON.stringify(whole("")))
  return JSON.stringify(whole(prose.slice(n % 97, (n % 97) + room)))
}

/** Serialised once: a page is a slice. */
export interface Corpus {
  readonly count: number
  readonly page: (offset: number, limit: number) => Buffer
}

export const make = (count: number, bytes: number): Corpus => {
  const stride = bytes + 1
  const all = Buffer.alloc(count * stride, ",")
  for (let n = 0; n < count; n++) {
    if (all.write(row(n, bytes), n * stride) !== bytes) throw new Error(`a row of ${bytes} bytes cannot be made`)
  }
  const open = Buffer.from("[")
  const close = Buffer.from("]")
  return {
    count,
    page: (offset, limit) => {
      const end = Math.min(count, offset + limit)
      return Buffer.concat(
        offset >= end ? [open, close] : [open, all.subarray(offset * stride, end * stride - 1), close]
      )
    }
  }
}

/** What a reader has read: how many rows, which ones in which order, and how much text. */
export class Digest {
  rows = 0
  private ids = 0
  private text = 0

  constructor(private readonly onRows: (rows: number) => void = () => {}) {}

  add(rows: Iterable<Row>): void {
    for (const row of rows) this.one(row)
    this.onRows(this.rows)
  }

  one({ id, userInput }: Row): void {
    this.rows++
    this.text += userInput.length
    for (let index = id.length - 6; index < id.length; index++) {
      this.ids = (Math.imul(this.ids, 31) + id.charCodeAt(index)) | 0
    }
  }

  toString(): string {
    return `${this.rows} rows, ids ${this.ids}, text ${this.text}`
  }
}
