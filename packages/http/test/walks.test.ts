/** What the walk asks of this layer: pages ahead are tried once, and rows that cannot be read are told of. */
import { assert, describe, it } from "@effect/vitest"
import { Prefetching, type Service, SessionId } from "@mix-effect/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import {
  failure,
  json,
  matches,
  noJitter,
  passing,
  type Recorded,
  row,
  scripted,
  status,
  withService
} from "./scripted.ts"

const quiet = Logger.remove(Logger.defaultLogger)

const rows = (from: number, count: number) => Array.from({ length: count }, (_, n) => ({ ...row, id: `m${from + n}` }))

const pageOf = ({ url }: Recorded) => {
  const { searchParams } = new URL(url)
  return { offset: Number(searchParams.get("offset")), limit: Number(searchParams.get("limit")) }
}

describe("pages that are asked for ahead", () => {
  it.effect("are tried once, and log nothing", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      const server = scripted(status(503))
      const error = yield* failure(
        withService(server, (messages) => Effect.provideService(messages.getHistory(), Prefetching, true))
      ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)), Logger.withMinimumLogLevel(LogLevel.Debug))
      matches(error, { _tag: "ServerError", attempts: 1 })
      assert.strictEqual(server.requests.length, 1)
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("a server that is down is asked as often with prefetch as without", () =>
    Effect.gen(function* () {
      const counts: Array<number> = []
      for (const prefetch of [0, 4]) {
        const server = scripted(status(503))
        yield* passing(
          failure(
            withService(server, (messages) => Stream.runDrain(messages.streamHistory({ pageSize: 5, prefetch })))
          ).pipe(noJitter)
        )
        counts.push(server.requests.length)
      }
      assert.deepStrictEqual(counts, [4, 4])
    })
  )
})

describe("rows that cannot be read", () => {
  const bad = { id: "bad", sessionId: "s1", role: 7, userInput: "secret" }
  const all = [...rows(0, 3), bad, ...rows(4, 3)]
  const history = scripted((request) => {
    const { limit, offset } = pageOf(request)
    return json(all.slice(offset, offset + limit))
  })

  it.effect("fail the walk by default", () =>
    Effect.gen(function* () {
      const error = yield* failure(
        withService(history, (messages) => Stream.runDrain(messages.streamHistory({ pageSize: 2 })))
      )
      matches(error, { _tag: "ResponseDecodeError", reason: "schema" })
    })
  )

  it.effect("are left out and counted where that is asked for", () =>
    Effect.gen(function* () {
      for (const pageSize of [1, 2, 3, 100]) {
        const pages = yield* withService(history, (messages) =>
          Stream.runCollect(messages.streamHistoryPages({ pageSize, unreadable: "skip" }))
        )
        const ids = Chunk.toReadonlyArray(pages).flatMap(({ messages }) => messages.map(({ id }): string => id))
        assert.deepStrictEqual(ids, ["m0", "m1", "m2", "m4", "m5", "m6"])
        assert.strictEqual([...pages].at(-1)?.stats.unreadable, 1)
      }
    }).pipe(Effect.provide(quiet))
  )

  it.effect("are left out of a session's list where that is asked for", () =>
    Effect.gen(function* () {
      const server = scripted(json(all))
      const messages = yield* withService(server, (messages) =>
        messages.listSession({ id: SessionId.make("s1"), unreadable: "skip" })
      )
      assert.strictEqual(messages.length, 6)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("are warned of without a credential that the server repeats as their id", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ annotations }) => {
        lines.push(JSON.stringify(Object.fromEntries(annotations)))
      })
      const server = scripted(json([{ ...bad, id: "canary-token" }]))
      const read = (messages: Service) => messages.listSession({ id: SessionId.make("s1"), unreadable: "skip" })
      const rows = yield* withService(server, read, { bearerToken: Redacted.make("canary-token") }).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.lengthOf(rows, 0)
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "mix.message.id")
      assert.notInclude(lines[0], "canary")
    })
  )

  it.effect("for which the server fails with 500 are found by smaller pages", () =>
    Effect.gen(function* () {
      const server = scripted((request) => {
        const { limit, offset } = pageOf(request)
        const page = all.slice(offset, offset + limit)
        return page.includes(bad)
          ? json({ error: { code: 500, message: "unknown part type", type: "internal_error" } }, { status: 500 })
          : json(page)
      })
      const messages = yield* passing(
        withService(server, (messages) =>
          Stream.runCollect(messages.streamHistory({ pageSize: 100, unreadable: "skip" }))
        )
      )
      assert.deepStrictEqual(
        [...messages].map(({ id }): string => id),
        ["m0", "m1", "m2", "m4", "m5", "m6"]
      )
    }).pipe(Effect.provide(quiet))
  )
})
