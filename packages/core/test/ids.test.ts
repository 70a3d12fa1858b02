/** Sets that share their ids behave like sets that do not. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Ids from "../src/internal/ids.ts"

const extend = (ids: Ids.Ids, more: ReadonlyArray<string>): Ids.Ids =>
  Ids.extend(ids, (add) => {
    for (const id of more) add(id)
  })

describe("ids", () => {
  it("any set made on the way stays as it was, whatever is made of it or of others", () => {
    const names = FastCheck.constantFrom("a", "b", "c", "d", "e", "f")
    const step = FastCheck.record({ from: FastCheck.nat(), more: FastCheck.array(names, { maxLength: 4 }) })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 12 }), (steps) => {
        const made = [{ ids: Ids.make(), model: [] as ReadonlyArray<string> }]
        for (const { from, more } of steps) {
          const { ids, model } = made[from % made.length] as (typeof made)[number]
          made.push({ ids: extend(ids, more), model: [...new Set([...model, ...more])] })
        }
        for (const { ids, model } of made) {
          assert.deepStrictEqual(Ids.toArray(ids), model)
          assert.strictEqual(ids.size, model.length)
          for (const name of "abcdef") assert.strictEqual(Ids.has(ids, name), model.includes(name))
        }
      }),
      { numRuns: 2000, seed: 20261124 }
    )
  })

  it("says which ids are new", () => {
    const added: Array<boolean> = []
    const ids = Ids.extend(Ids.make(["a", "b", "a"]), (add) => {
      for (const id of ["b", "c", "c", "d"]) added.push(add(id))
    })
    assert.deepStrictEqual(added, [false, true, false, true])
    assert.deepStrictEqual(Ids.toArray(ids), ["a", "b", "c", "d"])
  })

  it("copies nothing as long as only the last one is extended", () => {
    const first = Ids.make(["a"])
    const second = extend(first, ["b"])
    assert.strictEqual(second.log, first.log)
    const branch = extend(first, ["c"])
    assert.notStrictEqual(branch.log, first.log)
    assert.deepStrictEqual([first, second, branch].map(Ids.toArray), [["a"], ["a", "b"], ["a", "c"]])
  })
})
