import { assert, describe, it } from "@effect/vitest"
import { ConnectionError, MessagesService, type MixError, NotFound, ServerError } from "@mix-effect/core"
import type { RetryPolicy } from "@mix-effect/http"
import { MixServer } from "@mix-effect/testing"
import { Clock, ConfigProvider, Effect, Fiber, Logger, TestClock } from "effect"
import { patient, quick, untilItListens } from "../src/policies.ts"
import { count, isUp, MessagesLive, newest } from "../src/program.ts"

/** After how many seconds a call that always fails so is tried. */
const attempts = (policy: RetryPolicy.Policy, error: MixError) =>
  Effect.gen(function* () {
    const seconds: Array<number> = []
    const start = yield* Clock.currentTimeMillis
    const call = Clock.currentTimeMillis.pipe(
      Effect.tap((millis) => seconds.push((millis - start) / 1000)),
      Effect.zipRight(Effect.fail(error))
    )
    const fiber = yield* Effect.fork(Effect.flip(Effect.retry(call, policy)))
    yield* TestClock.adjust("1 hour")
    yield* Fiber.join(fiber)
    return seconds
  })

describe("the policies", () => {
  const unavailable = new ServerError({ operation: "getHistory", status: 503 })
  const unknown = new NotFound({ operation: "getHistory" })
  const refused = new ConnectionError({
    operation: "getHistory",
    code: "ECONNREFUSED",
    phase: "connect",
    address: "127.0.0.1:8088"
  })

  it.effect("patient waits longer and longer, up to a minute", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attempts(patient, unavailable), [0, 1, 3, 7, 15, 31, 63, 123, 183])
    })
  )

  it.effect("patient gives up at once where it is no use", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attempts(patient, unknown), [0])
    })
  )

  it.effect("quick tries once more, at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attempts(quick, unavailable), [0, 0])
      assert.deepStrictEqual(yield* attempts(quick, unknown), [0])
    })
  )

  it.effect("untilItListens tries for half a minute, and only while nothing listens", () =>
    Effect.gen(function* () {
      const seconds = yield* attempts(untilItListens, refused)
      assert.deepStrictEqual(seconds.slice(0, 4), [0, 0.5, 1, 1.5])
      assert.strictEqual(seconds.at(-1), 30)
      assert.deepStrictEqual(yield* attempts(untilItListens, unavailable), [0])
    })
  )
})

describe("where a policy is said", () => {
  /** A server that fails these requests, counted from 0. */
  const failing = (...indices: ReadonlyArray<number>) =>
    MixServer.serve({
      seed: { messages: 1200 },
      faults: ({ index }) =>
        Effect.succeed(
          indices.includes(index)
            ? // It asks to wait no time: that is kept instead of the policy's delay.
              MixServer.Fault.Respond({ status: 503, headers: { "Retry-After": "0" } })
            : undefined
        )
    })

  /** Runs in the application, which logs to `lines`. */
  const run = <A, E>(
    effect: Effect.Effect<A, E, MessagesService>,
    server: MixServer.Running,
    lines: Array<unknown> = []
  ) =>
    effect.pipe(
      Effect.provide(MessagesLive),
      Effect.provide(
        Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => {
            lines.push(message)
          })
        )
      ),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["MIX_SERVER_URL", server.url]])))
    )

  it.scopedLive("around the layer: for all calls, and each further attempt is logged", () =>
    Effect.gen(function* () {
      const server = yield* failing(0, 1, 2)
      const lines: Array<unknown> = []
      const getHistory = Effect.flatMap(MessagesService, (messages) => messages.getHistory({ limit: 2 }))
      const page = yield* run(getHistory, server, lines)
      assert.lengthOf(page, 2)
      assert.strictEqual(yield* server.requestCount, 4)
      assert.deepStrictEqual(
        lines.flat(),
        Array.from({ length: 3 }, () => "getHistory: the server failed (503): it asks to wait 0")
      )
    })
  )

  it.scopedLive("around one call", () =>
    Effect.gen(function* () {
      const server = yield* failing(0, 1)
      const error = yield* Effect.flip(run(newest, server))
      assert.strictEqual("attempts" in error ? error.attempts : 0, 2)
      assert.strictEqual(yield* server.requestCount, 2)
    })
  )

  it.scopedLive("around one stream: page by page", () =>
    Effect.gen(function* () {
      const server = yield* failing(1, 3)
      assert.strictEqual(yield* run(count, server), 1200)
    })
  )

  it.scopedLive("off", () =>
    Effect.gen(function* () {
      const server = yield* failing(0)
      assert.isFalse(yield* run(isUp, server))
      assert.strictEqual(yield* server.requestCount, 1)
    })
  )
})
