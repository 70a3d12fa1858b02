/** How long a server asks to wait, in all the forms in which it may say so: honoured to the millisecond, or not at all. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import { draws } from "../../core/test/draws.ts"
import { parse } from "../src/internal/retryAfter.ts"
import {
  failure,
  get,
  json,
  matches,
  passing,
  row,
  scripted,
  sessionId,
  status,
  times,
  withService
} from "./scripted.ts"

/** Wed, 21 Oct 2026 07:28:00 GMT */
const now = Date.UTC(2026, 9, 21, 7, 28, 0)
const nowLine = "Wed, 21 Oct 2026 07:28:00 GMT"

/** What the standard policy waits before its first retry, when chance says a half. */
const backoff = 125

const headersOf = (value: string | Readonly<Record<string, string>>) =>
  typeof value === "string" ? { "retry-after": value } : value

/** When the second request is made, in milliseconds after the first. */
const waits = (headers: Readonly<Record<string, string>>, code = 503) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const server = scripted([status(code, headers), json([])])
    yield* passing(Effect.withRandom(get(server), Random.fixed([0.5])))
    return times(server)[1]
  })

describe("the wait before the next attempt", () => {
  const cases: ReadonlyArray<readonly [string, string | Readonly<Record<string, string>>, number]> = [
    ["55 seconds", "2", 2000],
    ["55 seconds with leading zeros", "002", 2000],
    ["55 seconds in spaces", "  2  ", 2000],
    ["55 the longest that is waited for", "60", 60_000],
    ["56 zero is at once", "0", 0],
    ["57 nothing said", {}, backoff],
    ...["-5", "abc", "", " ", "1e1", "5abc", "1.5", "0x10", "+5", ",", "Infinity", "NaN", "5 6", "\u00b2"].map(
      (value): readonly [string, string, number] => [`58 ${JSON.stringify(value)} says nothing`, value, backoff]
    ),
    ["59 IMF-fixdate", "Wed, 21 Oct 2026 07:28:03 GMT", 3000],
    ["60 RFC 850", "Wednesday, 21-Oct-26 07:28:03 GMT", 3000],
    ["60 asctime", "Wed Oct 21 07:28:03 2026", 3000],
    ["169 in capitals", "WED, 21 OCT 2026 07:28:03 GMT", 3000],
    ["169 in small letters", "wed, 21 oct 2026 07:28:03 gmt", 3000],
    ["169 UTC for GMT", "Wed, 21 Oct 2026 07:28:03 UTC", 3000],
    ["169 RFC 850 in other case with UTC", "wednesday, 21-OCT-26 07:28:03 utc", 3000],
    ["169 asctime in capitals", "WED OCT 21 07:28:03 2026", 3000],
    [
      "169 a Date in other case",
      { "retry-after": "wed, 21 oct 2026 06:00:05 utc", date: "WED, 21 OCT 2026 06:00:00 UTC" },
      5000
    ],
    ["60 no such month", "Wed, 21 Okt 2026 07:28:03 GMT", backoff],
    ["60 another zone is no HTTP date", "Wed, 21 Oct 2026 07:28:03 +0000", backoff],
    ["60 ISO 8601 is no HTTP date", "2026-10-21T07:28:03Z", backoff],
    ["61 a date in the past", "Wed, 21 Oct 2026 07:27:00 GMT", backoff],
    ["61 the very second", nowLine, backoff],
    ["61 RFC 850 of the last century", "Sunday, 06-Nov-94 08:49:37 GMT", backoff],
    ["64 of several the longest", "1, 5", 5000],
    ["64 of several the longest, whatever their order", "7,3, 1", 7000],
    ["64 one of them no number", "1, x", backoff],
    ["164 one of them empty", ", 5", 5000],
    ["164 a number and a date", `2, Wed, 21 Oct 2026 07:28:03 GMT`, 3000],
    ["164 a date and a number", `Wed, 21 Oct 2026 07:28:03 GMT, 4`, 4000],
    ["164 two dates", `Wed, 21 Oct 2026 07:28:03 GMT, Wednesday, 21-Oct-26 07:28:07 GMT`, 7000],
    ["164 a date in the past and a number", `${nowLine}, 4`, 4000],
    ["164 retry-after-ms twice", { "retry-after-ms": "100, 200", "retry-after": "1" }, 200],
    ["164 Date twice", { "retry-after": "Wed, 21 Oct 2026 07:28:03 GMT", date: `${nowLine}, ${nowLine}` }, 3000],
    ["164 an empty Date", { "retry-after": "Wed, 21 Oct 2026 07:28:03 GMT", date: "" }, 3000],
    [
      "65 a client whose clock is fast",
      { "retry-after": "Wed, 21 Oct 2026 06:00:05 GMT", date: "Wed, 21 Oct 2026 06:00:00 GMT" },
      5000
    ],
    [
      "65 a client whose clock is slow",
      { "retry-after": "Wed, 21 Oct 2026 09:00:05 GMT", date: "Wed, 21 Oct 2026 09:00:00 GMT" },
      5000
    ],
    ["65 a Date that cannot be read", { "retry-after": "Wed, 21 Oct 2026 07:28:04 GMT", date: "today" }, 4000],
    ["67 milliseconds", { "retry-after-ms": "100" }, 100],
    ["67 milliseconds win over seconds", { "retry-after-ms": "100", "retry-after": "9" }, 100],
    ["67 so do zero milliseconds", { "retry-after-ms": "0", "retry-after": "9" }, 0],
    ["67 milliseconds that cannot be read", { "retry-after-ms": "-1", "retry-after": "9" }, 9000],
    ["67 milliseconds of no sense at all", { "retry-after-ms": "soon" }, backoff]
  ]
  for (const [name, value, wait] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* waits(headersOf(value)), wait)
      })
    )
  }

  it.effect("on 429 too", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* waits({ "retry-after": "3" }, 429), 3000)
    })
  )

  it.effect("66 on other statuses it means nothing", () =>
    Effect.gen(function* () {
      for (const code of [500, 502, 504, 408]) assert.strictEqual(yield* waits({ "retry-after": "3" }, code), backoff)
    })
  )

  it.effect("66 on 400 and on 200 it is not even told", () =>
    Effect.gen(function* () {
      const refused = scripted(status(400, { "retry-after": "3" }))
      matches(yield* failure(get(refused)), {
        _tag: "BadRequest",
        retryAfter: undefined
      })
      const fine = scripted(json([], { headers: { "retry-after": "3" } }))
      assert.deepStrictEqual(yield* get(fine), [])
    })
  )
})

