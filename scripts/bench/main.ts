// What the SDK costs over bare loops that read the same rows, from a server in a process of its own; after `npm run build`.
//   npm run bench -- [--only history:1000:300 ...] [--rounds 5]
// tinybench repeats and times the work, but the order of contenders in one process decides (a ratio wandered from 1.18 to
// 1.32): here each runs in a fresh process, in rounds that begin with another one, and is compared within its round.
import { execFile, fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import * as esbuild from "esbuild"
import type { Job, Measured } from "./child.ts"

const root = join(import.meta.dirname, "../..")
const { values: options } = parseArgs({
  options: { only: { type: "string", multiple: true, default: [""] }, rounds: { type: "string", default: "5" } }
})

/** At most so much of a figure, or so many times that of another contender. */
type Target = { readonly of: string; readonly figure: keyof Measured; readonly than?: string; readonly most: number }

interface Cell {
  /** Milliseconds are divided by this: pages, or calls. */
  readonly units: number
  /** Jobs, or programs from the start of their process, by name. The others are compared with the first. */
  readonly contenders: Readonly<Record<string, Job | string>>
  readonly targets: ReadonlyArray<Target>
}

const bare = "raw-undici"
const time = (of: string, than: string, most: number): Target => ({ of, figure: "ms", than, most })

/** A name may say how many pages are read ahead. */
const jobs = (names: ReadonlyArray<string>, work: Partial<Job> & { readonly rows: number }): Cell["contenders"] =>
  Object.fromEntries(
    names.map((name) => {
      const [contender = "", ahead] = name.split(/, (\d) ahead/)
      return [
        name,
        { latency: 0, bytes: 300, pageSize: 1000, repeat: 3, ...work, contender, ahead: Number(ahead ?? 0) }
      ]
    })
  )

const history = (
  pageSize: number,
  bytes: number,
  rows: number,
  others: ReadonlyArray<string>,
  most?: number
): Cell => ({
  units: rows / pageSize,
  contenders: jobs([bare, "sdk", ...others], { pageSize, bytes, rows }),
  targets: most === undefined ? [] : [time("sdk", bare, most)]
})

const latency = (ms: number, ...targets: ReadonlyArray<Target>): Cell => {
  const ahead = [1, 2, 4, 8].map((pages) => `sdk, ${pages} ahead`)
  const work = { latency: ms, rows: 4000, pageSize: 100, repeat: 1 }
  return { units: 40, contenders: jobs([bare, `${bare}, 8 ahead`, "sdk", ...ahead], work), targets }
}

const engines = ["sdk on fetch", "sdk on platform's undici", "sdk on node:http"]

const calls = (count: number, atOnce: number, most: number, overFetch: number): Cell => ({
  units: count,
  contenders: jobs([bare, "sdk", "sdk, traced", "raw-fetch", ...engines], {
    rows: 1,
    calls: [count, atOnce],
    repeat: 9
  }),
  targets: [time("sdk", bare, most), time("sdk, traced", "sdk", 1.25), time("sdk on fetch", "raw-fetch", overFetch)]
})

const firstCall = `import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import * as Effect from "effect/Effect"
const program = Effect.flatMap(MessagesService, (messages) => messages.getHistory({ limit: 1 }))
await Effect.runPromise(Effect.provide(program, MixNode.layer({ serverUrl: process.argv[2] })))`

/** The modules of effect and platform that the SDK imports. */
const { metafile } = await esbuild.build({
  ...{ stdin: { contents: firstCall, resolveDir: root }, bundle: true, format: "esm", platform: "node" },
  ...{ external: ["effect", "effect/*", "@effect/*", "undici"], metafile: true, write: false }
})
const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path))
const peers = [...new Set(imported)].filter((path) => /^(effect|@effect)\b/.test(path))

