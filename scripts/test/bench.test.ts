import { assert, describe, it } from "@effect/vitest"
import { BackendMessages } from "@mix-effect/core"
import { Schema } from "effect"
import { digest, page, type Row } from "../bench/rows.ts"

const rowsOf = (bytes: number, from: number, to: number): Array<Row> =>
  JSON.parse(page(bytes, from, to, true).toString())

describe("The rows of the benchmark", () => {
  for (const bytes of [300, 2000]) {
    it(`of ${bytes} bytes are of that size, messages, and different`, () => {
      const rows = rowsOf(bytes, 10, 30)
      assert.deepStrictEqual(
        rows.map((row) => Buffer.byteLength(JSON.stringify(row))),
        rows.map(() => bytes)
      )
      const messages = Schema.decodeUnknownSync(BackendMessages)(rows)
      assert.deepEqual(messages, rows as unknown as typeof messages)
      assert.strictEqual(new Set(messages.map(({ id }) => id)).size, 20)
    })
  }

  it("come by pages", () => {
    assert.deepStrictEqual([...rowsOf(300, 0, 3), ...rowsOf(300, 3, 5)], rowsOf(300, 0, 5))
    assert.deepStrictEqual(rowsOf(300, 5, 5), [])
    assert.deepStrictEqual(rowsOf(300, 8, 5), [])
  })

  it("have a digest that tells a row that is missed, repeated or misplaced", () => {
    const [a, b, c, d] = rowsOf(300, 0, 4) as [Row, Row, Row, Row]
    const digests = [
      [a, b, c, d],
      [a, b, d],
      [a, b, b, d],
      [a, c, b, d]
    ].map((rows) => {
      const { seen, sum } = digest()
      seen(rows)
      return JSON.stringify(sum)
    })
    assert.strictEqual(new Set(digests).size, 4)
  })
})
