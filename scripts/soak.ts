// Does anything pile up over many calls, and does the process end? The server is a process of its own, so that the heap is the
// client's.
//   npm run soak -- [calls]   a hundred thousand reads, 32 at a time, of which a tenth meets a fault
//   npm run asks -- [turns]   two thousand turns, 16 at a time, with streams that drop
import { fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { MessagesService, SessionsService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { FaultServer, MixAgent, MixServer } from "@mix-effect/testing"
import { Effect, type Scope } from "effect"

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

let count = 0

const calls = {
  ...{ total: 100_000, concurrency: 32, per: 100_000, requestTimeout: 300 },
  // Every tenth request meets the next fault.
  serve: FaultServer.serve(() => (++count % 10 === 0 ? (faults[(count / 10) % faults.length] ?? whole) : whole), {
    record: false
  }),
  one: Effect.flatMap(MessagesService, (messages) => Effect.as(messages.getHistory({ limit: 5 }), "ok"))
}

const turns = {
  ...{ total: 2000, concurrency: 16, per: 1000, requestTimeout: 30_000 },
  serve: MixServer.serve({
    generation: "2026-02",
    agent: ({ text }) => [
      MixAgent.think("Hm."),
      MixAgent.call({ name: "Bash", input: '{"command":"ls"}', result: "README.md" }),
      MixAgent.say("You ", "said: ", text)
    ],
    streamFaults: ({ event }) =>
      event === "content" && ++count % 20 === 0 ? MixServer.StreamFault.Drop({ bytes: 10 }) : undefined
  }),
  one: Effect.gen(function* () {
    const sessions = yield* SessionsService
    const { id } = yield* sessions.createScoped({ title: "Soak", browserMode: "local-browser-service" })
    return (yield* sessions.ask({ id, text: "Hello" })).text
  }).pipe(Effect.scoped)
}

const [name = "", given, role] = process.argv.slice(2)
const { concurrency, one, per, requestTimeout, serve, total: usual } = name === "turns" ? turns : calls
const total = Number(given ?? usual)

if (role === "server") {
  const served: Effect.Effect<{ readonly url: string }, unknown, Scope.Scope> = serve
  const told = Effect.map(served, ({ url }) => process.send?.(url))
  await Effect.runPromise(Effect.scoped(Effect.zipRight(told, Effect.never)))
}

const unhandled: Array<unknown> = []
process.on("unhandledRejection", (error) => unhandled.push(error))
const server = fork(import.meta.filename, [name, String(total), "server"], { execArgv: process.execArgv })
const [serverUrl] = (await once(server, "message")) as [string]
const tags: Record<string, number> = {}
const heaps: Array<number> = []
const each: Effect.Effect<string, { readonly _tag: string }, MessagesService | SessionsService> = one
const call = Effect.map(Effect.merge(each), (result) => {
  const tag = typeof result === "string" ? result : result._tag
  tags[tag] = (tags[tag] ?? 0) + 1
})
const soak = Effect.gen(function* () {
  for (let batch = 0; batch < 20; batch++) {
    yield* Effect.replicateEffect(call, Math.ceil(total / 20), { concurrency, discard: true })
    globalThis.gc?.()
    heaps.push(process.memoryUsage().heapUsed / 1024 ** 2)
  }
})
const start = performance.now()
await Effect.runPromise(Effect.provide(soak, MixNode.layer({ serverUrl, requestTimeout })))
const seconds = ((performance.now() - start) / 1000).toFixed(1)
server.kill()
await once(server, "exit")
await setTimeout(100) // What is closed stands among the resources a little longer.

const mean = (of: ReadonlyArray<number>) => of.reduce((sum, value) => sum + value, 0) / of.length
// The first fifth warms up; the middles of the two halves of the rest are two fifths of the calls apart.
const growth = ((mean(heaps.slice(12)) - mean(heaps.slice(4, 12))) * per) / (total * 0.4)
const closed = /^((TTY|Pipe|File)Wrap|Timeout|Immediate)$/
const left = process.getActiveResourcesInfo().filter((resource) => !closed.test(resource))
console.log(`${name} in ${seconds} s: ${JSON.stringify(tags)}
live heap ${heaps.at(-1)?.toFixed(1)} MiB at the end, growth ${growth.toFixed(2)} MiB per ${per}
unhandled rejections: ${unhandled.length}; open when the layer is closed: ${JSON.stringify(left)}`)
if (unhandled.length > 0 || left.length > 0 || growth > 2) process.exitCode = 1
