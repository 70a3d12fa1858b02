// How much the SDK costs: the same rows read by it and by bare loops, from a server in a process of its own. Contenders run
// one after the other in fresh processes, in rounds that begin with another one each time, and are compared within a round:
// a noisy machine is unkind to all alike. Processor time is told besides, which neighbours disturb less.
//   npm run bench -- [--short] [--only history:1000:300] [--rounds 5] [--minutes 3] [--json results.json]
// Takes under ten minutes, `--short` under one: as many rounds are run as fit. Fails if a target is missed or not measured.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Build from "./build.ts"
import { type Cell, cells } from "./cells.ts"
import type { Measured } from "./child.ts"
import * as Cold from "./cold.ts"
import { measure, serve } from "./measure.ts"
import * as Report from "./report.ts"

const { values: options } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    minutes: { type: "string" },
    json: { type: "string" }
  }
})

const begun = performance.now()
const budget = Number(options.minutes ?? (options.short ? 0.8 : 9)) * 60_000
const rounds = Number(options.rounds ?? (options.short ? 3 : 7))

const matches = (name: string) => options.only.some((only) => name === only || name.startsWith(`${only}:`))

/** In short mode fewer contenders take part; a cell that is asked for by name has at least all of its own. */
const selected = cells(options.short).flatMap((cell): ReadonlyArray<Cell> => {
  if (options.only.length > 0 && !matches(cell.name)) return []
  if (!options.short) return [cell]
  if (cell.short === undefined) return options.only.length > 0 ? [cell] : []
  const short = new Set(cell.short)
  return [
    { ...cell, contenders: Object.fromEntries(Object.entries(cell.contenders).filter(([name]) => short.has(name))) }
  ]
})
if (selected.length === 0)
  throw new Error(
    `There is ${cells(false)
      .map(({ name }) => name)
      .join(", ")}`
  )

const version = (name: string): string =>
  JSON.parse(readFileSync(join(Build.root, "node_modules", name, "package.json"), "utf8")).version

const machine = () => ({
  cpus: cpus().length,
  cpu: cpus()[0]?.model.trim(),
  node: process.version,
  ...Object.fromEntries(["effect", "@effect/platform", "undici", "zod"].map((name) => [name, version(name)])),
  load: loadavg().map((load) => Number(load.toFixed(2)))
})

interface Progress {
  readonly cell: Cell
  readonly samples: Record<string, Array<Measured>>
  /** How long its last round took. */
  took: number
}

const rotated = <A>(list: ReadonlyArray<A>, by: number): ReadonlyArray<A> => {
  const start = by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

const run = async (folder: string): Promise<ReadonlyArray<Report.Result>> => {
  const server = await serve(folder)
  const progress = selected.map(
    (cell): Progress => ({
      cell,
      samples: Object.fromEntries(Object.keys(cell.contenders).map((name) => [name, []])),
      took: 0
    })
  )
  const now = () => performance.now() - begun
  try {
    for (let round = 0; round < rounds; round++) {
      const due = progress.filter(({ cell }) => round < (cell.rounds ?? rounds))
      const done = []
      for (const one of due) {
        const start = now()
        if (start + one.took > budget) continue
        const { cell, samples } = one
        const times = cell.times ?? 1
        for (let time = round * times; time < (round + 1) * times; time++) {
          for (const [name, job] of rotated(Object.entries(cell.contenders), time)) {
            samples[name]?.push(await measure(folder, server, job))
          }
        }
        one.took = now() - start
        done.push(one)
      }
      if (done.length === 0) break
      console.error(`Round ${round + 1}: ${done.length} of ${due.length} after ${(now() / 1000).toFixed(0)} s`)
    }
  } finally {
    server.stop()
  }
  return progress.map(({ cell, samples }) => Report.summarise(cell, samples))
}

Build.packages()
// Inside the workspace, so that packages are found by their names.
const folder = mkdtempSync(join(Build.root, "node_modules/.bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
await Build.programs(folder)
await Cold.write(folder)
const before = machine()
const results = await run(folder)

console.log(
  Object.entries(before)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ")
)
for (const result of results) console.log(`\n${Report.table(result)}`)
console.log(`\nload now ${machine().load}; ${Report.verdict(results)}`)
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify({ machine: before, results }, null, 2)}\n`)
if (results.some(({ outcomes }) => outcomes.some(({ met }) => !met))) process.exitCode = 1
