// One measurement in a fresh process of plain Node: warms up, works, checks what was read, and prints what it took.
import { readFileSync } from "node:fs"
import { Bench } from "tinybench"
import type * as Bare from "./bare.ts"
import { digest, idOf } from "./rows.ts"

export interface Job extends Bare.Work {
  readonly contender: string
  readonly latency: number
  readonly bytes: number
  readonly rows: number
  readonly warmUp: number
  readonly repeat: number
  /** Reads once, from a cold start, and looks at the live heap at the 100,000th row and at the end. */
  readonly memory?: boolean
}

export interface Measured {
  /** The median of the repetitions. */
  readonly ms: number
  readonly connections?: number
  readonly peakMiB?: number
  readonly grewMiB?: number
}

/** Loads only what the contender needs. */
const connect = async (name: string, serverUrl: string): Promise<Bare.Read> => {
  const { contenders } = name.startsWith("sdk") ? await import("./sdk.ts") : await import("./bare.ts")
  const connect = contenders[name]
  if (connect === undefined) throw new Error(`There is no contender ${name}`)
  return connect(serverUrl)
}

const live = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1024 ** 2
}

const measure = async (origin: string, job: Job): Promise<Measured> => {
  const expected = digest()
  for (let n = 0; n < (job.calls?.[0] ?? job.rows); n++) expected.seen([{ id: idOf(job.calls ? 0 : n), userInput: "" }])
  const readFrom = async (latency: number) => {
    const read = await connect(job.contender, `${origin}/${latency}/${job.bytes}/${job.rows}`)
    return async (onRows = (_: number) => {}) => {
      const { seen, sum } = digest()
      await read(job, (rows) => {
        seen(rows)
        onRows(sum.rows)
      })
      const told = JSON.stringify(sum)
      if (told !== JSON.stringify(expected.sum)) throw new Error(`read ${told}, not ${JSON.stringify(expected.sum)}`)
    }
  }
  const read = await readFrom(job.latency)
  const start = performance.now()
  if (job.memory) {
    let early = 0
    await read((rows) => {
      if (early === 0 && rows >= 100_000) early = live()
    })
    // The kernel's own mark: what `process.resourceUsage` says may be that of the parent.
    const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024
    return { ms: performance.now() - start, grewMiB: Math.round(live() - early), peakMiB: Math.round(peak) }
  }
  const warmUp = job.latency === 0 ? read : await readFrom(0)
  for (let time = 0; time < job.warmUp; time++) await warmUp()
  const count = async () => Number(await (await fetch(`${origin}/connections`)).text())
  const before = await count()
  const bench = new Bench({ iterations: job.repeat, time: 0, warmup: false, throws: true })
  const [task] = await bench.add(job.contender, () => read()).run()
  if (task?.result.state !== "completed") throw new Error(`${job.contender} was not measured`)
  return { ms: task.result.latency.p50, connections: (await count()) - before }
}

const [origin = "", job = ""] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await measure(origin, JSON.parse(job) as Job)), () => process.exit())