describe("what is not waited for", () => {
  const day = 24 * 3600 * 1000
  const cases: ReadonlyArray<readonly [string, string | Readonly<Record<string, string>>, number]> = [
    ["62 longer than a minute", "61", 61_000],
    ["62 an hour", "3600", 3_600_000],
    ["62 an hour in milliseconds", { "retry-after-ms": "3600000" }, 3_600_000],
    ["63 longer than any timer", "9999999999", 9_999_999_999_000],
    ["63 the year 9999", "Fri, 31 Dec 9999 23:59:59 GMT", Date.UTC(9999, 11, 31, 23, 59, 59) - now],
    ["63 a number without end", "9".repeat(400), Number.MAX_SAFE_INTEGER],
    ["63 milliseconds without end", { "retry-after-ms": "9".repeat(400) }, Number.MAX_SAFE_INTEGER],
    ["59 tomorrow", "Thu, 22 Oct 2026 07:28:00 GMT", day]
  ]
  for (const [name, value, retryAfter] of cases) {
    it.effect(`${name} fails at once, and says how long`, () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(now)
        for (const code of [429, 503]) {
          const server = scripted(status(code, headersOf(value)))
          const error = yield* failure(get(server))
          matches(error, { status: code, retryAfter, attempts: 1, elapsed: 0 })
          assert.strictEqual(server.requests.length, 1)
          assert.isBelow(error.message.length, 300)
        }
      })
    )
  }

  it.effect("68 longer than what is left of the deadline fails now, not after sleeping", () =>
    Effect.gen(function* () {
      const server = scripted({ ...status(503, { "retry-after": "9" }), latency: 1500 })
      const error = yield* passing(failure(get(server, { deadline: "10 seconds" })))
      matches(error, { retryAfter: 9000, attempts: 1, elapsed: 1500 })
    })
  )

  it.effect("68 just as long as what is left: there would be no time for an answer", () =>
    Effect.gen(function* () {
      const server = scripted(status(503, { "retry-after": "10" }))
      const error = yield* passing(failure(get(server, { deadline: "10 seconds" })))
      matches(error, { _tag: "ServerError", retryAfter: 10_000, attempts: 1 })
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("68 for a send the time left is that of sendTimeout", () =>
    Effect.gen(function* () {
      const server = scripted([status(429, { "retry-after": "9" }), json(row)])
      const send = withService(server, (messages) => messages.send({ id: sessionId, text: "Hello" }), {
        sendTimeout: "8 seconds"
      })
      matches(yield* failure(send), { _tag: "RateLimited", retryAfter: 9000, outcome: "refused", attempts: 1 })
    })
  )

  it.effect("each refusal counts anew", () =>
    Effect.gen(function* () {
      const server = scripted([
        status(503, { "retry-after": "20" }),
        status(429, { "retry-after-ms": "30" }),
        status(503, { "retry-after": "0" }),
        json([])
      ])
      yield* passing(get(server))
      assert.deepStrictEqual(times(server), [0, 20_000, 20_030, 20_030])
    })
  )
})

const seed = 20_261_021

it(`5,000 generated values: a wait of some milliseconds, or none (seed ${seed})`, () => {
  const piece = FastCheck.oneof(
    FastCheck.string({ maxLength: 12 }),
    FastCheck.integer().map(String),
    FastCheck.bigInt().map(String),
    FastCheck.double().map(String),
    FastCheck.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    FastCheck.constantFrom(
      "Wednesday, 21-Oct-26 07:28:03 GMT",
      "Wed Oct 21 07:28:03 2026",
      "Wed, 99 Oct 2026 99:99:99 GMT",
      ", ",
      "0"
    )
  )
  const value = FastCheck.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(", "))
  FastCheck.assert(
    FastCheck.property(
      FastCheck.record({ "retry-after": value, "retry-after-ms": value, date: value }, { requiredKeys: [] }),
      FastCheck.integer({ min: 0, max: 4e12 }),
      (headers, at) => {
        const wait = parse((name) => headers[name as keyof typeof headers], at)
        if (wait === undefined) return
        assert.isAtLeast(Duration.toMillis(wait), 0)
        assert.isAtMost(Duration.toMillis(wait), Number.MAX_SAFE_INTEGER)
      }
    ),
    { numRuns: draws(500, 5000), seed }
  )
})
