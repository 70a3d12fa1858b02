/** Windows that share a log behave like windows that do not. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Window from "../src/internal/history/window.ts"
import { draws } from "./draws.ts"

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => `m${from + n}`)

describe("window", () => {
  it("stays as it was, whatever is made of it or of others", () => {
    const step = FastCheck.record({
      from: FastCheck.nat(),
      count: FastCheck.constantFrom(0, 1, 2, 300, 511, 513, 1100)
    })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 12 }), (steps) => {
        const made = [{ window: Window.make(), all: [] as ReadonlyArray<string> }]
        let next = 0
        for (const { count, from } of steps) {
          const { all, window } = made[from % made.length] as (typeof made)[number]
          // Sometimes ids that another window holds already.
          const more = numbers(from % 2 === 0 ? next : all.length === 0 ? 0 : next + 5000, count)
          next += from % 3 === 0 ? 0 : count
          const fresh = more.filter((id) => Window.rankOf(window, id) === undefined && !all.includes(id))
          made.push({ window: Window.add(window, fresh), all: [...all, ...fresh] })
        }
        for (const { all, window } of made) {
          const kept = all.slice(-Window.capacity)
          assert.deepStrictEqual(Window.ids(window), kept)
          assert.strictEqual(Window.size(window), kept.length)
          assert.strictEqual(window.end, all.length)
          assert.strictEqual(Window.begin(window), all.length - kept.length)
          for (const index of [0, 1, kept.length - 1]) {
            const id = kept[index]
            if (id !== undefined) assert.strictEqual(Window.rankOf(window, id), all.indexOf(id))
          }
          for (const id of [all.at(-Window.capacity - 1), "none"]) {
            if (id !== undefined) assert.isUndefined(Window.rankOf(window, id))
          }
        }
      }),
      { numRuns: draws(50, 300), seed: 20261126 }
    )
  })

  it("copies nothing as long as only the last one is extended", () => {
    const first = Window.make(["a"])
    const second = Window.add(first, ["b"])
    assert.strictEqual(second.log, first.log)
    const branch = Window.add(first, ["c"])
    assert.notStrictEqual(branch.log, first.log)
    assert.deepStrictEqual([first, second, branch].map(Window.ids), [["a"], ["a", "b"], ["a", "c"]])
  })

  it("holds no more of many ids than of few", () => {
    let window = Window.make()
    for (let page = 0; page < 500; page++) {
      window = Window.add(window, numbers(page * 100, 100))
      assert.isAtMost(window.log.ranks.size, 2048 + 100)
    }
    assert.lengthOf(Window.ids(window), Window.capacity)
    assert.strictEqual(window.end, 50_000)
  })
})
