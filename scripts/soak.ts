// A hundred thousand calls, 32 at a time, of which a tenth meets a fault: does anything pile up, and does the process end?
//   npm run soak -- [calls]
import { setTimeout } from "node:timers/promises"
import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { FaultServer } from "@mix-effect/testing"
import { Effect } from "effect"

const calls = Number(process.argv[2] ?? 100_000)

const rows = [0, 1, 2, 3, 4].map((n) => ({ id: `m${n}`, sessionId: "s", role: "user", userInput: "x".repeat(80) }))
const body = JSON.stringify(rows)
const whole = FaultServer.json(rows)
const faults = [
  FaultServer.status(503),
  FaultServer.status(429, [["Retry-After", "0"]]),
  FaultServer.resetWithoutReply,
  FaultServer.closeWithoutReply,
  FaultServer.truncated(body, 40),
  FaultServer.resetMidBody(),
  FaultServer.gzipTruncated(body),
  FaultServer.garbage,
  FaultServer.stallBeforeHead,
  FaultServer.status(404)
]

const mean = (of: ReadonlyArray<number>) => of.reduce((sum, value) => sum + value, 0) / of.length

const unhandled: Array<unknown> = []
process.on("unhandledRejection", (error) => unhandled.push(error))
const soak = Effect.gen(function* () {
  let requests = 0
  // Every tenth request meets the next fault.
  const reply = () => (++requests % 10 === 0 ? (faults[(requests / 10) % faults.length] ?? whole) : whole)
  const { url: serverUrl } = yield* FaultServer.serve(reply, { record: false })
  const tags: Record<string, number> = {}
  const heaps: Array<number> = []
  yield* Effect.gen(function* () {
    const messages = yield* MessagesService
    const call = messages.getHistory({ limit: 5 }).pipe(
      Effect.match({ onSuccess: () => "ok", onFailure: (error) => error._tag as string }),
      Effect.map((tag) => {
        tags[tag] = (tags[tag] ?? 0) + 1
      })
    )
    for (let batch = 0; batch < 20; batch++) {
      yield* Effect.replicateEffect(call, Math.ceil(calls / 20), { concurrency: 32, discard: true })
      globalThis.gc?.()
      heaps.push(process.memoryUsage().heapUsed / 1024 ** 2)
    }
  }).pipe(Effect.provide(MixNode.layer({ serverUrl, requestTimeout: "300 millis", deadline: "10 seconds" })))
  return { heaps, requests, tags }
})

const start = performance.now()
const { heaps, requests, tags } = await Effect.runPromise(Effect.scoped(soak))
await setTimeout(100) // A server that is closed stands among the resources a little longer.
// The first fifth warms up; the middles of the two halves of the rest are two fifths of the calls apart.
const [early, late] = [mean(heaps.slice(4, 12)), mean(heaps.slice(12))]
const growth = ((late - early) * 100_000) / (calls * 0.4)
const open = process.getActiveResourcesInfo().filter((resource) => !/^(TTY|Pipe|File)Wrap$/.test(resource))
console.log(`${calls} calls in ${((performance.now() - start) / 1000).toFixed(1)} s: ${JSON.stringify(tags)}
${requests} requests, ${requests - calls} of them retries
live heap ${heaps[0]?.toFixed(1)} MiB at first, ${heaps.at(-1)?.toFixed(1)} MiB at the end, growth ${growth.toFixed(2)} MiB per 100,000 calls
unhandled rejections: ${unhandled.length}; open when the layer is closed: ${JSON.stringify(open)}`)
const left = open.filter((resource) => resource !== "Timeout" && resource !== "Immediate")
if (unhandled.length > 0 || left.length > 0 || growth > 2) process.exitCode = 1
