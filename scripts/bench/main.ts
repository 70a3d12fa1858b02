// What the SDK costs over bare loops that read the same rows, from a server in a process of its own; after `npm run build`.
//   npm run bench -- [--only history:1000:300 ...] [--rounds 5]
// tinybench repeats and times the work, but the order of contenders in one process decides (a ratio wandered from 1.18 to
// 1.32): here each runs in a fresh process, in rounds that begin with another one, and is compared within its round.
import { fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as esbuild from "esbuild"
import { bundle } from "../bundle.ts"
import { root, run } from "../tarballs.ts"
import type { Job, Measured } from "./child.ts"

const { values: options } = parseArgs({
  options: { only: { type: "string", multiple: true, default: [""] }, rounds: { type: "string", default: "5" } }
})

interface Cell {
  /** Milliseconds are divided by this: pages, or calls. */
  readonly units: number
  /** The first is what the others are compared with. A name may say how many pages are read ahead. */
  readonly names: ReadonlyArray<string>
  readonly work?: Partial<Job>
  /** At most so much of a figure, or so many times that of another name, as in `sdk / raw-undici`. */
  readonly targets?: Partial<Record<keyof Measured, Readonly<Record<string, number>>>>
}

const bare = "raw-undici"

const history = (
  pageSize: number,
  bytes: number,
  rows: number,
  more: ReadonlyArray<string> = [],
  most = 1.8
): Cell => ({
  units: rows / pageSize,
  names: [bare, "sdk", ...more],
  work: { pageSize, bytes, rows },
  targets: { ms: { "sdk / raw-undici": most } }
})

const latency = (ms: number, targets: Readonly<Record<string, number>> = {}): Cell => ({
  units: 40,
  names: [bare, `${bare}, 8 ahead`, "sdk", ...[1, 2, 4, 8].map((pages) => `sdk, ${pages} ahead`)],
  work: { latency: ms, rows: 4000, pageSize: 100, repeat: 1 },
  targets: { ms: targets }
})

const calls = (count: number, atOnce: number, most: number, overFetch: number): Cell => ({
  units: count,
  names: [bare, "sdk", "sdk, traced", "raw-fetch", "sdk on fetch"],
  work: { rows: 1, calls: [count, atOnce], repeat: 9 },
  targets: { ms: { "sdk / raw-undici": most, "sdk, traced / sdk": 1.25, "sdk on fetch / raw-fetch": overFetch } }
})

/** Each varies one thing. */
const cells: Record<string, Cell> = {
  "history:1000:300": history(1000, 300, 50_000, ["raw-fetch", "sdk, Stream.tap", "sdk on fetch"], 1.5),
  "history:100:300": history(100, 300, 10_000, ["raw-fetch", "sdk on fetch"], Number.POSITIVE_INFINITY),
  "history:50:300": history(50, 300, 10_000),
  "history:1000:2000": history(1000, 2000, 20_000, ["raw-fetch", "sdk on fetch"], 1.5),
  "history:50:2000": history(50, 2000, 10_000),
  "latency:5": latency(5),
  "latency:20": latency(20, {
    "sdk / raw-undici": 1.08,
    "sdk, 4 ahead / raw-undici": 0.3,
    "sdk, 8 ahead / raw-undici": 0.2
  }),
  "latency:50": latency(50),
  "calls:1": calls(200, 1, 1.8, 2.5),
  "calls:64": calls(640, 64, 4, 5),
  start: {
    units: 1,
    names: ["import effect, platform", "nothing", "import sdk", "sdk, first call"],
    targets: { ms: { "sdk, first call / import effect, platform": 1.15 } }
  },
  memory: {
    units: 1000,
    names: [bare, "sdk", "sdk, 8 ahead"],
    work: { rows: 1_000_000, memory: true },
    targets: { peakMiB: { "sdk / raw-undici": 1.8 }, grewMiB: { sdk: 16, "sdk, 8 ahead": 16 } }
  }
}

const firstCall = `import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import * as Effect from "effect/Effect"
const program = Effect.flatMap(MessagesService, (messages) => messages.getHistory({ limit: 1 }))
await Effect.runPromise(Effect.provide(program, MixNode.layer({ serverUrl: process.argv[2] })))`

/** The modules of effect and platform that the SDK imports. */
const { metafile } = await esbuild.build({
  ...{ stdin: { contents: firstCall, resolveDir: root }, bundle: true, format: "esm", platform: "node" },
  ...{ external: ["effect", "effect/*", "@effect/*", "undici"], metafile: true, write: false, logLevel: "error" }
})
const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path))
const peers = [...new Set(imported)].filter((path) => /^(effect|@effect)\b/.test(path))

