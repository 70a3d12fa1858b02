import { assert, describe, it } from "@effect/vitest"
import { BackendMessages } from "@mix-effect/core"
import { Schema } from "effect"
import type { Cell } from "../bench/cells.ts"
import * as Report from "../bench/report.ts"
import { Digest, make } from "../bench/rows.ts"

const digest = (rows: Parameters<Digest["add"]>[0]) => {
  const digest = new Digest()
  digest.add(rows)
  return digest.toString()
}

describe("The rows of the benchmark", () => {
  for (const bytes of [300, 2000]) {
    it(`of ${bytes} bytes are of that size, messages, and different`, () => {
      const page = make(30, bytes).page(10, 100).toString()
      const rows: Array<unknown> = JSON.parse(page)
      assert.deepStrictEqual(
        rows.map((row) => Buffer.byteLength(JSON.stringify(row))),
        rows.map(() => bytes)
      )
      const messages = Schema.decodeUnknownSync(BackendMessages)(rows)
      assert.deepEqual(messages, rows as typeof messages)
      assert.strictEqual(new Set(messages.map(({ id }) => id)).size, 20)
    })
  }

  it("come by pages that end where the list does", () => {
    const corpus = make(5, 300)
    const ids = (offset: number, limit: number) =>
      (JSON.parse(corpus.page(offset, limit).toString()) as Array<{ id: string }>).map(({ id }) => id)
    assert.deepStrictEqual([...ids(0, 3), ...ids(3, 3)], ids(0, 5))
    assert.deepStrictEqual(ids(5, 3), [])
  })

  it("have a digest that tells a row that is missed, repeated or misplaced", () => {
    const rows: Array<{ id: string; userInput: string }> = JSON.parse(make(4, 300).page(0, 4).toString())
    const [a, b, c, d] = rows as [(typeof rows)[0], (typeof rows)[0], (typeof rows)[0], (typeof rows)[0]]
    const wrong = [
      [a, b, d],
      [a, b, b, d],
      [a, c, b, d],
      [a, b, c, { ...d, userInput: "" }]
    ]
    assert.strictEqual(new Set([...wrong, rows].map(digest)).size, 5)
  })
})

describe("The report of the benchmark", () => {
  const measured = (ms: number, heap = 0) => ({ ms, cpuMs: ms / 2, heaps: [0, heap * 1024 * 1024], peakRss: ms })
  const cell: Cell = {
    name: "calls",
    about: "ten calls",
    unit: "call",
    units: 10,
    contenders: {},
    targets: [
      { contender: "sdk", measure: "time", most: 1.5 },
      { contender: "traced", measure: "addedMs", than: "sdk", most: 0.1 },
      { contender: "sdk", measure: "heapGrowth", most: 16 },
      { contender: "sdk", measure: "peakRss", most: 1.8 },
      { contender: "fetch", measure: "time", most: 1 }
    ]
  }
  const samples = {
    raw: [measured(10), measured(20), measured(100)],
    sdk: [measured(15), measured(40, 17), measured(120, 18)],
    traced: [measured(15), measured(44), measured(125)]
  }

  it("compares within rounds, and takes the median", () => {
    const { measured, noise, rows } = Report.summarise(cell, samples)
    assert.strictEqual(measured, 3)
    assert.strictEqual(noise, (60 - 15) / 20)
    assert.deepStrictEqual(
      rows.map(({ contender, ms, time }) => [contender, ms.median, time.median, time.q1]),
      [
        ["raw", 2, 1, 1],
        ["sdk", 4, 1.5, 1.35],
        ["traced", 4.4, 1.5, 1.375]
      ]
    )
  })

  it("says which targets are met", () => {
    const { outcomes } = Report.summarise(cell, samples)
    // Nobody ran on fetch here: short runs leave contenders out.
    assert.deepStrictEqual(
      outcomes.map(({ measure, met, value }) => [measure, met, value]),
      [
        ["time", true, 1.5],
        ["addedMs", false, 0.4],
        ["heapGrowth", false, 17],
        ["peakRss", true, 1.5]
      ]
    )
    const { outcomes: none } = Report.summarise(cell, { raw: [], sdk: [] })
    assert.isTrue(none.every(({ met }) => !met))
  })
})
