/** After a call the caller is in its own async context again, whoever used the connection before: over every engine. */
import { AsyncLocalStorage } from "node:async_hooks"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type Service } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { engineNames, layerOf } from "./everyEngine.ts"

const storage = new AsyncLocalStorage<number>()

const rows = (count: number) =>
  JSON.stringify(
    Array.from({ length: count }, (_, index) => ({ id: `m${index}`, sessionId: "s1", role: "user", userInput: "Hi" }))
  )

/** What a request gets, by its limit. */
const answers: Readonly<Record<string, http.RequestListener>> = {
  1: (_, response) => response.setHeader("content-type", "application/json").end(rows(1)),
  2: (_, response) =>
    response
      .setHeader("content-type", "application/json")
      .setHeader("content-encoding", "gzip")
      .end(gzipSync(rows(2))),
  3: (_, response) => response.writeHead(404).end(),
  4: (request) => request.socket.destroy(),
  5: (_, response) => {
    response.setHeader("content-type", "application/json").write("[")
    setTimeout(() => response.end("]"), 3)
  }
}

const server = Effect.acquireRelease(
  Effect.async<{ readonly serverUrl: string; readonly running: http.Server }>((resume) => {
    const running = http.createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? "", "http://h")
      const answer = answers[searchParams.get("limit") ?? ""] ?? answers[1]
      answer?.(request, response)
    })
    running.listen(0, "127.0.0.1", () => {
      const serverUrl = `http://127.0.0.1:${(running.address() as AddressInfo).port}`
      resume(Effect.succeed({ serverUrl, running }))
    })
  }),
  ({ running }) =>
    Effect.sync(() => {
      running.close()
      running.closeAllConnections()
    })
)

/** Runs a program for each of many users at once, each in a context of its own, and gives what each found its own not to be. */
const users = (
  count: number,
  program: (messages: Service, check: (where: string) => Effect.Effect<void>) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function* () {
    const messages = yield* MessagesService
    const run = Runtime.runPromise(yield* Effect.runtime())
    const wrong: Array<string> = []
    const start = (user: number) =>
      storage.run(user, () =>
        run(
          program(messages, (where) =>
            Effect.sync(() => {
              const found = storage.getStore()
              if (found !== user) wrong.push(`${where}: ${found} instead of ${user}`)
            })
          )
        )
      )
    yield* Effect.promise(() => Promise.all(Array.from({ length: count }, (_, user) => start(user))))
    return wrong
  })

describe("162", () => {
  for (const engine of engineNames) {
    it.scopedLive(`${engine}: many users in turn and at once, over few connections`, () =>
      Effect.gen(function* () {
        const { serverUrl } = yield* server
        const wrong = yield* users(5, (messages, check) =>
          Effect.gen(function* () {
            for (let turn = 0; turn < 3; turn++) {
              for (const limit of [1, 2, 3, 4, 5]) {
                yield* Effect.exit(messages.getHistory({ limit }).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none)))
                yield* check(`limit ${limit}`)
              }
              yield* messages.streamHistory({ pageSize: 50 }).pipe(
                Stream.take(1),
                Stream.runForEach(() => check("in a stream"))
              )
              yield* check("after a stream")
            }
          })
        ).pipe(Effect.provide(layerOf(engine, { serverUrl })))
        assert.deepStrictEqual([...new Set(wrong)].slice(0, 5), [], `${wrong.length} wrong`)
      })
    )

    it.scopedLive(`${engine}: many users whose connection fails at once`, () =>
      Effect.gen(function* () {
        const wrong = yield* users(5, (messages, check) =>
          Effect.gen(function* () {
            yield* Effect.exit(messages.getHistory().pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none)))
            yield* check("refused")
            yield* Effect.exit(messages.getHistory())
            yield* check("refused, with retries")
          }).pipe(Effect.withRandom(Random.fixed([0])))
        ).pipe(Effect.provide(layerOf(engine, { serverUrl: "http://127.0.0.1:1" })))
        assert.deepStrictEqual([...new Set(wrong)].slice(0, 5), [], `${wrong.length} wrong`)
      })
    )
  }
})