/** Each varies one thing. */
const cells: Record<string, Cell> = {
  "history:1000:300": history(1000, 300, 50_000, ["raw-fetch", "sdk, Stream.tap", ...engines], 1.5),
  "history:100:300": history(100, 300, 10_000, ["raw-fetch", "sdk on fetch"]),
  "history:50:300": history(50, 300, 10_000, [], 1.8),
  "history:1000:2000": history(1000, 2000, 20_000, ["raw-fetch", "sdk on fetch"], 1.5),
  "history:50:2000": history(50, 2000, 10_000, [], 1.8),
  "latency:5": latency(5),
  "latency:20": latency(20, time("sdk", bare, 1.08), time("sdk, 4 ahead", bare, 0.3), time("sdk, 8 ahead", bare, 0.2)),
  "latency:50": latency(50),
  "calls:1": calls(200, 1, 1.8, 2.5),
  "calls:64": calls(640, 64, 4, 5),
  start: {
    units: 1,
    contenders: {
      "import effect, platform": peers.map((path) => `import "${path}"\n`).join(""),
      nothing: "",
      "import sdk": 'import "@mix-effect/core"\nimport "@mix-effect/node"',
      "sdk, first call": firstCall
    },
    targets: [time("sdk, first call", "import effect, platform", 1.15)]
  },
  memory: {
    units: 1000,
    contenders: jobs([bare, "sdk", "sdk, 8 ahead"], { rows: 1_000_000, memory: true }),
    targets: [
      { of: "sdk", figure: "peakMiB", than: bare, most: 1.8 },
      { of: "sdk", figure: "grewMiB", most: 16 },
      { of: "sdk, 8 ahead", figure: "grewMiB", most: 16 }
    ]
  }
}

const chosen = Object.entries(cells).filter(([name]) =>
  options.only.some((only) => only === "" || `${name}:`.startsWith(`${only}:`))
)
if (chosen.length === 0) throw new Error(`There is ${Object.keys(cells).join(", ")}`)

// Inside the workspace, so that packages are found by their names.
const folder = mkdtempSync(join(root, "node_modules/.bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
await esbuild.build({
  entryPoints: ["child.ts", "server.ts"].map((name) => join(import.meta.dirname, name)),
  ...{ outdir: folder, outExtension: { ".js": ".mjs" }, bundle: true, splitting: true, packages: "external" },
  ...{ format: "esm", platform: "node", target: "node20" }
})
const server = fork(join(folder, "server.mjs"), { execArgv: [] })
const origin = `http://127.0.0.1:${await new Promise((resolve) => server.once("message", resolve))}`

const measure = async (job: Job | string): Promise<Measured> => {
  const program = join(folder, "program.mjs")
  if (typeof job === "string") writeFileSync(program, `${job}\nconsole.log(JSON.stringify({ ms: performance.now() }))`)
  const args =
    typeof job === "string"
      ? [program, `${origin}/0/300/1`]
      : ["--expose-gc", join(folder, "child.mjs"), origin, JSON.stringify(job)]
  return JSON.parse((await promisify(execFile)(process.execPath, args, { timeout: 300_000 })).stdout)
}

const median = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN

console.log(`${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`)
for (const [name, { contenders, targets, units }] of chosen) {
  const order = Object.entries(contenders)
  const samples: Record<string, Array<Measured>> = Object.fromEntries(order.map(([of]) => [of, []]))
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [of, job] of order) samples[of]?.push(await measure(job))
    order.push(...order.splice(0, 1))
  }
  /** In each round, by that of another contender if one is given. */
  const figures = (of: string, figure: keyof Measured, than?: string) =>
    (samples[of] ?? []).map((one, round) => {
      const other = than === undefined ? 1 : samples[than]?.[round]?.[figure]
      return (one[figure] ?? Number.NaN) / (other ?? Number.NaN)
    })
  const table = Object.entries(samples).map(([contender, [first]]) => {
    const ratios = figures(contender, "ms", Object.keys(contenders)[0])
    const [ratio, from, to] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(2))
    const ms = (median(figures(contender, "ms")) / units).toPrecision(3)
    return { contender, ...first, ms, ratio, from, to }
  })
  console.log(`\n${name}`)
  console.table(table)
  for (const { figure, most, of, than } of targets) {
    const value = median(figures(of, figure, than))
    const met = value <= most
    if (!met) process.exitCode = 1
    const unit = than === undefined ? "" : ` x that of ${than}`
    console.log(`  ${met ? "pass" : "MISS"}  ${of}: ${figure} ${value.toFixed(2)}${unit}, at most ${most} is allowed`)
  }
}
server.kill()
