/** The walk over a real HTTP server whose history changes between any two requests, and fails now and then. */
import { assert, describe, it } from "@effect/vitest"
import { HistoryCursor, MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { MixServer } from "@mix-effect/testing"
import { Chunk, Console, Effect, Either, Schema, Stream } from "effect"
import { draws } from "../../core/test/draws.ts"
import { Pcg } from "../../testing/src/internal/pcg.ts"

/** What a run draws from its seed. */
const draw = (seed: number) => {
  const random = new Pcg(seed)
  const below = (n: number) => random.integer(n)
  return {
    below,
    messages: below(5) === 0 ? below(8) : 20 + below(200),
    pageSize: 1 + below(60),
    prefetch: below(5),
    clamp: below(3) === 0 ? [7, 20, 50][below(3)] : undefined,
    failures: below(2) === 0
  }
}

/** One to three changes to the list. */
const change = (server: MixServer.Running, below: (n: number) => number) =>
  Effect.gen(function* () {
    const sessions = yield* server.sessions
    for (let changes = below(3); changes > 0; changes--) {
      if (below(6) > 0 || sessions.length < 3) {
        const sessionId = sessions[below(sessions.length)] ?? "s-new"
        for (let rows = 1 + below(5); rows > 0; rows--) yield* server.append({ sessionId, text: "meanwhile" })
      } else {
        yield* server.deleteSession(sessions[below(sessions.length)] as string)
      }
    }
  })

const run = (seed: number) =>
  Effect.gen(function* () {
    const { below, clamp, failures, messages, pageSize, prefetch } = draw(seed)
    const server = yield* MixServer.serve({
      seed: { sessions: 8, messages, random: seed },
      faults: ({ index }, server) =>
        Effect.gen(function* () {
          if (failures && index % 5 === 3)
            return MixServer.Fault.Respond({ status: 503, headers: { "retry-after": "0" } })
          if (failures && index % 7 === 5) return MixServer.Fault.Truncate({ bytes: 10 })
          // Half of the changes come while an answer is on its way.
          if (index > 0) yield* change(server, below)
          return clamp === undefined ? undefined : MixServer.Fault.ClampLimit({ max: clamp })
        })
    })
    const began = yield* server.messages
    const emitted: Array<string> = []
    const exit = yield* Effect.flatMap(MessagesService, (service) =>
      Stream.runForEach(service.streamHistory({ pageSize, prefetch }), ({ id }) => Effect.sync(() => emitted.push(id)))
    ).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url })), Effect.either)
    const ended = new Set(yield* server.messages)
    // A walk that stalled has to have read without a gap as far as it came.
    const survivors = began.filter((id) => ended.has(id))
    const last = Math.max(...emitted.map((id) => survivors.indexOf(id)))
    const alive = Either.isLeft(exit) ? survivors.slice(0, last + 1) : survivors
    assert.strictEqual(new Set(emitted).size, emitted.length, `seed ${seed}: rows were repeated`)
    assert.deepStrictEqual(
      emitted.filter((id) => survivors.includes(id)),
      alive,
      `seed ${seed}: rows were lost or out of order`
    )
    if (Either.isRight(exit)) return "end"
    return exit.left._tag === "HistoryStalled" ? exit.left.reason : exit.left._tag
  }).pipe(Effect.scoped)

describe("history over HTTP", () => {
  it.live("changing servers are read without a loss or a repetition, and hardly a walk stalls", () =>
    Effect.gen(function* () {
      const runs = draws(6, 60)
      const seeds = Array.from({ length: runs }, (_, index) => index + 1)
      const ends = yield* Effect.forEach(seeds, run, { concurrency: 4 })
      const stalled = ends.filter((end) => end !== "end")
      yield* Console.log(`${runs} walks over HTTP: ${stalled.length} stalled ${JSON.stringify(stalled)}`)
      // Pages of seven rows, while up to ten arrive with every request.
      assert.isAtMost(stalled.length, Math.max(1, 0.08 * runs))
      assert.deepStrictEqual(
        stalled.filter((end) => end !== "noProgress" && end !== "repeatedPages"),
        []
      )
    })
  )

  it.scopedLive("a cursor goes on in another client, after inserts and deletions", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { sessions: 10, messages: 300 } })
      const began = yield* server.messages
      const first = yield* Effect.flatMap(MessagesService, (service) =>
        service.streamHistoryPages({ pageSize: 40 }).pipe(Stream.take(3), Stream.runCollect)
      ).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url })))
      const pages = Chunk.toReadonlyArray(first)
      const json = yield* Schema.encode(Schema.parseJson(HistoryCursor))((pages[2] as (typeof pages)[number]).cursor)

      const [gone = "", , stays = ""] = yield* server.sessions
      yield* server.deleteSession(gone)
      yield* server.append({ sessionId: stays, text: "one" })
      yield* server.append({ sessionId: stays, text: "two" })

      const from = yield* Schema.decode(Schema.parseJson(HistoryCursor))(json)
      const rest = yield* Effect.flatMap(MessagesService, (service) =>
        Stream.runCollect(service.streamHistory({ from }))
      ).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url })))
      const emitted = [...pages.flatMap((page) => page.messages), ...rest].map((row): string => row.id)
      const ended = new Set(yield* server.messages)
      assert.strictEqual(new Set(emitted).size, emitted.length)
      assert.deepStrictEqual(
        emitted.filter((id) => ended.has(id)),
        began.filter((id) => ended.has(id))
      )
    })
  )
})
