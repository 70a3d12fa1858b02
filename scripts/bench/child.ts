// One measurement in a fresh process of plain Node: warms up, works, checks what was read, and prints what it took.
import { readFileSync } from "node:fs"
import { Bench } from "tinybench"
import type { Work } from "./bare.ts"
import { counter } from "./rows.ts"

export interface Job extends Work {
  readonly contender: string
  readonly latency: number
  readonly bytes: number
  readonly rows: number
  readonly repeat: number
  /** Reads once, from a cold start, and looks at the live heap at the 100,000th row and at the end. */
  readonly memory?: boolean
}

export interface Measured {
  /** The median of the repetitions. */
  readonly ms: number
  readonly peakMiB?: number
  readonly grewMiB?: number
}

const [origin = "", text = ""] = process.argv.slice(2)
const job: Job = JSON.parse(text)

/** Loads only what the contender needs. */
const connect = async (latency: number) => {
  const { contenders } = await (job.contender.startsWith("sdk") ? import("./sdk.ts") : import("./bare.ts"))
  const read = await contenders[job.contender]?.(`${origin}/${latency}/${job.bytes}/${job.rows}`)
  return async (onRows = (_: number) => {}) => {
    const count = counter(job.calls !== undefined)
    await read?.(job, (rows) => onRows(count(rows)))
    if (count([]) !== (job.calls?.[0] ?? job.rows)) throw new Error(`${job.contender} read ${count([])} rows`)
  }
}

const live = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1024 ** 2
}

const measureMemory = async (): Promise<Measured> => {
  const read = await connect(job.latency)
  const start = performance.now()
  let early = 0
  await read((rows) => {
    if (early === 0 && rows >= 100_000) early = live()
  })
  // The kernel's own mark: what `process.resourceUsage` says may be that of the parent.
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024
  return { ms: performance.now() - start, grewMiB: Math.round(live() - early), peakMiB: Math.round(peak) }
}

const measureTime = async (): Promise<Measured> => {
  const read = await connect(job.latency)
  const warmUp = job.latency === 0 ? read : await connect(0)
  for (let time = 0; time < 6; time++) await warmUp()
  const bench = new Bench({ iterations: job.repeat, time: 0, warmup: false, throws: true })
  const [task] = await bench.add(job.contender, () => read()).run()
  if (task?.result.state !== "completed") throw new Error(`${job.contender} was not measured`)
  return { ms: task.result.latency.p50 }
}

const measured = JSON.stringify(await (job.memory ? measureMemory() : measureTime()))
process.stdout.write(measured, () => process.exit())
