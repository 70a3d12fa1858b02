// What is measured. Not everything times everything: each cell varies one thing. Page sizes are compared without latency,
// where only the work counts; latencies at one page size, where waiting counts; single calls on their own.
import type { ContenderId } from "./child.ts"
import * as Cold from "./cold.ts"

/** Work in a process of its own: a job for `child.ts`, or a whole program. */
export type Run =
  | {
      readonly _tag: "Job"
      readonly contender: ContenderId
      readonly kind: "history" | "calls"
      readonly latency: number
      readonly bytes: number
      readonly rows: number
      readonly pageSize: number
      readonly ahead: number
      readonly calls: number
      readonly concurrency: number
      readonly warmUp: number
      readonly repeat: number
      readonly heapAt: ReadonlyArray<number>
    }
  | { readonly _tag: "Program"; readonly name: Cold.ProgramName }

/** What is promised of a contender. */
export interface Target {
  readonly contender: string
  /**
   * `time` and `peakRss` count as a multiple of the first contender's; `addedMs` is on top of the time of `than`, and
   * `heapGrowth` in MiB.
   */
  readonly measure: "time" | "addedMs" | "peakRss" | "heapGrowth"
  readonly than?: string
  readonly most: number
}

export interface Cell {
  readonly name: string
  readonly about: string
  /** What times are divided by: a repetition is so many pages, or calls. */
  readonly unit: string
  readonly units: number
  /** The first one is what the others are compared with. */
  readonly contenders: Readonly<Record<string, Run>>
  readonly targets: ReadonlyArray<Target>
  /** In how many rounds at most it takes part, and how often in each. */
  readonly rounds?: number
  readonly times?: number
  /** The contenders of the short mode, which leaves out cells that name none. */
  readonly short?: ReadonlyArray<string>
}

const bare = "raw-undici"
const million = 1_000_000
const names: Record<ContenderId, string> = {
  undici: bare,
  rawFetch: "raw-fetch",
  fetchZod: "fetch + zod",
  node: "sdk",
  onFetch: "sdk on fetch",
  tap: "sdk, Stream.tap",
  mapEffect: "sdk, Stream.mapEffect",
  asyncIterable: "sdk, toAsyncIterable",
  traced: "sdk, traced"
}

type Job = Extract<Run, { _tag: "Job" }>

const defaults: Omit<Job, "contender" | "kind" | "rows"> = {
  _tag: "Job",
  latency: 0,
  bytes: 300,
  pageSize: 1000,
  ahead: 0,
  calls: 1,
  concurrency: 1,
  warmUp: 0,
  repeat: 1,
  heapAt: []
}

// Programs that read a history or call a server are long at it: each contender is measured once its code is compiled, which
// takes hundreds of pages or calls. What the first ones cost is in `cold`.
const runs = (ids: ReadonlyArray<ContenderId>, job: Omit<Job, keyof typeof defaults | "contender"> & Partial<Job>) =>
  Object.fromEntries(ids.map((contender) => [names[contender], { ...defaults, ...job, contender }]))

const history = (
  pageSize: number,
  bytes: number,
  rows: number,
  ids: ReadonlyArray<ContenderId>,
  most: number | undefined
): Cell => ({
  name: `history:${pageSize}:${bytes}`,
  about: `${rows} rows of ${bytes} bytes, ${pageSize} a page, no latency`,
  unit: "page",
  units: rows / pageSize,
  contenders: runs(ids, { kind: "history", pageSize, bytes, rows, warmUp: 4, repeat: 2 }),
  targets: most === undefined ? [] : [{ contender: names.node, measure: "time", most }],
  ...(most !== undefined && { short: [bare, names.node] })
})

