/** A limit for one call, or for each page of one stream. */
import { assert, describe, it } from "@effect/vitest"
import type { Service } from "@mix-effect/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { MixConfig, RetryPolicy } from "../src/index.ts"
import {
  failure,
  fault,
  json,
  matches,
  never,
  noJitter,
  passing,
  row,
  scripted,
  sessionId,
  times,
  withService
} from "./scripted.ts"

const send = (messages: Service) => messages.send({ id: sessionId, text: "Hello" })

describe("withDeadline", () => {
  it.effect("of a send: the time-out says what became of the message", () =>
    Effect.gen(function* () {
      const server = scripted(never)
      const call = (messages: Service) => send(messages).pipe(MixConfig.withDeadline("20 seconds"))
      const error = yield* passing(failure(withService(server, call)))
      const told = { _tag: "RequestTimeout", scope: "deadline", limit: 20_000, elapsed: 20_000, outcome: "unknown" }
      matches(error, { ...told, attempts: 1, isRetryable: false })
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("of a send that never left: notSent", () =>
    Effect.gen(function* () {
      const server = scripted(fault("ECONNREFUSED", "connect"))
      const policy = RetryPolicy.fromConfig({ initialInterval: 300 })
      const call = (messages: Service) =>
        send(messages).pipe(RetryPolicy.withRetryPolicy(policy), MixConfig.withDeadline(1000))
      const error = yield* passing(noJitter(failure(withService(server, call))))
      matches(error, { _tag: "ConnectionError", phase: "connect", outcome: "notSent", attempts: 3 })
      assert.deepStrictEqual(times(server), [0, 300, 750])
    })
  )

  it.effect("of a read: all attempts and delays, and requestTimeout for each besides", () =>
    Effect.gen(function* () {
      const server = scripted(never)
      const call = (messages: Service) => MixConfig.withDeadline(messages.getHistory(), 250)
      const error = yield* passing(noJitter(failure(withService(server, call, { requestTimeout: 100 }))))
      matches(error, { _tag: "RequestTimeout", scope: "deadline", limit: 250, attempts: 3, elapsed: 250 })
    })
  )

  it.effect("may be longer than the options", () =>
    Effect.gen(function* () {
      const server = scripted({ ...json(row), latency: 5000 })
      const options = { sendTimeout: 1000 }
      matches(yield* passing(failure(withService(server, send, options))), { _tag: "RequestTimeout", limit: 1000 })
      const call = (messages: Service) => MixConfig.withDeadline(send(messages), "6 seconds")
      assert.deepStrictEqual(yield* passing(withService(server, call, options)), row)
    })
  )

  it.effect("the nearest holds, and each call has the whole of it", () =>
    Effect.gen(function* () {
      const server = scripted({ ...json([row]), latency: 80 })
      const call = (messages: Service) =>
        Effect.gen(function* () {
          yield* messages.getHistory()
          yield* messages.getHistory()
          return yield* failure(MixConfig.withDeadline(messages.getHistory(), 50))
        }).pipe(MixConfig.withDeadline(100))
      matches(yield* passing(withService(server, call)), { _tag: "RequestTimeout", limit: 50 })
      assert.strictEqual(server.requests.length, 3)
    })
  )

  it.effect("of a stream: each page has the whole of it, and the error has the cursor", () =>
    Effect.gen(function* () {
      const rows = Array.from({ length: 4 }, (_, index) => ({ ...row, id: `m${index}` }))
      const server = scripted(({ url }, index) => {
        const offset = Number(new URL(url).searchParams.get("offset"))
        return { ...json(rows.slice(offset, offset + 2)), latency: index === 3 ? 1000 : 90 }
      })
      const seen: Array<string> = []
      const call = (messages: Service) =>
        messages.streamHistory({ pageSize: 1 }).pipe(
          MixConfig.withDeadline(100),
          Stream.tap(({ id }) => Effect.as(Effect.sleep("1 hour"), seen.push(id))),
          Stream.runDrain
        )
      const error = yield* passing(failure(withService(server, call)))
      matches(error, { _tag: "RequestTimeout", scope: "deadline", limit: 100 })
      assert.isDefined(error.cursor)
      assert.isNotEmpty(seen)
    })
  )

  it.effect("a call after it has the options' limit again", () =>
    Effect.gen(function* () {
      const server = scripted({ ...json([row]), latency: 80 })
      const call = (messages: Service) =>
        Effect.zipRight(Effect.exit(MixConfig.withDeadline(messages.getHistory(), 50)), messages.getHistory())
      assert.deepStrictEqual(yield* passing(withService(server, call)), [row])
    })
  )

  for (const bad of [
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "soon",
    2 ** 31,
    Duration.infinity,
    undefined,
    null
  ]) {
    it(`27 ${String(bad)} is a RangeError`, () => {
      const call = Effect.void
      for (const limit of [
        () => MixConfig.withDeadline(call, bad as number),
        () => MixConfig.withDeadline(bad as number)(call),
        () => MixConfig.withDeadline(Stream.empty, bad as number)
      ]) {
        assert.throws(limit, RangeError, /^MixConfig\.withDeadline: /)
      }
    })
  }
})