/** Programs that are measured from the start of their process. */
const programs: Readonly<Record<string, string>> = {
  nothing: "",
  "import effect, platform": peers.map((path) => `import "${path}"\n`).join(""),
  "import sdk": 'import "@mix-effect/core"\nimport "@mix-effect/node"',
  "sdk, first call": firstCall
}

const chosen = Object.entries(cells).filter(([name]) =>
  options.only.some((only) => only === "" || `${name}:`.startsWith(`${only}:`))
)
if (chosen.length === 0) throw new Error(`There is ${Object.keys(cells).join(", ")}`)

// Inside the workspace, so that packages are found by their names.
const folder = mkdtempSync(join(root, "node_modules/.bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
const entries = ["child.ts", "server.ts"].map((name) => join(import.meta.dirname, name))
await bundle(entries, folder, { packages: "external", splitting: true, conditions: [], banner: {} })
const server = fork(join(folder, "server.mjs"), { execArgv: [] })
const origin = `http://127.0.0.1:${await new Promise((resolve) => server.once("message", resolve))}`

const measure = async (name: string, work: Partial<Job> = {}): Promise<Measured> => {
  const file = join(folder, "program.mjs")
  writeFileSync(file, `${programs[name]}\nconsole.log(JSON.stringify({ ms: performance.now() }))`)
  const [contender, ahead = 0] = name.split(/, (\d) ahead/)
  const job = { latency: 0, bytes: 300, pageSize: 1000, repeat: 3, ...work, contender, ahead: Number(ahead) }
  const args = name in programs ? [file, `${origin}/0/300/1`] : ["child.mjs", origin, JSON.stringify(job)]
  return JSON.parse(await run(folder, process.execPath, ["--expose-gc", ...args]))
}

const median = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN

console.log(`${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`)
for (const [cell, { names, targets = {}, units, work }] of chosen) {
  const samples: Record<string, Array<Measured>> = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < Number(options.rounds); round++) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) samples[name]?.push(await measure(name, work))
  }
  /** In each round; by that of another contender, if one is given. */
  const figures = (figure: keyof Measured, of: string, than?: string) =>
    (samples[of] ?? []).map((one, round) => {
      const other = than === undefined ? 1 : samples[than]?.[round]?.[figure]
      return (one[figure] ?? Number.NaN) / (other ?? Number.NaN)
    })
  const rows = names.map((name) => {
    const ratios = figures("ms", name, names[0])
    const [ratio, from, to] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(2))
    const ms = (median(figures("ms", name)) / units).toPrecision(3)
    return { name, ...samples[name]?.[0], ms, ratio, from, to }
  })
  console.log(`\n${cell}`)
  console.table(rows)
  for (const figure of ["ms", "peakMiB", "grewMiB"] as const) {
    for (const [what, most] of Object.entries(targets[figure] ?? {})) {
      const [of = "", than] = what.split(" / ")
      const value = median(figures(figure, of, than))
      if (!(value <= most)) process.exitCode = 1
      console.log(`  ${value <= most ? "pass" : "MISS"}  ${figure} of ${what}: ${value.toFixed(2)}, at most ${most}`)
    }
  }
}
server.kill()
