import { assert, describe, it } from "@effect/vitest"
import { BackendMessages } from "@mix-effect/core"
import { Schema } from "effect"
import { counter, page, type Row } from "../bench/rows.ts"

const rowsOf = (bytes: number, from: number, to: number): Array<Row> => JSON.parse(page(bytes, from, to).toString())

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

  it("join up from page to page, and end", () => {
    assert.deepStrictEqual([...rowsOf(300, 0, 3), ...rowsOf(300, 3, 5)], rowsOf(300, 0, 5))
    assert.deepStrictEqual(rowsOf(300, 5, 5), [])
    assert.deepStrictEqual(rowsOf(300, 8, 5), [])
  })

  it("are counted in order: a row that is missed, repeated or misplaced is told", () => {
    const [a, b, c, d] = rowsOf(300, 0, 4) as [Row, Row, Row, Row]
    const count = counter(false)
    assert.deepStrictEqual([count([a]), count([]), count([b, c, d])], [1, 1, 4])
    for (const wrong of [[a, b, d], [a, b, b, d], [a, c, b, d], [b]])
      assert.throws(() => counter(false)(wrong), "came after")
    assert.strictEqual(counter(true)([a, a]), 2)
    assert.throws(() => counter(true)([a, b]), "came after")
  })
})
