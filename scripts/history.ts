// What the walk over the history buys: the same changing lists read by the SDK's walk, by plain paging, and by plain paging
// that drops repeated ids. Every run is drawn from its seed, so a bad one can be looked at.
//   npm run history -- [runs] [first seed]
import { parseArgs } from "node:util"
import * as Place from "../packages/core/src/internal/history/place.ts"
import * as Model from "../packages/core/test/ModelServer.ts"

interface Reading {
  readonly emitted: ReadonlyArray<string>
  readonly end: Model.End
  readonly requests: number
}

type Reader = (scenario: Model.Scenario) => Reading

const walk: Reader = ({ change, pageSize, server }) => {
  const { emitted, end, walk } = Model.run(server, { pageSize, between: change })
  return { emitted, end, requests: walk.run.stats.requests }
}

/** As SDKs page: by the number of rows received, until a page is short (or, to be fair to clamping servers, empty). */
const plain =
  (untilEmpty: boolean): Reader =>
  ({ change, pageSize, server }) => {
    const emitted: Array<string> = []
    for (let requests = 1; requests < 20_000; requests++) {
      const rows = server.page({ limit: pageSize, offset: emitted.length })
      emitted.push(...rows.map((row) => row.id))
      if (rows.length === 0 || (!untilEmpty && rows.length < pageSize)) return { emitted, end: "end", requests }
      change(server)
    }
    return { emitted, end: "endless", requests: 20_000 }
  }

const distinct =
  (read: Reader): Reader =>
  (scenario) => {
    const reading = read(scenario)
    return { ...reading, emitted: [...new Set(reading.emitted)] }
  }

const readers: Record<string, Reader> = {
  "mix-effect": walk,
  "plain paging": plain(true),
  "plain paging, repeated ids dropped": distinct(plain(true)),
  "plain paging, until a short page": plain(false)
}

const lists: Record<string, (seed: number) => Model.Scenario> = {
  calm: (seed) => Model.scenario(seed, Model.calm),
  tied: (seed) => Model.scenario(seed, Model.tied),
  rough: (seed) => Model.scenario(seed, Model.rough),
  hostile: Model.hostile
}

const { positionals } = parseArgs({ allowPositionals: true })
const [runs = 2000, firstSeed = 1] = positionals.map(Number)
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(firstSeed)) {
  console.error("usage: npm run history -- [runs, default 2000] [first seed, default 1]")
  process.exit(2)
}

const percent = (count: number) => `${((100 * count) / runs).toFixed(count > 0 && count < runs / 100 ? 2 : 1)} %`

console.log(
  `${runs} runs each, seeds ${firstSeed} to ${firstSeed + runs - 1}; the share of runs in which rows were ...\n`
)
console.log("| lists | reader | lost | repeated | out of order | stalled | requests a run |")
console.log("| --- | --- | --- | --- | --- | --- | --- |")
for (const [name, draw] of Object.entries(lists)) {
  for (const [reader, read] of Object.entries(readers)) {
    const bad = { lost: 0, repeated: 0, misplaced: 0 }
    const ends: Partial<Record<Model.End, number>> = {}
    let requests = 0
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const scenario = draw(seed)
      const began = scenario.server.ids()
      const reading = read(scenario)
      const audit = Model.auditOld(began, scenario.server, reading.emitted, reading.end === "end")
      if (audit.lost.length > 0) bad.lost++
      if (audit.repeated.length > 0) bad.repeated++
      if (audit.misplaced.length > 0) bad.misplaced++
      ends[reading.end] = (ends[reading.end] ?? 0) + 1
      requests += reading.requests
    }
    const { end: _, ...stalls } = ends
    const causes = Object.entries(stalls).map(([cause, count]) => `${cause} ${percent(count)}`)
    console.log(
      `| ${name} | ${reader} | ${percent(bad.lost)} | ${percent(bad.repeated)} | ${percent(bad.misplaced)} | ${causes.join(", ") || "0"} | ${(requests / runs).toFixed(1)} |`
    )
  }
}

/** Hostile lists once more, by walks that are stopped and resumed from their cursors, as JSON or as they are. */
const carry = (place: Place.Place) => Place.decode(JSON.parse(JSON.stringify(Place.encode(place))))
const journeys = { lost: 0, repeated: 0, early: 0, old: 0, misplaced: 0, restarted: 0, stalled: 0, requests: 0 }
for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  const journey = Model.journey(seed, carry)
  const born = (journey.drawn as { readonly size: number }).size
  if (journey.lost.length > 0) journeys.lost++
  if (journey.repeated.length > 0) journeys.repeated++
  if (journey.endedEarly.length > 0) journeys.early++
  if (journey.misplaced.some((id) => Number(id.slice(1)) < born)) journeys.old++
  if (journey.misplaced.length > 0 && !journey.restarted) journeys.misplaced++
  if (journey.restarted) journeys.restarted++
  if (journey.end !== "end") journeys.stalled++
  journeys.requests += journey.requests
}
console.log("\nThe walk over hostile lists, stopped and resumed:\n")
console.log(
  "| lost | repeated | ended early | old rows out of order | new rows out of order | all given was deleted | stalled | requests a run |"
)
console.log("| --- | --- | --- | --- | --- | --- | --- | --- |")
const { early, lost, misplaced, old, repeated, requests, restarted, stalled } = journeys
const shares = [lost, repeated, early, old, misplaced, restarted, stalled].map(percent)
console.log(`| ${shares.join(" | ")} | ${(requests / runs).toFixed(1)} |`)

console.log("\nA list that stands still, 100 a page:\n")
console.log("| rows | pages | requests |")
console.log("| --- | --- | --- |")
for (const size of [0, 1, 100, 1000, 5000, 100_000]) {
  const { walk } = Model.run(new Model.ModelServer({ size }))
  console.log(`| ${size} | ${Math.ceil(size / 100)} | ${walk.run.stats.requests} |`)
}
