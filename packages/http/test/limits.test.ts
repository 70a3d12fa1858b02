/** How long a call may take: each attempt, all of them, and a send. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import type { MixError } from "@mix-effect/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { RetryPolicy } from "../src/index.ts"
import {
  failure,
  fault,
  get,
  json,
  jsonType,
  matches,
  never,
  noJitter,
  passing,
  row,
  type Script,
  scripted,
  send,
  stalledBody,
  status,
  times,
  withService
} from "./scripted.ts"

describe("an attempt of a read", () => {
  const cases: ReadonlyArray<readonly [string, Script, "headers" | "body"]> = [
    ["no head", never, "headers"],
    ["a body that stalls", stalledBody, "body"],
    [
      "a body that trickles",
      {
        headers: jsonType,
        body: Stream.forever(Stream.fromEffect(Effect.delay(Effect.succeed(new Uint8Array(1)), 30)))
      },
      "body"
    ]
  ]
  for (const [name, script, phase] of cases) {
    it.effect(`${name}: a fresh limit for each attempt, 4 requests, then RequestTimeout`, () =>
      Effect.gen(function* () {
        const server = scripted(script)
        const error = yield* passing(noJitter(failure(get(server, { requestTimeout: 100 }))))
        matches(error, { _tag: "RequestTimeout", phase, scope: "attempt", limit: 100, attempts: 4, elapsed: 400 })
        assert.deepStrictEqual(times(server), [0, 100, 200, 300])
      })
    )
  }

  it.effect("what an attempt is given up for is interrupted", () =>
    Effect.gen(function* () {
      const server = scripted(never)
      yield* passing(noJitter(failure(get(server, { requestTimeout: 100 }))))
      assert.strictEqual(server.interrupted, 4)
    })
  )

  it.effect("three attempts that are just in time are not cut", () =>
    Effect.gen(function* () {
      const server = scripted([
        { ...status(503), latency: 99 },
        { ...status(503), latency: 99 },
        { ...json([]), latency: 99 }
      ])
      assert.deepStrictEqual(yield* passing(noJitter(get(server, { requestTimeout: 100 }))), [])
      assert.deepStrictEqual(times(server), [0, 99, 198])
    })
  )

  it.effect("the default is 30 seconds", () =>
    Effect.gen(function* () {
      const server = scripted(never)
      const error = yield* passing(failure(get(server).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none))))
      matches(error, { scope: "attempt", limit: 30_000, elapsed: 30_000 })
    })
  )

  it.effect("93 an error whose body stalls is told by its status, however late its head came", () =>
    Effect.gen(function* () {
      for (const latency of [0, 30, 60, 90, 99]) {
        const server = scripted({ ...stalledBody, status: 404, latency })
        const error = yield* passing(failure(get(server, { requestTimeout: 100 })))
        matches(error, { _tag: "NotFound" })
      }
    })
  )
})

describe("the deadline of a read", () => {
  it.effect("ends the attempt that is under way, and says so", () =>
    Effect.gen(function* () {
      const server = scripted(never)
      const error = yield* passing(noJitter(failure(get(server, { requestTimeout: 100, deadline: 250 }))))
      matches(error, { _tag: "RequestTimeout", scope: "deadline", limit: 250, attempts: 3, elapsed: 250 })
      assert.deepStrictEqual(times(server), [0, 100, 200])
    })
  )

  it.effect("105 a body that stalls for 37 minutes", () =>
    Effect.gen(function* () {
      const server = scripted({
        headers: jsonType,
        body: Stream.fromEffect(Effect.delay(Effect.succeed(new Uint8Array()), "37 minutes"))
      })
      const error = yield* passing(failure(get(server)))
      matches(error, { _tag: "RequestTimeout", phase: "body", scope: "deadline", elapsed: 120_000 })
      assert.strictEqual(server.requests.length, 4)
    })
  )

  it.effect("no retry begins after it: the failure that was there is told at once", () =>
    Effect.gen(function* () {
      const server = scripted({ ...status(503), latency: 100 })
      const error = yield* passing(
        Effect.withRandom(failure(get(server, { deadline: 400 })), Random.fixed([1 - Number.EPSILON]))
      )
      // 100 ms, 250 ms of waiting, and 50 ms of the second attempt are all there is.
      matches(error, { _tag: "RequestTimeout", scope: "deadline", attempts: 2, elapsed: 400 })
      const tight = scripted({ ...status(503), latency: 100 })
      const early = yield* passing(
        Effect.withRandom(failure(get(tight, { deadline: 349 })), Random.fixed([1 - Number.EPSILON]))
      )
      matches(early, { _tag: "ServerError", attempts: 1, elapsed: 100 })
    })
  )

  it.effect("the default is 2 minutes", () =>
    Effect.gen(function* () {
      const server = scripted(never)
      const policy = RetryPolicy.fromConfig({ initialInterval: 1 })
      const error = yield* passing(noJitter(failure(get(server).pipe(RetryPolicy.withRetryPolicy(policy)))))
      matches(error, { scope: "deadline", limit: 120_000, elapsed: 120_000 })
    })
  )

  it.effect("140 goes by the monotonic clock: the wall clock may jump", () =>
    Effect.gen(function* () {
      const clock = yield* TestClock.testClock()
      // A wall clock that jumps by a day at each look, while the other goes on as it should.
      let jumps = 0
      const jumping = Object.assign(Object.create(clock) as typeof clock, {
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + (jumps++ % 2 === 0 ? 1 : -1) * 86_400_000,
        unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos()
      })
      const server = scripted(never)
      const error = yield* passing(
        noJitter(failure(get(server, { requestTimeout: 100, deadline: 1000 }))).pipe(Effect.withClock(jumping))
      )
      matches(error, { _tag: "RequestTimeout", elapsed: 400, attempts: 4 })
    })
  )

  it.effect("110 a process that slept through it finds it over", () =>
    Effect.gen(function* () {
      const server = scripted(stalledBody)
      const fiber = yield* Effect.fork(failure(get(server, { requestTimeout: "1 minute", deadline: "2 minutes" })))
      yield* TestClock.adjust("10 hours")
      matches(yield* Fiber.join(fiber), { _tag: "RequestTimeout", phase: "body" })
    })
  )

  it.effect("each page of a stream has its own, and a slow consumer costs none of it", () =>
    Effect.gen(function* () {
      const rows = Array.from({ length: 5 }, (_, index) => ({ ...row, id: `m${index}` }))
      const server = scripted(({ url }) => {
        const { searchParams } = new URL(url)
        const offset = Number(searchParams.get("offset"))
        return { ...json(rows.slice(offset, offset + Number(searchParams.get("limit")))), latency: 90 }
      })
      const count = yield* passing(
        withService(
          server,
          (messages) =>
            messages.streamHistory({ pageSize: 1 }).pipe(
              Stream.tap(() => Effect.sleep("1 hour")),
              Stream.runCount
            ),
          { requestTimeout: 100, deadline: 150 }
        )
      )
      assert.strictEqual(count, 5)
    })
  )
})

describe("a send", () => {
  it.effect("may take minutes: neither requestTimeout nor deadline holds for it", () =>
    Effect.gen(function* () {
      const server = scripted({ ...json(row), latency: 14 * 60_000 })
      const options = { requestTimeout: 100, deadline: 200 }
      assert.deepStrictEqual(yield* passing(send(server, options)), row)
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("the default is 15 minutes; it is not sent again, and what became of it is unknown", () =>
    Effect.gen(function* () {
      for (const [script, phase] of [
        [never, "headers"],
        [stalledBody, "body"]
      ] as const) {
        const server = scripted(script)
        const error = yield* passing(failure(send(server)))
        matches(error, {
          _tag: "RequestTimeout",
          phase,
          scope: "deadline",
          limit: 900_000,
          elapsed: 900_000,
          outcome: "unknown",
          attempts: 1,
          isRetryable: false
        })
        assert.strictEqual(server.requests.length, 1)
      }
    })
  )

  it.effect("refused, and then up: one message arrives", () =>
    Effect.gen(function* () {
      const server = scripted([fault("ECONNREFUSED", "connect"), fault("EAI_AGAIN", "getaddrinfo"), json(row)])
      assert.deepStrictEqual(yield* passing(send(server)), row)
      assert.strictEqual(server.requests.length, 3)
    })
  )

  it.effect("37 202 is ReplyPending, and is not sent again", () =>
    Effect.gen(function* () {
      const server = scripted({ status: 202, headers: jsonType, body: '{"sessionId":"s1","status":"processing"}' })
      const error = yield* passing(failure(send(server)))
      matches(error, { _tag: "ReplyPending", status: 202, outcome: "accepted", attempts: 1, isRetryable: false })
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("37 202 is so even if its body never comes", () =>
    Effect.gen(function* () {
      const server = scripted({ ...stalledBody, status: 202 })
      matches(yield* passing(failure(send(server))), { _tag: "ReplyPending" })
    })
  )

  it.effect("37 a 202 of a read is no success", () =>
    Effect.gen(function* () {
      matches(yield* failure(get(scripted(status(202)))), { _tag: "UnexpectedStatus", status: 202 })
    })
  )
})

it.effect("a limit that is not reached is called off, on a clock of one's own too", () =>
  Effect.gen(function* () {
    const clock = yield* TestClock.testClock()
    let asleep = 0
    let slept = 0
    const counting = Object.assign(Object.create(clock) as typeof clock, {
      sleep: () =>
        Effect.suspend(() => {
          asleep += 1
          slept += 1
          return Effect.never
        }).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              asleep -= 1
            })
          )
        )
    })
    const turns = Effect.forEach(Array.from({ length: 10 }), () => Effect.yieldNow(), { discard: true })
    const answer = new Response("[]", { headers: jsonType })
    const effect = Effect.map(turns, () =>
      HttpClientResponse.fromWeb(HttpClientRequest.get("http://localhost:8088"), answer)
    )
    assert.deepStrictEqual(yield* get(scripted({ effect })).pipe(Effect.withClock(counting)), [])
    yield* turns
    assert.isAbove(slept, 0)
    assert.strictEqual(asleep, 0)
  })
)

it.live("a call that is late starts no timer of less than nothing, which Node.js warns of", () =>
  Effect.gen(function* () {
    const { setTimeout } = globalThis
    const delays: Array<number> = []
    const late = Effect.suspend(() => {
      const end = performance.now() + 30
      while (performance.now() < end);
      return Effect.never
    })
    const error = yield* Effect.acquireUseRelease(
      Effect.sync(() => {
        globalThis.setTimeout = ((f: () => void, delay: number) => {
          delays.push(delay)
          return setTimeout(f, delay)
        }) as typeof setTimeout
      }),
      () => failure(get(scripted({ effect: late }), { deadline: 10 })),
      () =>
        Effect.sync(() => {
          globalThis.setTimeout = setTimeout
        })
    )
    matches(error, { _tag: "RequestTimeout", scope: "deadline" })
    assert.isAbove(delays.length, 1)
    assert.isAtLeast(Math.min(...delays), 0)
  })
)

it.effect("110 a process that slept through the deadline between two attempts makes no other", () =>
  Effect.gen(function* () {
    const clock = yield* TestClock.testClock()
    let late = false
    const sleepy = Object.assign(Object.create(clock) as typeof clock, {
      sleep: (duration: Duration.Duration) =>
        Duration.toMillis(duration) === 1000
          ? Effect.sync(() => {
              late = true
            })
          : Effect.never,
      unsafeCurrentTimeNanos: () => (late ? 36_000_000_000_000n : 0n)
    })
    for (const call of [get, send]) {
      late = false
      const server = scripted([status(429, { "retry-after": "1" }), json([])])
      const error = yield* failure<unknown, MixError, never>(
        (call(server) as Effect.Effect<unknown, MixError>).pipe(Effect.withClock(sleepy))
      )
      matches(error, { _tag: "RateLimited", attempts: 1 })
      assert.isTrue(late)
      assert.strictEqual(server.requests.length, 1)
    }
  })
)

it.effect("136 interruption is no error, and nothing is asked for after it", () =>
  Effect.gen(function* () {
    for (const script of [never, stalledBody, status(503, { "retry-after": "30" })] as const) {
      const server = scripted(script)
      const fiber = yield* Effect.fork(get(server))
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.strictEqual(server.requests.length, 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(server.requests.length, 1)
    }
  })
)

it.effect("134 interrupted before it starts: nothing is asked for", () =>
  Effect.gen(function* () {
    const server = scripted(json([]))
    const fiber = yield* Effect.fork(Effect.zipRight(Effect.interrupt, get(server)))
    yield* Fiber.await(fiber)
    assert.strictEqual(server.requests.length, 0)
  })
)
