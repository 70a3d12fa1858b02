// Runs one contender in a fresh process of plain Node.
import { execFile, fork } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Run } from "./cells.ts"
import type { Job, Measured } from "./child.ts"
import * as Cold from "./cold.ts"

export interface Server {
  readonly url: string
  readonly stop: () => void
}

export const serve = async (folder: string): Promise<Server> => {
  const child = fork(join(folder, "server.mjs"), { execArgv: [] })
  const port = await new Promise((resolve, reject) => child.once("message", resolve).once("error", reject))
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill() }
}

const digests = new Map<string, string>()

/** What has to be read is asked for once, before anything is measured: the server makes its rows then. */
const digest = async (url: string): Promise<string> => {
  const known = digests.get(url) ?? (await (await fetch(url)).text())
  digests.set(url, known)
  return known
}

/** A contender that fails, or is stuck, spoils its own row only. */
const failed: Measured = { ms: Number.NaN, cpuMs: Number.NaN, heaps: [], peakRss: Number.NaN }

const node = async (args: ReadonlyArray<string>): Promise<Measured> => {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000 })
    return JSON.parse(stdout) as Measured
  } catch (error) {
    console.error(error)
    process.exitCode = 1
    return failed
  }
}

export const measure = async (folder: string, server: Server, run: Run): Promise<Measured> => {
  if (run._tag === "Program") return node([join(folder, Cold.file(run.name)), `${server.url}/0/300/1`])
  const { _tag, bytes, latency, rows, ...work } = run
  const warmUpUrl = `${server.url}/0/${bytes}/${rows}`
  const job: Job = {
    ...work,
    warmUpUrl,
    serverUrl: `${server.url}/${latency}/${bytes}/${rows}`,
    expected: await digest(`${warmUpUrl}/digest/${run.calls}`)
  }
  return node(["--expose-gc", join(folder, "child.mjs"), JSON.stringify(job)])
}
