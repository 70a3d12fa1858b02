/** The walk over thousands of lists that change while they are read. `ModelServer.ts` draws them; a seed is a counterexample. */
import { assert, describe, it } from "@effect/vitest"
import * as Walk from "../src/internal/walk.ts"
import * as Model from "./ModelServer.ts"

/** Walks scenarios from `seed` on, and returns how they ended. The first that goes wrong is printed. */
const survey = (seed: number, runs: number, roughness: Model.Roughness, still = false) => {
  const ends: Partial<Record<Model.End, number>> = {}
  let tied = 0
  for (let index = 0; index < runs; index++) {
    const { change, drawn, pageSize, server } = Model.scenario(seed + index, roughness)
    const began = server.ids()
    const { emitted, end, walk } = Model.run(server, { pageSize, ...(!still && { between: change }) })
    const flaws = Model.audit(began, server.ids(), emitted, end === "end")
    assert.deepStrictEqual(flaws, Model.flawless, `${JSON.stringify(drawn)} ended by ${end}`)
    ends[end] = (ends[end] ?? 0) + 1
    if (walk.stats.tiesReordered > 0) tied++
  }
  assert.isUndefined(ends.endless, "a walk made 20,000 requests and did not end")
  return { ...ends, tied }
}

describe("walk under drift", () => {
  it("loses and repeats nothing in 2,000 calm scenarios, and hardly ever stalls", () => {
    const { end = 0, tied } = survey(1, 2000, Model.calm)
    assert.isAtLeast(end, 1980)
    assert.strictEqual(tied, 0)
  })

  it("always ends on servers that give pages of 20 or more", () => {
    const { end = 0 } = survey(1, 1000, { ...Model.calm, clamps: [undefined, 20, 50, 100] })
    assert.strictEqual(end, 1000)
  })

  it("loses and repeats nothing in 1,000 scenarios where messages share seconds", () => {
    const { end = 0, tied } = survey(1, 1000, Model.tied)
    assert.isAtLeast(end, 980)
    assert.isAbove(tied, 0)
  })

  it("loses and repeats nothing in 200 rough scenarios, and ends or stalls", () => {
    const { end = 0, tied } = survey(1, 200, Model.rough)
    assert.isAtLeast(end, 180)
    assert.strictEqual(tied, 0)
  })

  it("a server that clamps to 1 gives all, in 100 lists that stand still", () => {
    const { end } = survey(1, 100, { ...Model.calm, size: 150, clamps: [1] }, true)
    assert.strictEqual(end, 100)
  })

  it("judges any answer at all, and never throws", () => {
    for (let seed = 0; seed < 500; seed++) {
      const { pageSize, server } = Model.scenario(seed, Model.rough)
      const other = Model.scenario(seed + 1, Model.rough).server
      let walk = Walk.start(pageSize)
      // Two servers that know nothing of each other answer by turns, and neither heeds what it is asked.
      for (let n = 0; n < 300; n++) {
        const asked = Walk.request(walk)
        assert.isAtLeast(asked.offset, 0)
        assert.isTrue(asked.limit >= 1 && asked.limit <= 1000)
        const rows = (n % 3 === 0 ? other : server).page({ limit: (n * 31) % 70, offset: (n * n) % 200 })
        const verdict = Walk.judge(walk, asked, rows)
        if (verdict._tag === "Rows") assert.isNotEmpty(verdict.rows)
        if (verdict._tag === "End" || verdict._tag === "Stalled") break
        walk = verdict.walk
      }
      assert.isAtMost(walk.idle, 100)
    }
  })
})
