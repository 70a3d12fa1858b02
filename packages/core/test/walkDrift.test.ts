/** The walk over thousands of lists that change while they are read. `ModelServer.ts` draws them; a seed is a counterexample. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Pcg } from "../../testing/src/internal/pcg.ts"
import { HistoryCursor } from "../src/index.ts"
import * as Cursor from "../src/internal/history/cursor.ts"
import type * as Place from "../src/internal/history/place.ts"
import * as Walk from "../src/internal/history/walk.ts"
import { draws } from "./draws.ts"
import * as Model from "./ModelServer.ts"

const CursorText = Schema.parseJson(HistoryCursor)

/** To JSON and back. */
const carry = (place: Place.Place): Place.Place =>
  Cursor.toPlace(Schema.decodeSync(CursorText)(Schema.encodeSync(CursorText)(Cursor.fromPlace(place))))

/** Walks scenarios from `seed` on, and returns how they ended. The first that goes wrong is printed. */
const survey = (seed: number, runs: number, roughness: Model.Roughness, still = false) => {
  const ends: Partial<Record<Model.End, number>> = {}
  let tied = 0
  for (let index = 0; index < runs; index++) {
    const { change, drawn, pageSize, server } = Model.scenario(seed + index, roughness)
    const began = server.ids()
    const run = Model.run(server, { pageSize, ...(!still && { between: change }) })
    const { disordered, emitted, end, walk } = run
    const message = `${JSON.stringify(drawn)} ended by ${end}`
    assert.deepStrictEqual(Model.auditOld(began, server, emitted, end === "end"), Model.flawless, message)
    // Where what was given last is deleted, rows that arrived can look like those that follow.
    assert.isFalse(disordered, message)
    ends[end] = (ends[end] ?? 0) + 1
    if (walk.run.stats.tiesReordered > 0) tied++
  }
  assert.isUndefined(ends.endless, "a walk made 20,000 requests and did not end")
  return { ...ends, tied }
}

