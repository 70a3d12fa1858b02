// What the walk over the history buys: the same changing lists read by the SDK's walk, by plain paging, and by plain paging
// that drops repeated ids. Every run is drawn from its seed, so a bad one can be looked at.
//   npm run history -- [runs] [first seed]
import * as Model from "../packages/core/test/ModelServer.ts"

type Reader = (scenario: Model.Scenario) => Pick<Model.Run, "emitted" | "end"> & { readonly requests: number }

/** As SDKs page: by the number of rows received, until a page is short (or, to be fair to clamping servers, empty). */
const plain =
  (untilEmpty: boolean, view = (ids: ReadonlyArray<string>) => ids): Reader =>
  ({ change, pageSize, server }) => {
    const emitted: Array<string> = []
    for (let requests = 1; requests < 20_000; requests++) {
      const rows = server.page({ limit: pageSize, offset: emitted.length })
      emitted.push(...rows.map(({ id }) => id))
      if (rows.length < (untilEmpty ? 1 : pageSize)) return { emitted: view(emitted), end: "end", requests }
      change(server)
    }
    return { emitted: view(emitted), end: "endless", requests: 20_000 }
  }

const readers: Record<string, Reader> = {
  "mix-effect": ({ change, pageSize, server }) => {
    const { emitted, end, walk } = Model.run(server, { pageSize, between: change })
    return { emitted, end, requests: walk.run.stats.requests }
  },
  "plain paging": plain(true),
  "plain paging, repeated ids dropped": plain(true, (ids) => [...new Set(ids)]),
  "plain paging, until a short page": plain(false)
}

const lists = {
  calm: (seed: number) => Model.scenario(seed, Model.calm),
  rough: (seed: number) => Model.scenario(seed, Model.rough),
  hostile: Model.hostile
}

const [runs = 2000, firstSeed = 1] = process.argv.slice(2).map(Number)
const percent = (count: number) => `${((100 * count) / runs).toFixed(count > 0 && count < runs / 100 ? 2 : 1)} %`

console.log(`${runs} runs each, from seed ${firstSeed}; the share of runs in which rows were ...

| lists | reader | lost | repeated | out of order | stalled | requests a run |
| --- | --- | --- | --- | --- | --- | --- |`)
for (const [list, scenarioOf] of Object.entries(lists)) {
  for (const [reader, read] of Object.entries(readers)) {
    const counts = { lost: 0, repeated: 0, misplaced: 0, stalled: 0 }
    let requests = 0
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const scenario = scenarioOf(seed)
      const began = scenario.server.ids()
      const inTime = new Set(began)
      const reading = read(scenario)
      // A row that arrived meanwhile may come, or not.
      const emitted = reading.emitted.filter((id) => inTime.has(id))
      const audit = Model.audit(began, scenario.server, emitted, reading.end === "end")
      for (const what of ["lost", "repeated", "misplaced"] as const) if (audit[what].length > 0) counts[what]++
      if (reading.end !== "end") counts.stalled++
      requests += reading.requests
    }
    const cells = [list, reader, ...Object.values(counts).map(percent), (requests / runs).toFixed(1)]
    console.log(`| ${cells.join(" | ")} |`)
  }
}
