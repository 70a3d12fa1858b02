// One measurement in a fresh process: warms up, works, checks what was read, and prints what it took.
import { readFileSync } from "node:fs"
import type { Connect, Work } from "./contenders/contender.ts"
import { Digest } from "./rows.ts"

/** Each process loads only what its contender needs. */
const contenders = {
  undici: async (): Promise<Connect> => (await import("./contenders/undici.ts")).undici,
  rawFetch: async (): Promise<Connect> => (await import("./contenders/rawFetch.ts")).rawFetch,
  fetchZod: async (): Promise<Connect> => (await import("./contenders/fetchZod.ts")).fetchZod,
  node: async (): Promise<Connect> => (await import("./contenders/sdk.ts")).node,
  onFetch: async (): Promise<Connect> => (await import("./contenders/sdk.ts")).onFetch,
  tap: async (): Promise<Connect> => (await import("./contenders/sdk.ts")).tap,
  mapEffect: async (): Promise<Connect> => (await import("./contenders/sdk.ts")).mapEffect,
  asyncIterable: async (): Promise<Connect> => (await import("./contenders/sdk.ts")).asyncIterable,
  traced: async (): Promise<Connect> => (await import("./contenders/sdk.ts")).traced
}

export type ContenderId = keyof typeof contenders

/** What the parent asks for. */
export interface Job extends Work {
  readonly contender: ContenderId
  readonly kind: "history" | "calls"
  /** The server to warm up on, which is the same without latency; how often; and the server to measure on. */
  readonly warmUpUrl: string
  readonly warmUp: number
  readonly serverUrl: string
  /** How often the work is done in the measured part. */
  readonly repeat: number
  /** What has been read after the work is done once. */
  readonly expected: string
  /** The row counts at which the live heap is looked at. */
  readonly heapAt: ReadonlyArray<number>
}

/** The times are those of one repetition, in milliseconds; the sizes are in bytes. */
export interface Measured {
  readonly ms: number
  /** User and system time of all threads. */
  readonly cpuMs: number
  /** The live heap at each of `heapAt`. */
  readonly heaps: ReadonlyArray<number>
  readonly peakRss: number
}

/**
 * The kernel's own mark of this program. What `process.resourceUsage` says may be that of the parent, which a forked
 * process inherits.
 */
const peakRss = (): number => {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}

const run = async (job: Job): Promise<Measured> => {
  const connect = await contenders[job.contender]()
  const heaps: Array<number> = []
  const once = async (serverUrl: string, times: number, heapAt: ReadonlyArray<number>) => {
    const { calls, close, history } = await connect(serverUrl)
    // The first connection is not part of the work.
    await calls({ ...job, calls: 1, concurrency: 1 }, new Digest())
    globalThis.gc?.()
    const cpu = process.cpuUsage()
    const start = performance.now()
    for (let time = 0; time < times; time++) {
      let before = 0
      const digest = new Digest((rows) => {
        if (heapAt.some((at) => before < at && at <= rows)) {
          globalThis.gc?.()
          heaps.push(process.memoryUsage().heapUsed)
        }
        before = rows
      })
      await (job.kind === "history" ? history : calls)(job, digest)
      if (String(digest) !== job.expected) throw new Error(`read ${digest}, and not ${job.expected}`)
    }
    const ms = performance.now() - start
    const { system, user } = process.cpuUsage(cpu)
    await close()
    return { ms: ms / times, cpuMs: (system + user) / 1000 / times }
  }
  if (job.warmUp > 0) await once(job.warmUpUrl, job.warmUp, [])
  return { ...(await once(job.serverUrl, job.repeat, job.heapAt)), heaps, peakRss: peakRss() }
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? "") as Job)))