describe("walk under drift", () => {
  it("over hostile lists, stopped and resumed: nothing is lost or repeated, and no end comes early", () => {
    const runs = draws(50, 2000)
    const counts = { stalled: 0, restarted: 0, misplaced: 0, disordered: 0, strayed: 0 }
    for (let seed = 1; seed <= runs; seed++) {
      const found = Model.journey(seed, carry)
      const { disordered, drawn, end, endedEarly, lost, misplaced, repeated, restarted, strayed, walk } = found
      const message = `${JSON.stringify(drawn)} ended by ${end}`
      assert.deepStrictEqual({ endedEarly, lost, repeated }, { endedEarly: [], lost: [], repeated: [] }, message)
      assert.isTrue(strayed || walk.run.stats.tiesReordered === 0, message)
      if (end !== "end") counts.stalled++
      if (restarted) counts.restarted++
      if (disordered) counts.disordered++
      if (strayed) counts.strayed++
      if (misplaced.length > 0 && !restarted) {
        counts.misplaced++
        // Only what arrived meanwhile can come out of order.
        for (const id of misplaced) assert.isTrue(Number(id.slice(1)) >= (drawn as { size: number }).size, message)
      }
    }
    assert.isBelow(counts.stalled, Math.max(2, runs / 200), "stalled")
    // Rows that arrive behind the last survivor of the newest second, where those given after it are deleted, look like the
    // rows that follow. So do they to a walk that a server gives one row at a time.
    assert.isAtMost(counts.misplaced, Math.max(4, runs / 200), "misplaced")
    assert.isAtMost(counts.disordered, Math.max(4, runs / 200), "disordered")
    assert.isAtMost(counts.strayed, Math.max(2, runs / 400), "strayed")
    assert.isAbove(counts.restarted, 0)
  })

  it("large pages cost at most 1.5 times the requests of the best size while sessions are deleted", () => {
    for (const sessions of draws([200], [20, 200, 1000])) {
      const { all, rows } = new Model.ModelServer({ size: 20_000, sessions })
      const began = rows.map((row): string => row.id)
      const totals = new Map<number, number>()
      for (let seed = 1; seed <= draws(1, 3); seed++) {
        for (const pageSize of [500, 750, 990, 1000]) {
          const random = new Pcg(seed, 5)
          const server = Object.assign(new Model.ModelServer(), { all, rows })
          const between = () => {
            if (random.integer(3) === 0) server.removeSession(random.integer(sessions))
          }
          const run = Model.run(server, { pageSize, latency: 100, between })
          assert.strictEqual(run.end, "end", `seed ${seed}, ${sessions} sessions, pages of ${pageSize}`)
          assert.deepStrictEqual(Model.audit(began, server, run.emitted), Model.flawless)
          totals.set(pageSize, (totals.get(pageSize) ?? 0) + server.requests.length)
        }
      }
      const best = Math.min(...totals.values())
      for (const pageSize of [990, 1000]) assert.isAtMost(totals.get(pageSize) ?? 0, 1.5 * best, `${sessions} sessions`)
    }
  })

  it("loses and repeats nothing in calm scenarios, and hardly ever stalls", () => {
    const runs = draws(80, 1000)
    const { end = 0, tied } = survey(1, runs, Model.calm)
    assert.isAtLeast(end, 0.995 * runs)
    assert.strictEqual(tied, 0)
  })

  it("always ends on servers that give pages of 20 or more", () => {
    const runs = draws(50, 500)
    const { end = 0 } = survey(1, runs, { ...Model.calm, clamps: [undefined, 20, 50, 100] })
    assert.strictEqual(end, runs)
  })

  it("loses and repeats nothing where messages share seconds", () => {
    const runs = draws(50, 500)
    const { end = 0 } = survey(1, runs, Model.tied)
    assert.isAtLeast(end, 0.99 * runs)
  })

  it("loses and repeats nothing in rough scenarios, and ends or stalls", () => {
    const runs = draws(50, 200)
    const { end = 0, tied } = survey(1, runs, Model.rough)
    assert.isAtLeast(end, 0.9 * runs)
    assert.strictEqual(tied, 0)
  })

  it("takes no cut for the end, and no server for one that ignores offset, where what arrives is deleted at once", () => {
    const runs = draws(200, 10_000)
    let lost = 0
    for (let seed = 1; seed <= runs; seed++) {
      const random = new Pcg(seed, 11)
      const pick = <A>(items: ReadonlyArray<A>) => items[random.integer(items.length)] as A
      const longest = [pick([3, 10, 1000]), pick([3, 10, 1000])]
      const server = new Model.ModelServer({
        size: pick([1, 2, 10, 60]),
        sessions: 8,
        clamp: () => pick(longest),
        ignoresLimit: random.integer(4) === 0
      })
      const began = server.ids()
      const isOld = ({ id }: Model.ModelMessage) => began.includes(id)
      const between = () => {
        if (server.requests.length > 60) return
        if (!server.rows.every(isOld)) server.rows = server.rows.filter(isOld)
        else if (random.integer(3) === 0) server.removeSession(random.integer(8))
        else server.insert(pick([1, 1, 2, 6]))
      }
      const run = Model.run(server, { pageSize: pick([1, 5, 10, 100]), between })
      assert.notStrictEqual(run.end, "repeatedPages", `seed ${seed}`)
      const flaws = Model.auditOld(began, server, run.emitted, run.end === "end")
      if (flaws.lost.length > 0) lost++
      assert.deepStrictEqual(flaws.repeated, [], `seed ${seed}`)
    }
    // Of servers that cut some answers, each at another length, and never one that told.
    assert.isAtMost(lost, Math.floor(runs / 2000))
  })

  it("a server that clamps to 1 gives all of a list that stands still", () => {
    const runs = draws(20, 100)
    const { end } = survey(1, runs, { ...Model.calm, size: 150, clamps: [1] }, true)
    assert.strictEqual(end, runs)
  })

  it("interprets any answer at all, and never throws", () => {
    for (let seed = 0; seed < draws(50, 500); seed++) {
      const { pageSize, server } = Model.scenario(seed, Model.rough)
      const other = Model.scenario(seed + 1, Model.rough).server
      let walk = Walk.start(pageSize)
      // Two servers that know nothing of each other answer by turns, and neither heeds what it is asked.
      for (let n = 0; n < 300; n++) {
        const asked = Walk.request(walk)
        assert.isAtLeast(asked.offset, 0)
        assert.isTrue(asked.limit >= 1 && asked.limit <= 1000)
        const rows = (n % 3 === 0 ? other : server).page({ limit: (n * 31) % 70, offset: (n * n) % 200 })
        const interpretation = Walk.interpret(walk, { request: asked, rows, askedAt: 50 * n, answeredAt: 50 * n })
        if (interpretation._tag === "Rows") assert.isNotEmpty(interpretation.rows)
        if (interpretation._tag === "End" || interpretation._tag === "Stalled") break
        walk = interpretation.walk
      }
      assert.isAtMost(walk.run.idle, 300)
    }
  })
})
