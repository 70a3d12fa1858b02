// How much memory a walk over a million messages takes, through the whole HTTP stack. The server is a process of its own.
//   npm run memory -- [rows]
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { MixServer } from "@mix-effect/testing"
import { Chunk, Console, Effect, Layer, Stream } from "effect"

const [role = "1000000"] = process.argv.slice(2)
const mebibyte = 1024 * 1024
const allowed = 16 * mebibyte

const serve = (messages: number) =>
  Effect.gen(function* () {
    const server = yield* MixServer.MixServer
    yield* Effect.sync(() => process.send?.(server.url))
    yield* Effect.never
  }).pipe(Effect.provide(Layer.fresh(MixServer.layer({ seed: { sessions: messages / 200, messages } }))))

const measure = (rows: number) =>
  Effect.gen(function* () {
    yield* Console.log(`Seeding ${rows} messages ...`)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(fileURLToPath(import.meta.url), [`serve:${rows}`], { execArgv: process.execArgv })),
      (child) => Effect.sync(() => child.kill())
    )
    const serverUrl = yield* Effect.async<string>((resume) => {
      child.once("message", (url) => resume(Effect.succeed(String(url))))
    })
    const heaps: Array<number> = []
    let read = 0
    const start = performance.now()
    yield* Effect.flatMap(MessagesService, (messages) =>
      messages.streamHistory({ pageSize: 1000 }).pipe(
        Stream.chunks,
        Stream.runForEach((chunk) =>
          Effect.suspend(() => {
            const before = read
            read += Chunk.size(chunk)
            if (Math.floor(before / 100_000) === Math.floor(read / 100_000)) return Effect.void
            globalThis.gc?.()
            const { heapUsed, rss } = process.memoryUsage()
            heaps.push(heapUsed)
            const mib = (bytes: number) => (bytes / mebibyte).toFixed(1)
            return Console.log(`${read} rows: live heap ${mib(heapUsed)} MiB, resident ${mib(rss)} MiB`)
          })
        )
      )
    ).pipe(Effect.provide(MixNode.layer({ serverUrl })))
    const seconds = (performance.now() - start) / 1000
    const growth = Math.max(...heaps) - (heaps[0] ?? 0)
    yield* Console.log(
      `${read} rows in ${seconds.toFixed(1)} s; the live heap grew by ${(growth / mebibyte).toFixed(1)} MiB after the first 100,000`
    )
    if (read !== rows || growth > allowed) process.exitCode = 1
  }).pipe(Effect.scoped)

if (role.startsWith("serve:")) Effect.runPromise(serve(Number(role.slice(6))))
else Effect.runPromise(measure(Number(role)))
