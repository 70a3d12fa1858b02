// What the walk over the history buys: the same changing lists read by the SDK's walk, by plain paging, and by plain paging
// that drops repeated ids. Every run is drawn from its seed, so a bad one can be looked at.
//   npm run history -- [runs] [first seed]
import * as Model from "../packages/core/test/ModelServer.ts"

type Reader = (scenario: Model.Scenario) => Pick<Model.Run, "emitted" | "end"> & { readonly requests: number }

/** As SDKs page: by the number of rows received, until a page is short (or, to be fair to clamping servers, empty). */
const plain =
  (untilEmpty: boolean): Reader =>
  ({ change, pageSize, server }) => {
    const emitted: Array<string> = []
    for (let requests = 1; requests < 20_000; requests++) {
      const rows = server.page({ limit: pageSize, offset: emitted.length })
      for (const row of rows) emitted.push(row.id)
      if (rows.length === 0 || (!untilEmpty && rows.length < pageSize)) return { emitted, end: "end", requests }
      change(server)
    }
    return { emitted, end: "endless", requests: 20_000 }
  }

const readers: Record<string, Reader> = {
  "mix-effect": ({ change, pageSize, server }) => {
    const { emitted, end, walk } = Model.run(server, { pageSize, between: change })
    return { emitted, end, requests: walk.run.stats.requests }
  },
  "plain paging": plain(true),
  "plain paging, repeated ids dropped": (scenario) => {
    const reading = plain(true)(scenario)
    return { ...reading, emitted: [...new Set(reading.emitted)] }
  },
  "plain paging, until a short page": plain(false)
}

const [runs = 2000, firstSeed = 1] = process.argv.slice(2).map(Number)
const percent = (count: number) => `${((100 * count) / runs).toFixed(count > 0 && count < runs / 100 ? 2 : 1)} %`

console.log(`${runs} runs each, from seed ${firstSeed}; the share of runs in which rows were ...

| lists | reader | lost | repeated | out of order | stalled | requests a run |
| --- | --- | --- | --- | --- | --- | --- |`)
const drawn = (roughness: Model.Roughness) => (seed: number) => Model.scenario(seed, roughness)
const lists = { calm: drawn(Model.calm), rough: drawn(Model.rough), hostile: Model.hostile }
for (const [name, scenarioOf] of Object.entries(lists)) {
  for (const [reader, read] of Object.entries(readers)) {
    const counts = { lost: 0, repeated: 0, misplaced: 0, stalled: 0, requests: 0 }
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const scenario = scenarioOf(seed)
      const began = scenario.server.ids()
      const reading = read(scenario)
      const inTime = new Set(began)
      // A row that arrived meanwhile may come, or not.
      const emitted = reading.emitted.filter((id) => inTime.has(id))
      const audit = Model.audit(began, scenario.server, emitted, reading.end === "end")
      for (const what of ["lost", "repeated", "misplaced"] as const) if (audit[what].length > 0) counts[what]++
      if (reading.end !== "end") counts.stalled++
      counts.requests += reading.requests
    }
    const { requests, ...shares } = counts
    const cells = [name, reader, ...Object.values(shares).map(percent), (requests / runs).toFixed(1)]
    console.log(`| ${cells.join(" | ")} |`)
  }
}
