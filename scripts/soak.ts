// A hundred thousand calls, 32 at a time, of which a tenth meets a fault: does anything pile up, and does the process end?
//   npm run soak -- [calls]
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { FaultServer } from "@mix-effect/testing"
import { Console, Effect } from "effect"

const [role = "100000"] = process.argv.slice(2)
const mebibyte = 1024 * 1024

const rows = Array.from({ length: 5 }, (_, n) => ({
  id: `m${n}`,
  sessionId: "s",
  role: "user",
  userInput: "x".repeat(80)
}))
const whole = FaultServer.json(rows)
const faults = [
  FaultServer.status(503),
  FaultServer.status(429, [["Retry-After", "0"]]),
  FaultServer.resetWithoutReply,
  FaultServer.closeWithoutReply,
  FaultServer.truncated(JSON.stringify(rows), 40),
  FaultServer.resetMidBody(),
  FaultServer.gzipTruncated(JSON.stringify(rows)),
  FaultServer.garbage,
  FaultServer.stallBeforeHead,
  FaultServer.status(404)
]

/** Every tenth request meets the next fault. */
const serve = Effect.gen(function* () {
  let requests = 0
  const reply = () => (++requests % 10 === 0 ? (faults[(requests / 10) % faults.length] ?? whole) : whole)
  const server = yield* FaultServer.serve(reply, { record: false })
  yield* Effect.sync(() => {
    process.send?.(server.url)
    process.on("message", () => process.send?.(String(requests)))
  })
  yield* Effect.never
}).pipe(Effect.scoped)

const slope = (values: ReadonlyArray<number>) => {
  const mean = (of: ReadonlyArray<number>) => of.reduce((sum, value) => sum + value, 0) / of.length
  const xs = values.map((_, index) => index)
  const [mx, my] = [mean(xs), mean(values)]
  const covariance = xs.reduce((sum, x, index) => sum + (x - mx) * ((values[index] ?? 0) - my), 0)
  return covariance / xs.reduce((sum, x) => sum + (x - mx) ** 2, 0)
}

const soak = (calls: number) =>
  Effect.gen(function* () {
    const unhandled: Array<unknown> = []
    process.on("unhandledRejection", (error) => unhandled.push(error))
    const child = fork(fileURLToPath(import.meta.url), ["serve"], { execArgv: process.execArgv })
    const answer = Effect.async<string>((resume) => {
      child.once("message", (message) => resume(Effect.succeed(String(message))))
    })
    const serverUrl = yield* answer
    const tags: Record<string, number> = {}
    const heaps: Array<number> = []
    const batch = Math.max(1, Math.floor(calls / 20))
    const start = performance.now()
    yield* Effect.gen(function* () {
      const messages = yield* MessagesService
      const one = messages.getHistory({ limit: 5 }).pipe(
        Effect.match({ onSuccess: () => "ok", onFailure: (error) => error._tag as string }),
        Effect.map((tag) => {
          tags[tag] = (tags[tag] ?? 0) + 1
        })
      )
      for (let done = 0; done < calls; done += batch) {
        yield* Effect.replicateEffect(one, batch, { concurrency: 32, discard: true })
        globalThis.gc?.()
        heaps.push(process.memoryUsage().heapUsed / mebibyte)
      }
    }).pipe(Effect.provide(MixNode.layer({ serverUrl, requestTimeout: "300 millis", deadline: "10 seconds" })))
    const seconds = (performance.now() - start) / 1000
    child.send("how many")
    const requests = Number(yield* answer)
    child.disconnect()
    child.kill()
    yield* Effect.async<void>((resume) => {
      child.once("exit", () => resume(Effect.void))
    })
    // Standard streams, and what is left of the server's process, are this script's.
    const open = process.getActiveResourcesInfo().filter((resource) => !/^(TTY|Pipe|File|Process)Wrap$/.test(resource))
    // The first fifth warms up.
    const growth = slope(heaps.slice(Math.floor(heaps.length / 5))) * (heaps.length / (calls / 100_000))
    yield* Console.log(
      [
        `${calls} calls in ${seconds.toFixed(1)} s: ${JSON.stringify(tags)}`,
        `${requests} requests, ${requests - calls} of them retries`,
        `live heap ${heaps[0]?.toFixed(1)} MiB at first, ${heaps.at(-1)?.toFixed(1)} MiB at the end, slope ${growth.toFixed(2)} MiB per 100,000 calls`,
        `unhandled rejections: ${unhandled.length}; open when the layer is closed: ${JSON.stringify(open)}`
      ].join("\n")
    )
    if (
      unhandled.length > 0 ||
      open.some((resource) => resource !== "Timeout" && resource !== "Immediate") ||
      growth > 2
    ) {
      process.exitCode = 1
    }
  })

if (role === "serve") Effect.runPromise(serve)
else Effect.runPromise(soak(Number(role)))
