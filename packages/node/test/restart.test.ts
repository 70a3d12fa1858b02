/** A server that restarts ends neither a walk nor following under `RetryPolicy.persistent`. On sockets. */
import { assert, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import { MixServer } from "@mix-effect/testing"
import { Deferred, Effect, Exit, Logger, LogLevel, Random, Schedule, Scope, Stream } from "effect"
import { MixNode } from "../src/index.ts"

/**
 * Runs with a server that can be stopped. Once the client has tried six times to reach it, two times more than the standard
 * policy does, it is there again, with the same rows at the same port.
 */
const withRestart = <A, E>(
  use: (server: MixServer.Running, stop: Effect.Effect<void>) => Effect.Effect<A, E, MessagesService>,
  after: (server: MixServer.Running) => Effect.Effect<unknown> = () => Effect.void
) =>
  Effect.gen(function* () {
    const start = (port: number) => MixServer.serve({ port, seed: { sessions: 3, messages: 100, random: 7 } })
    const first = yield* Scope.make()
    const server = yield* Scope.extend(start(0), first)
    const awaited = yield* Deferred.make<void>()
    let retries = 0
    const logger = Logger.make(({ message }) => {
      if (!String(message).includes("trying again")) return
      retries += 1
      if (retries === 6) Deferred.unsafeDone(awaited, Exit.void)
    })
    yield* Deferred.await(awaited).pipe(
      Effect.zipRight(start(Number(new URL(server.url).port))),
      Effect.flatMap(after),
      Effect.forkScoped
    )
    const result = yield* use(server, Scope.close(first, Exit.void)).pipe(
      Effect.provide(MixNode.layer({ serverUrl: server.url })),
      // Delays of 5 to 160 ms.
      Effect.withRandom(Random.fixed([0.02])),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.Debug)
    )
    assert.isAtLeast(retries, 6)
    return result
  })

it.scopedLive("a walk gives every message once", () =>
  Effect.gen(function* () {
    let rows: ReadonlyArray<string> = []
    const emitted: Array<string> = []
    yield* withRestart((server, stop) =>
      Effect.gen(function* () {
        rows = yield* server.messages
        const messages = yield* MessagesService
        yield* messages.streamHistory({ pageSize: 20 }).pipe(
          RetryPolicy.withRetryPolicy(RetryPolicy.persistent),
          Stream.runForEach(({ id }) => (emitted.push(id) === 30 ? stop : Effect.void))
        )
      })
    )
    assert.deepStrictEqual(emitted, [...rows])
  })
)

it.scopedLive("following goes on with what was written meanwhile", () =>
  Effect.gen(function* () {
    const found = yield* withRestart(
      (_, stop) =>
        Effect.gen(function* () {
          const messages = yield* MessagesService
          let polls = 0
          // The second poll finds no server.
          const schedule = Schedule.spaced("5 millis").pipe(
            Schedule.tapOutput(() => (polls++ === 1 ? stop : Effect.void))
          )
          return yield* messages
            .followHistory({ schedule })
            .pipe(RetryPolicy.withRetryPolicy(RetryPolicy.persistent), Stream.take(1), Stream.runCollect)
        }),
      (server) => server.append({ sessionId: "s-new", text: "after the restart" })
    )
    assert.deepStrictEqual(
      [...found].map(({ userInput }) => userInput),
      ["after the restart"]
    )
  })
)
