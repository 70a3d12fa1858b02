// Two thousand turns, 16 at a time, with streams that drop: what a turn costs, whether anything piles up, and how soon the answer
// is there. `npm run soak` does the same for reads, without turns. The server is a process of its own, so that the heap is the client's.
//   npm run asks -- [turns]
import { fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { MessagesService, SessionsService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { MixAgent, MixServer } from "@mix-effect/testing"
import { Effect, Stream } from "effect"

const browserMode = "local-browser-service"

if (process.argv[2] === "server") {
  let events = 0
  const serve = Effect.gen(function* () {
    const server = yield* MixServer.serve({
      generation: "2026-02",
      agent: ({ text }) => [
        MixAgent.think("Hm."),
        MixAgent.call({ name: "Bash", input: '{"command":"ls"}', result: "README.md" }),
        MixAgent.say("You ", "said: ", text)
      ],
      streamFaults: ({ event }) =>
        event === "content" && ++events % 20 === 0 ? MixServer.StreamFault.Drop({ bytes: 10 }) : undefined
    })
    process.send?.(server.url)
    process.on("message", () => process.send?.(Effect.runSync(server.requestCount)))
    return yield* Effect.never
  })
  await Effect.runPromise(Effect.scoped(serve))
}

const turns = Number(process.argv[2] ?? 2000)
const mean = (of: ReadonlyArray<number>) => of.reduce((sum, value) => sum + value, 0) / of.length
const at = (sorted: ReadonlyArray<number>, share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)

const server = fork(fileURLToPath(import.meta.url), ["server"], { execArgv: process.execArgv })
const [serverUrl] = (await once(server, "message")) as [string]

const soak = Effect.gen(function* () {
  const sessions = yield* SessionsService
  const messages = yield* MessagesService
  const tags: Record<string, number> = {}
  const heaps: Array<number> = []
  const after: Array<number> = []
  const turn = Effect.gen(function* () {
    const { id } = yield* sessions.createScoped({ title: "Soak", browserMode })
    let completedAt: number | undefined
    const last = yield* sessions.askStream({ id, text: "Hello" }).pipe(
      Stream.tap(({ _tag }) =>
        Effect.sync(() => {
          if (_tag === "Completed") completedAt = performance.now()
        })
      ),
      Stream.runLast
    )
    if (completedAt !== undefined) after.push(performance.now() - completedAt)
    return last._tag === "Some" && last.value._tag === "Answered" ? last.value.answer.text : "nothing"
  }).pipe(
    Effect.scoped,
    Effect.merge,
    Effect.map((result) => {
      const tag = typeof result === "string" ? result : result._tag
      tags[tag] = (tags[tag] ?? 0) + 1
    })
  )
  for (let batch = 0; batch < 20; batch++) {
    yield* Effect.replicateEffect(turn, Math.ceil(turns / 20), { concurrency: 16, discard: true })
    globalThis.gc?.()
    heaps.push(process.memoryUsage().heapUsed / 1024 ** 2)
  }
  // One by one, beside one list: nothing else may stand between `Completed` and the answer.
  after.length = 0
  for (let one = 0; one < 50; one++) yield* turn
  const { id } = yield* sessions.create({ title: "List", browserMode })
  const lists: Array<number> = []
  for (let one = 0; one < 50; one++) {
    const from = performance.now()
    yield* messages.listSession({ id })
    lists.push(performance.now() - from)
  }
  return { heaps, tags, after: after.sort((a, b) => a - b), lists: lists.sort((a, b) => a - b) }
})

const start = performance.now()
const { after, heaps, lists, tags } = await Effect.runPromise(soak.pipe(Effect.provide(MixNode.layer({ serverUrl }))))
server.send("count")
const [requests] = (await once(server, "message")) as [number]
server.kill()
await once(server, "exit")
await setTimeout(100)
const growth = ((mean(heaps.slice(12)) - mean(heaps.slice(4, 12))) * 1000) / (turns * 0.4)
const left = process
  .getActiveResourcesInfo()
  .filter((resource) => !/^(TTY|Pipe|File)Wrap$|^Timeout$|^Immediate$/.test(resource))
console.log(`${turns} turns in ${((performance.now() - start) / 1000).toFixed(1)} s: ${JSON.stringify(tags)}
${(requests / (turns + 50)).toFixed(1)} requests a turn, making and deleting its session included
live heap ${heaps[0]?.toFixed(1)} MiB at first, ${heaps.at(-1)?.toFixed(1)} MiB at the end, growth ${growth.toFixed(2)} MiB per 1,000 turns
from \`Completed\` to the answer: ${at(after, 0.5)} ms (median), ${at(after, 0.95)} ms (95 %); a list alone: ${at(lists, 0.5)} ms, ${at(lists, 0.95)} ms
open when the layer is closed: ${JSON.stringify(left)}`)
if (left.length > 0 || growth > 2) process.exitCode = 1
