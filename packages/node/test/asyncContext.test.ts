/** After a call the caller is in its own async context again, whoever used the connection before: over every engine. */
import { AsyncLocalStorage } from "node:async_hooks"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type Service, type SessionId, type Sessions, SessionsService } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import { MixAgent, MixServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { draws } from "../../core/test/draws.ts"
import { MixNode } from "../src/index.ts"
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

type Check = (where: string) => Effect.Effect<void>

/** Runs a program for each of many users at once, each in a context of its own, and gives what each found its own not to be. */
const users = (
  count: number,
  program: (messages: Service, check: Check, user: number) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function* () {
    const messages = yield* MessagesService
    const run = Runtime.runPromise(yield* Effect.runtime())
    const wrong: Array<string> = []
    const start = (user: number) =>
      storage.run(user, () =>
        run(
          program(
            messages,
            (where) =>
              Effect.sync(() => {
                const found = storage.getStore()
                if (found !== user) wrong.push(`${where}: ${found} instead of ${user}`)
              }),
            user
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

const browserMode = "local-browser-service"

/** Answers at once, or after a permission. */
const agent = ({ text }: { readonly text: string }): MixAgent.Script =>
  text === "Hi"
    ? [MixAgent.say("One", " two.")]
    : [
        MixAgent.call({
          name: "Bash",
          input: '{"command":"ls"}',
          result: "",
          permission: { description: "Execute command: ls", path: "/" }
        }),
        MixAgent.say("Done.")
      ]

interface Services {
  readonly messages: Service
  readonly sessions: Sessions
  readonly id: SessionId
}

/** Every operation that waits for more than its own request: what comes of it, and what it calls, is looked at. */
const operations: Readonly<Record<string, (services: Services, check: Check) => Effect.Effect<unknown, unknown>>> = {
  events: ({ id, sessions }, check) =>
    sessions.events({ id }).pipe(
      Stream.tap(() => check("an event")),
      Stream.take(3),
      Stream.runDrain
    ),
  ask: ({ id, sessions }, check) =>
    sessions.ask(
      { id, text: "List the files" },
      { onPermission: () => Effect.as(check("onPermission"), "grant" as const) }
    ),
  "ask, timed out": ({ id, sessions }) => sessions.ask({ id, text: "Hi" }, { timeout: 1 }),
  "ask, interrupted": ({ id, sessions }, check) =>
    sessions.askStream({ id, text: "Hi" }, { onInterrupt: "leave" }).pipe(
      Stream.tap(() => check("an event of a turn")),
      Stream.take(1),
      Stream.runDrain
    ),
  askStream: ({ id, sessions }, check) =>
    sessions
      .askStream({ id, text: "Hi" }, { onPermission: () => Effect.succeed("grant") })
      .pipe(Stream.runForEach(() => check("an event of a turn"))),
  streamHistory: ({ messages }, check) =>
    messages.streamHistory({ pageSize: 10 }).pipe(Stream.runForEach(() => check("a message"))),
  "streamHistory, with prefetch": ({ messages }, check) =>
    messages.streamHistoryPages({ pageSize: 10, prefetch: 2 }).pipe(Stream.runForEach(() => check("a page"))),
  followHistory: ({ messages }, check) =>
    messages.followHistory({ schedule: Schedule.spaced(2) }).pipe(
      Stream.take(1),
      Stream.runForEach(() => check("a new message"))
    ),
  sessions: ({ id, messages, sessions }, check) =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* sessions.createScoped({ title: "T", browserMode })
        yield* check("createScoped")
        yield* Effect.all([sessions.list(), sessions.get({ id }), messages.listSession({ id })], { concurrency: 3 })
        yield* check("three calls at once")
      })
    )
}

describe("162 what waits for others", () => {
  it.scopedLive("every operation by users who share a connection and a session, drawn", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2026-02", seed: { messages: 30 }, agent })
      const context = yield* Layer.build(MixNode.layer({ serverUrl: server.url }))
      const sessions = yield* Effect.provide(SessionsService, context)
      const { id } = yield* sessions.create({ title: "T", browserMode })
      const other = yield* server.createSession()
      // Somebody else opened the stream of events, and there is always something new.
      yield* Effect.acquireRelease(
        Effect.sync(() => storage.run(-1, () => Effect.runFork(Stream.runDrain(sessions.events({ id }))))),
        Fiber.interrupt
      )
      yield* Effect.zipRight(
        server.append({ sessionId: other, text: "New" }),
        server.emit("thinking", { content: "Hm." }, id)
      ).pipe(Effect.schedule(Schedule.spaced(5)), Effect.forkScoped)
      const names = FastCheck.array(FastCheck.constantFrom(...Object.keys(operations)), { minLength: 1, maxLength: 3 })
      const programs = FastCheck.sample(FastCheck.array(names, { minLength: 4, maxLength: 6 }), draws(1, 8))
      for (const program of [Object.keys(operations).map((name) => [name]), ...programs]) {
        const wrong = yield* users(program.length, (messages, check, user) =>
          Effect.forEach(program[user] ?? [], (name) =>
            Effect.zipRight(
              Effect.exit(
                operations[name]?.({ messages, sessions, id }, (where) => check(`${name}: ${where}`)) ?? Effect.void
              ),
              check(`after ${name}`)
            )
          )
        ).pipe(Effect.provide(context))
        assert.deepStrictEqual([...new Set(wrong)], [], JSON.stringify(program))
      }
    })
  )

  it.scopedLive("a stream whose elements are pulled by one user after the other", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2026-02", seed: { messages: 60 } })
      const context = yield* Layer.build(MixNode.layer({ serverUrl: server.url }))
      const messages = yield* Effect.provide(MessagesService, context)
      const run = Runtime.runPromise(yield* Effect.runtime())
      for (const prefetch of [0, 2]) {
        const pull = yield* Stream.toPull(messages.streamHistory({ pageSize: 10, prefetch }))
        for (let user = 0; user < 5; user++) {
          const found = yield* Effect.promise(() =>
            storage.run(user, () => run(Effect.map(pull, ({ length }) => [length, storage.getStore()])))
          )
          assert.deepStrictEqual(found, [10, user], `prefetch ${prefetch}`)
        }
      }
    })
  )
})