const latency = (
  ms: number,
  rows: number,
  aheads: ReadonlyArray<number>,
  bareAheads: ReadonlyArray<number>,
  targets: Readonly<Record<number, number>> = {}
): Cell => {
  const job = (contender: ContenderId, ahead: number): Run => ({
    ...defaults,
    contender,
    kind: "history",
    latency: ms,
    pageSize: 100,
    rows,
    ahead,
    warmUp: 4
  })
  const sdk = (ahead: number) => (ahead === 0 ? names.node : `${names.node}, prefetch ${ahead}`)
  return {
    name: `latency:${ms}`,
    about: `${rows} rows of 300 bytes, 100 a page, ${ms} ms of latency`,
    unit: "page",
    units: rows / 100,
    contenders: Object.fromEntries([
      [bare, job("undici", 0)],
      ...bareAheads.map((ahead) => [`${bare}, ${ahead} ahead`, job("undici", ahead)]),
      ...aheads.map((ahead) => [sdk(ahead), job("node", ahead)])
    ]),
    targets: Object.entries(targets).map(([ahead, most]) => ({ contender: sdk(Number(ahead)), measure: "time", most })),
    ...(Object.keys(targets).length > 0 && {
      short: [bare, ...Object.keys(targets).map((ahead) => sdk(Number(ahead)))]
    })
  }
}

const calls = (concurrency: number, calls: number, targets: ReadonlyArray<Target>): Cell => ({
  name: `calls:${concurrency}`,
  about: `${calls} calls for one row, ${concurrency} at a time`,
  unit: "call",
  units: calls,
  contenders: runs(["undici", "rawFetch", "fetchZod", "node", "onFetch", "traced"], {
    kind: "calls",
    rows: 1,
    calls,
    concurrency,
    warmUp: 2,
    repeat: 2
  }),
  targets,
  short: [bare, ...new Set(targets.map(({ contender }) => contender))]
})

const elements: Cell = {
  name: "elements",
  about: "20000 rows of 300 bytes, 1000 a page, no latency, and an effect for each row",
  unit: "page",
  units: 20,
  contenders: runs(["undici", "node", "tap", "mapEffect", "asyncIterable"], {
    kind: "history",
    rows: 20_000,
    warmUp: 3,
    repeat: 3
  }),
  targets: []
}

const cold: Cell = {
  name: "cold",
  about: "from the start of a process",
  unit: "process",
  units: 1,
  contenders: Object.fromEntries(Cold.programs.map((name) => [name, { _tag: "Program", name }])),
  targets: [{ contender: Cold.sdk, measure: "time", most: 1.15 }],
  times: 3,
  short: [Cold.peers, Cold.sdk]
}

const memory = (rows: number): Cell => ({
  name: "memory",
  about: `${rows} rows of 300 bytes, 1000 a page, no latency, from a cold start`,
  unit: "page",
  units: rows / 1000,
  contenders: Object.fromEntries(
    [
      [bare, "undici", 0] as const,
      [names.node, "node", 0] as const,
      [`${names.node}, prefetch 8`, "node", 8] as const
    ].map(([name, contender, ahead]) => [
      name,
      { ...defaults, contender, kind: "history", rows, ahead, heapAt: [100_000, rows] }
    ])
  ),
  targets: [
    { contender: names.node, measure: "heapGrowth", most: 16 },
    { contender: names.node, measure: "peakRss", most: 1.8 },
    { contender: `${names.node}, prefetch 8`, measure: "heapGrowth", most: 16 }
  ],
  rounds: 2,
  short: [bare, names.node]
})

const everyone: ReadonlyArray<ContenderId> = ["undici", "rawFetch", "fetchZod", "node", "onFetch"]
const two: ReadonlyArray<ContenderId> = ["undici", "node"]

export const cells = (short: boolean): ReadonlyArray<Cell> => [
  history(1000, 300, 100_000, everyone, 1.5),
  history(500, 300, 40_000, two, undefined),
  history(100, 300, 10_000, everyone, undefined),
  history(50, 300, 20_000, two, 1.8),
  history(1000, 2000, 20_000, everyone, 1.5),
  history(500, 2000, 10_000, two, undefined),
  history(100, 2000, 3000, two, undefined),
  history(50, 2000, 10_000, two, 1.8),
  latency(5, 4000, [0, 4, 8], []),
  latency(20, short ? 4000 : 6000, [0, 1, 2, 4, 8], [1, 2, 4, 8], { 0: 1.08, 4: 0.3, 8: 0.2 }),
  latency(50, 3000, [0, 4, 8], []),
  calls(1, 2000, [
    { contender: names.node, measure: "time", most: 1.8 },
    { contender: names.traced, measure: "addedMs", than: names.node, most: 0.1 }
  ]),
  calls(64, 3200, [{ contender: names.node, measure: "time", most: 4 }]),
  elements,
  cold,
  memory(short ? million / 5 : million)
]
