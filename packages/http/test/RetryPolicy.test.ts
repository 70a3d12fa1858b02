import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type MixError, ServerError } from "@mix-effect/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { draws } from "../../core/test/draws.ts"
import { MessagesHttp, RetryPolicy } from "../src/index.ts"
import { stepsOf } from "../src/internal/retry.ts"
import {
  type Answer,
  brokenBody,
  environment,
  failure,
  fault,
  get,
  json,
  matches,
  never,
  noJitter,
  passing,
  row,
  scripted,
  send,
  status,
  times,
  withService
} from "./scripted.ts"

const error = new ServerError({ operation: "getHistory", status: 503 })

/** As Node.js fails when it tried several addresses: the whole has the first code, and no system call. */
const addresses = (syscalls: ReadonlyArray<string | undefined>): Answer => {
  const errors = syscalls.map((syscall) => fault("ECONNREFUSED", syscall).cause)
  return {
    cause: new TypeError("fetch failed", { cause: Object.assign(new AggregateError(errors), { code: "ECONNREFUSED" }) })
  }
}

/** The delays that a policy chooses for one failure after another, without a clock. */
const delays = (policy: RetryPolicy.Policy, count: number, failure: MixError = error) =>
  Effect.gen(function* () {
    const chosen: Array<number> = []
    const step = stepsOf(policy)
    let now = 0
    for (let index = 0; index < count; index++) {
      const delay = yield* step(failure, now)
      if (delay === undefined) break
      chosen.push(Duration.toMillis(delay))
      now += Duration.toMillis(delay)
    }
    return chosen
  })

describe("standard", () => {
  it.effect("each delay between nothing and min(8 s, 250 ms * 2^n), over the whole range", () =>
    Effect.gen(function* () {
      let drawn = 0
      const most = [0, 0, 0]
      const least = [1, 1, 1]
      while (drawn < draws(2000, 10_000)) {
        const chosen = yield* delays(RetryPolicy.standard, 10)
        assert.lengthOf(chosen, 3, "at most 4 attempts")
        chosen.forEach((delay, index) => {
          const share = delay / Math.min(8000, 250 * 2 ** index)
          assert.isAtLeast(share, 0)
          assert.isAtMost(share, 1)
          most[index] = Math.max(most[index] as number, share)
          least[index] = Math.min(least[index] as number, share)
        })
        drawn += chosen.length
      }
      // Of 667 draws none comes so near by chance once in a billion runs.
      for (const share of most) assert.isAbove(share, 0.97)
      for (const share of least) assert.isBelow(share, 0.03)
    })
  )

  for (const extreme of [0, 1 - Number.EPSILON]) {
    it.effect(`141 a random number of ${extreme === 0 ? "0" : "almost 1"} stays in the range`, () =>
      Effect.gen(function* () {
        const chosen = yield* Effect.withRandom(delays(RetryPolicy.standard, 10), Random.fixed([extreme]))
        assert.deepStrictEqual(
          chosen.map((delay) => Math.round(delay)),
          [250, 500, 1000].map((longest) => Math.round(longest * extreme))
        )
      })
    )
  }

  it.effect("4 attempts, and not before the delays have passed", () =>
    Effect.gen(function* () {
      const server = scripted(status(503))
      const error = yield* passing(Effect.withRandom(failure(get(server)), Random.fixed([0.5])))
      assert.deepStrictEqual(times(server), [0, 125, 375, 875])
      matches(error, { _tag: "ServerError", status: 503, attempts: 4, elapsed: 875 })
    })
  )
})

describe("what is tried again", () => {
  /** How often `standard` makes a call: once, and once more for each delay that it chooses for the call's failure. */
  const attempts = <A>(call: Effect.Effect<A, MixError>) =>
    Effect.gen(function* () {
      const error = yield* failure(RetryPolicy.withRetryPolicy(call, RetryPolicy.none))
      return 1 + (yield* delays(RetryPolicy.standard, 10, error)).length
    })

  const retried = [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530]
  const statuses = [
    ...[201, 203, 206, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409],
    ...[410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499],
    ...[500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530],
    ...[598, 599, 600, 999]
  ]

  for (const code of statuses) {
    const reads = retried.includes(code) ? 4 : 1
    it.effect(`${code}: ${reads} of a read, ${code === 429 ? 4 : 1} of a send`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* attempts(get(scripted(status(code)))), reads)
        assert.strictEqual(yield* attempts(send(scripted(status(code)))), code === 429 ? 4 : 1)
      })
    )
  }

  it.effect("46 503 with Retry-After: a send is not tried again, because a gateway may have forwarded it", () =>
    Effect.gen(function* () {
      for (const retryAfter of ["0", "1", "61"]) {
        const server = scripted([status(503, { "retry-after": retryAfter }), json(row)])
        const error = yield* passing(failure(send(server)))
        matches(error, { _tag: "ServerError", attempts: 1, outcome: "unknown", isRetryable: false })
        matches(error, { retryAfter: Number(retryAfter) * 1000 })
        assert.strictEqual(server.requests.length, 1)
      }
    })
  )

  const busy = "sending message to agent: session is currently processing another request"
  const missing = "failed to get session: sql: no rows in result set"
  const refusals: ReadonlyArray<readonly [message: string, code: number, outcome: string]> = [
    [`Internal error during ${busy}`, 500, "refused"],
    [`Internal error during agent processing: ${missing}`, 500, "refused"],
    [`Internal error during sending message to agent: ${missing}`, 500, "refused"],
    [`Internal error during ${busy} (upstream said so)`, 500, "unknown"],
    [`"${busy}"`, 500, "unknown"],
    [`tool failed with 1: ${missing}`, 500, "unknown"],
    [`Internal error during agent processing: sql: no rows in result set`, 500, "unknown"],
    ["session is currently processing another request", 500, "unknown"],
    [`Internal error during ${busy}`, 502, "unknown"],
    [`Internal error during ${busy}`, 503, "unknown"]
  ]
  for (const [message, code, outcome] of refusals) {
    it.effect(`168 ${code} "${message}": a send is ${outcome}, and not tried again`, () =>
      Effect.gen(function* () {
        const body = { error: { code, message, type: "internal_error" } }
        const server = scripted([json(body, { status: code }), json(row)])
        const error = yield* passing(failure(send(server)))
        matches(error, { _tag: "ServerError", attempts: 1, outcome, isRetryable: false })
        assert.strictEqual(server.requests.length, 1)
        const sdk = scripted([json(body, { status: code }), json(row)])
        const policy = RetryPolicy.fromConfig({ initialInterval: 1 })
        yield* passing(failure(send(sdk).pipe(RetryPolicy.withRetryPolicy(policy))))
        assert.strictEqual(sdk.requests.length, 1)
      })
    )
  }

  const faults: ReadonlyArray<readonly [name: string, answer: Answer, reads: number, sends: number, outcome: string]> =
    [
      ["ECONNREFUSED of connect", fault("ECONNREFUSED", "connect"), 4, 4, "notSent"],
      ["151 ECONNREFUSED of read", fault("ECONNREFUSED", "read"), 4, 1, "unknown"],
      ["151 ECONNREFUSED of no known call", fault("ECONNREFUSED"), 4, 1, "unknown"],
      ["ENOTFOUND", fault("ENOTFOUND"), 2, 2, "notSent"],
      ["EAI_AGAIN", fault("EAI_AGAIN"), 4, 4, "notSent"],
      ["UND_ERR_CONNECT_TIMEOUT", fault("UND_ERR_CONNECT_TIMEOUT"), 4, 4, "notSent"],
      ["EHOSTUNREACH of connect", fault("EHOSTUNREACH", "connect"), 4, 4, "notSent"],
      ["151 EHOSTUNREACH of read", fault("EHOSTUNREACH", "read"), 4, 1, "unknown"],
      ["151 EHOSTUNREACH of no known call", fault("EHOSTUNREACH"), 4, 1, "unknown"],
      ["ETIMEDOUT of connect", fault("ETIMEDOUT", "connect"), 4, 4, "notSent"],
      ["ETIMEDOUT of read", fault("ETIMEDOUT", "read"), 4, 1, "unknown"],
      ["151 EPROTO of write", fault("EPROTO", "write"), 1, 1, "unknown"],
      ["151 ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", fault("ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR"), 1, 1, "unknown"],
      ["111 EMFILE of connect", fault("EMFILE", "connect"), 4, 4, "notSent"],
      ["111 EMFILE of no known call", fault("EMFILE"), 4, 1, "unknown"],
      ["EAI_AGAIN of getaddrinfo", fault("EAI_AGAIN", "getaddrinfo"), 4, 4, "notSent"],
      ["several addresses, all refused", addresses(["connect", "connect"]), 4, 4, "notSent"],
      ["several addresses, one of them of a connection that stood", addresses(["connect", "read"]), 4, 1, "unknown"],
      ["several errors, one of no known call", addresses(["connect", undefined]), 4, 1, "unknown"],
      ["ECONNRESET", fault("ECONNRESET"), 4, 1, "unknown"],
      ["EPIPE", fault("EPIPE"), 4, 1, "unknown"],
      ["UND_ERR_SOCKET", fault("UND_ERR_SOCKET"), 4, 1, "unknown"],
      ["104 UND_ERR_HEADERS_TIMEOUT", fault("UND_ERR_HEADERS_TIMEOUT"), 4, 1, "unknown"],
      ["HPE_INVALID_CONSTANT", fault("HPE_INVALID_CONSTANT"), 4, 1, "unknown"],
      ["an error of no kind", { cause: "no error at all" }, 4, 1, "unknown"],
      ["DEPTH_ZERO_SELF_SIGNED_CERT", fault("DEPTH_ZERO_SELF_SIGNED_CERT"), 1, 1, "notSent"],
      ["CERT_HAS_EXPIRED", fault("CERT_HAS_EXPIRED"), 1, 1, "notSent"],
      ["ERR_TLS_CERT_ALTNAME_INVALID", fault("ERR_TLS_CERT_ALTNAME_INVALID"), 1, 1, "notSent"],
      ["a body that breaks off", brokenBody, 4, 1, "unknown"],
      ["a body that is no JSON", { body: "oops" }, 1, 1, "unknown"],
      ["an empty body", { body: "" }, 1, 1, "unknown"]
    ]
  for (const [name, answer, reads, sends, outcome] of faults) {
    it.effect(`${name}: ${reads} of a read, ${sends} of a send, whose message is ${outcome}`, () =>
      Effect.gen(function* () {
        const read = scripted(answer)
        matches(yield* passing(noJitter(failure(get(read)))), { attempts: reads })
        assert.strictEqual(read.requests.length, reads)
        const sent = scripted(answer)
        matches(yield* passing(noJitter(failure(send(sent)))), { attempts: sends, outcome })
        assert.strictEqual(sent.requests.length, sends)
      })
    )
  }

  it.effect("truncated twice, then whole", () =>
    Effect.gen(function* () {
      const server = scripted([brokenBody, brokenBody, json([row])])
      assert.deepStrictEqual(yield* passing(noJitter(get(server))), [row])
      assert.strictEqual(server.requests.length, 3)
    })
  )

  it.effect("different failures one after the other: the last one is told", () =>
    Effect.gen(function* () {
      const server = scripted([fault("ECONNREFUSED"), status(502), brokenBody, status(404)])
      matches(yield* passing(noJitter(failure(get(server)))), { _tag: "NotFound", attempts: 4 })
    })
  )
})

describe("none", () => {
  it.effect("one attempt, whatever the failure", () =>
    Effect.gen(function* () {
      for (const answer of [status(503), status(429, { "retry-after": "1" }), fault("ECONNREFUSED"), brokenBody]) {
        const server = scripted(answer)
        matches(yield* failure(get(server).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none))), { attempts: 1 })
        assert.strictEqual(server.requests.length, 1)
      }
    })
  )
})

describe("fromConfig", () => {
  const fixed = (config: RetryPolicy.RetryConfig, count: number, random = 0) =>
    Effect.withRandom(delays(RetryPolicy.fromConfig(config), count), Random.fixed([random]))

  it.effect("defaults: 500 ms, times 1.5, at most 60 s, for 600 s", () =>
    Effect.gen(function* () {
      const chosen = yield* fixed({}, 1000)
      assert.deepStrictEqual(chosen.slice(0, 4), [500, 750, 1125, 1687.5])
      assert.strictEqual(Math.max(...chosen), 60_000)
      // A retry is decided on while less than 600 s have passed since the first failure.
      const passed = chosen.reduce((sum, delay) => sum + delay, 0)
      assert.isAtLeast(passed, 600_000)
      assert.isBelow(passed - (chosen.at(-1) as number), 600_000)
    })
  )

  it.effect("up to a second at random is added, within maxInterval", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* fixed({ maxInterval: 2000 }, 5, 0.5), [1000, 1250, 1625, 2000, 2000])
    })
  )

  it.effect("initialInterval, exponent, maxInterval and maxElapsedTime", () =>
    Effect.gen(function* () {
      const config = { initialInterval: "1 second", exponent: 3, maxInterval: "20 seconds", maxElapsedTime: "1 minute" }
      assert.deepStrictEqual(
        yield* fixed(config as RetryPolicy.RetryConfig, 10),
        [1000, 3000, 9000, 20_000, 20_000, 20_000]
      )
      assert.deepStrictEqual(yield* fixed({ maxElapsedTime: 0 }, 10), [])
      assert.deepStrictEqual(yield* fixed({ exponent: 1, maxElapsedTime: 1400 }, 10), [500, 500, 500])
    })
  )

  it.effect("polynomial: initialInterval times n to the power of exponent, also of one under 1", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* fixed({ curve: "polynomial", exponent: 2 }, 5), [0, 500, 2000, 4500, 8000])
      assert.deepStrictEqual(
        (yield* fixed({ curve: "polynomial" }, 4)).map((delay) => Math.round(delay)),
        [0, 500, 1414, 2598]
      )
      assert.deepStrictEqual(
        (yield* fixed({ curve: "polynomial", exponent: 0.5, initialInterval: 1000 }, 5)).map(Math.round),
        [0, 1000, 1414, 1732, 2000]
      )
      assert.deepStrictEqual(yield* fixed({ curve: "polynomial", exponent: 0 }, 3), [500, 500, 500])
      assert.deepStrictEqual(
        yield* fixed({ curve: "polynomial", exponent: 2, maxInterval: 3000 }, 5, 0.5),
        [500, 1000, 2500, 3000, 3000]
      )
      assert.deepStrictEqual(yield* fixed({ curve: "exponential" }, 2), yield* fixed({}, 2))
    })
  )

  /** How many requests a call made when its first two answers failed. */
  const attempts = (answer: Answer, config: RetryPolicy.RetryConfig, call: typeof get | typeof send = get) =>
    Effect.gen(function* () {
      const server = scripted([answer, answer, json(call === get ? [row] : row)])
      const policy = RetryPolicy.fromConfig({ initialInterval: 1, ...config })
      yield* passing(
        Effect.exit((call(server) as Effect.Effect<unknown, MixError>).pipe(RetryPolicy.withRetryPolicy(policy)))
      )
      return server.requests.length
    })

  it.effect("statusCodes: single ones, and a whole kind in either case", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* attempts(status(501), {}), 3)
      assert.strictEqual(yield* attempts(status(408), {}), 3)
      assert.strictEqual(yield* attempts(status(404), {}), 1)
      assert.strictEqual(yield* attempts(status(404), { statusCodes: ["404"] }), 3)
      assert.strictEqual(yield* attempts(status(503), { statusCodes: ["404"] }), 1)
      assert.strictEqual(yield* attempts(status(418), { statusCodes: ["4xx"] }), 3)
      assert.strictEqual(yield* attempts(status(429), { statusCodes: [] }), 1)
    })
  )

  it.effect("retryConnectionErrors", () =>
    Effect.gen(function* () {
      for (const answer of [fault("ECONNRESET"), fault("ECONNREFUSED"), fault("UND_ERR_HEADERS_TIMEOUT"), brokenBody]) {
        assert.strictEqual(yield* attempts(answer, {}), 3)
        assert.strictEqual(yield* attempts(answer, { retryConnectionErrors: false }), 1)
      }
      assert.strictEqual(yield* attempts(json({}), {}), 1)
    })
  )

  it.effect("a send is never repeated that may have reached the agent", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* attempts(status(500), {}, send), 1)
      assert.strictEqual(yield* attempts(status(408), {}, send), 1)
      assert.strictEqual(yield* attempts(fault("ECONNRESET"), {}, send), 1)
      assert.strictEqual(yield* attempts(brokenBody, {}, send), 1)
      assert.strictEqual(yield* attempts(fault("ECONNREFUSED"), {}, send), 1)
      assert.strictEqual(yield* attempts(fault("ECONNREFUSED", "connect"), {}, send), 3)
      assert.strictEqual(yield* attempts(status(429), {}, send), 3)
      assert.strictEqual(yield* attempts(status(503, { "retry-after": "1" }), {}, send), 1)
      assert.strictEqual(yield* attempts(status(202), { statusCodes: ["2XX"] }, send), 1)
    })
  )

  it.effect("Retry-After and the deadline hold besides", () =>
    Effect.gen(function* () {
      const server = scripted([status(503, { "retry-after": "7" }), json([])])
      yield* passing(get(server).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.fromConfig())))
      assert.deepStrictEqual(times(server), [0, 7000])

      const down = scripted(status(503))
      const error = yield* passing(
        failure(get(down, { deadline: "10 seconds" }).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.fromConfig())))
      )
      matches(error, { _tag: "ServerError", attempts: down.requests.length })
      assert.isAtMost(times(down).at(-1) as number, 10_000)
    })
  )

  const bad: ReadonlyArray<readonly [string, unknown]> = [
    ["curve", "linear"],
    ["exponent", 0],
    ["exponent", 0.5],
    ["exponent", -1],
    ["exponent", Number.NaN],
    ["exponent", Number.POSITIVE_INFINITY],
    ["exponent", "2"],
    ["initialInterval", Number.NaN],
    ["initialInterval", -1],
    ["initialInterval", Number.POSITIVE_INFINITY],
    ["initialInterval", "soon"],
    ["maxInterval", Number.NaN],
    ["maxInterval", -1],
    ["maxInterval", Number.POSITIVE_INFINITY],
    ["maxElapsedTime", Number.NaN],
    ["maxElapsedTime", -1],
    ["maxElapsedTime", Number.POSITIVE_INFINITY],
    ["maxElapsedTime", "later"],
    ["maxElapsedTime", "-1 second"],
    ["exponent", "2"],
    ["exponent", null],
    ["statusCodes", "429"],
    ["statusCodes", [429]],
    ["maxRetries", 3],
    ["statusCodes", ["5X"]],
    ["statusCodes", ["600"]],
    ["statusCodes", ["429 "]],
    ["statusCodes", [""]]
  ]
  for (const [name, value] of bad) {
    it(`28 ${name} of ${typeof value === "string" ? `"${value}"` : JSON.stringify(value) === "null" ? value : JSON.stringify(value)} is a RangeError`, () => {
      assert.throws(() => RetryPolicy.fromConfig({ [name]: value }), RangeError, /RetryPolicy\.fromConfig/)
    })
  }
})

describe("persistent", () => {
  const patiently = RetryPolicy.withRetryPolicy(RetryPolicy.persistent)

  /** A server that is away from its second reply on, for so long, and then holds more than before. */
  const restarting = (away: Answer, from: number, duration: number, rows: ReadonlyArray<object>) => {
    let begin = Number.POSITIVE_INFINITY
    return scripted(({ at, url }, index) => {
      if (index === from) begin = at
      if (at >= begin && at < begin + duration) return away
      const { searchParams } = new URL(url)
      const offset = Number(searchParams.get("offset"))
      return json(rows.slice(offset, offset + Number(searchParams.get("limit"))))
    })
  }
  const rows = Array.from({ length: 10 }, (_, index) => ({ ...row, id: `m${index}` }))

  for (const [name, away] of [
    ["ECONNREFUSED", fault("ECONNREFUSED")],
    ["ECONNRESET", fault("ECONNRESET")],
    ["ENOTFOUND, as of a container", fault("ENOTFOUND")],
    ["EAI_AGAIN", fault("EAI_AGAIN")],
    ["502", status(502)],
    ["503", status(503)],
    ["504", status(504)]
  ] as const) {
    it.effect(`a server that is away for 30 seconds ends no walk: ${name}`, () =>
      Effect.gen(function* () {
        const server = restarting(away, 2, 30_000, rows)
        const ids = yield* passing(
          withService(server, (messages) =>
            messages.streamHistory({ pageSize: 3 }).pipe(
              patiently,
              Stream.map(({ id }) => id),
              Stream.runCollect
            )
          )
        )
        assert.deepStrictEqual(
          [...ids],
          rows.map(({ id }) => id)
        )
      })
    )
  }

  it.effect("a server that is away for 30 seconds ends no following", () =>
    Effect.gen(function* () {
      const list: Array<object> = [row]
      let begin = Number.POSITIVE_INFINITY
      const server = scripted(({ at, url }, index) => {
        if (index === 5) {
          begin = at
          list.unshift({ ...row, id: "later" })
        }
        if (at >= begin && at < begin + 30_000) return fault("ECONNREFUSED")
        return json(list.slice(Number(new URL(url).searchParams.get("offset"))))
      })
      const found = yield* passing(
        withService(server, (messages) =>
          messages
            .followHistory({ schedule: Schedule.spaced("1 second") })
            .pipe(patiently, Stream.take(1), Stream.runCollect)
        )
      )
      assert.deepStrictEqual(
        [...found].map(({ id }) => id as string),
        ["later"]
      )
      assert.isAtLeast(times(server).at(-1) as number, 30_000)
    })
  )

  it.effect("goes on for a minute, within the deadline and a fifth of the budget", () =>
    Effect.gen(function* () {
      for (const random of [0.3, 0.5, 1 - Number.EPSILON]) {
        const server = scripted(fault("ECONNREFUSED"))
        const error = yield* passing(failure(Effect.withRandom(patiently(get(server)), Random.fixed([random]))))
        matches(error, { _tag: "ConnectionError", budgetExhausted: undefined })
        const last = times(server).at(-1) as number
        assert.isAtLeast(last, 60_000 - 8000)
        assert.isAtMost(last, 60_000 + 8000)
        assert.isAtMost(server.requests.length, 32)
      }
    })
  )

  it.effect("other failures are tried again as by standard", () =>
    Effect.gen(function* () {
      for (const [answer, requests] of [
        [status(500), 4],
        [status(429), 4],
        [status(404), 1],
        [brokenBody, 4],
        [fault("CERT_HAS_EXPIRED"), 1]
      ] as const) {
        const server = scripted(answer)
        yield* passing(noJitter(failure(patiently(get(server)))))
        assert.strictEqual(server.requests.length, requests)
      }
    })
  )

  it.effect("a send is repeated only where it never left", () =>
    Effect.gen(function* () {
      for (const answer of [fault("ECONNRESET"), status(502), status(504), status(500)]) {
        const server = scripted(answer)
        matches(yield* passing(failure(patiently(send(server)))), { attempts: 1, outcome: "unknown" })
      }
    })
  )

  it.effect("a send that found no server is", () =>
    Effect.gen(function* () {
      const server = scripted(({ at }) => (at < 30_000 ? fault("EAI_AGAIN") : json(row)))
      yield* passing(patiently(send(server)))
      assert.isAbove(server.requests.length, 4)
    })
  )

  it.effect("delays are those of standard", () =>
    Effect.gen(function* () {
      const chosen = yield* Effect.withRandom(delays(RetryPolicy.persistent, 8), Random.fixed([0.5]))
      assert.deepStrictEqual(chosen, [125, 250, 500, 1000, 2000, 4000, 4000, 4000])
    })
  )
})

describe("which policy holds", () => {
  const down = () => scripted(status(503))
  const twice = RetryPolicy.fromConfig({ initialInterval: 1, maxElapsedTime: 0.5 })

  it.effect("withRetryPolicy on an effect, data first and data last", () =>
    Effect.gen(function* () {
      const server = down()
      yield* withService(server, (messages) =>
        Effect.gen(function* () {
          yield* failure(RetryPolicy.withRetryPolicy(messages.getHistory(), RetryPolicy.none))
          assert.strictEqual(server.requests.length, 1)
          yield* failure(messages.getHistory().pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none)))
          assert.strictEqual(server.requests.length, 2)
        })
      )
    })
  )

  it.effect("withRetryPolicy on a stream holds for every page of it, data first and data last", () =>
    Effect.gen(function* () {
      const page = (from: number) => json(Array.from({ length: 2 }, (_, index) => ({ ...row, id: `m${from + index}` })))
      for (const style of ["first", "last"]) {
        const server = scripted([page(0), status(503)])
        yield* withService(server, (messages) =>
          Effect.gen(function* () {
            const stream = messages.streamHistory({ pageSize: 2 })
            const error = yield* failure(
              Stream.runDrain(
                style === "first"
                  ? RetryPolicy.withRetryPolicy(stream, RetryPolicy.none)
                  : stream.pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none))
              )
            )
            matches(error, { _tag: "ServerError", attempts: 1 })
            assert.isDefined(error.cursor)
            assert.strictEqual(server.requests.length, 2)
          })
        )
      }
    })
  )

  it.effect("each page of a stream has retries of its own, and nothing comes twice", () =>
    Effect.gen(function* () {
      const rows = Array.from({ length: 6 }, (_, index) => ({ ...row, id: `m${index}` }))
      let failed = false
      const server = scripted(({ url }) => {
        failed = !failed
        if (failed) return status(503)
        const { searchParams } = new URL(url)
        const offset = Number(searchParams.get("offset"))
        return json(rows.slice(offset, offset + Number(searchParams.get("limit"))))
      })
      const ids = yield* passing(
        noJitter(
          withService(server, (messages) =>
            messages.streamHistory({ pageSize: 2 }).pipe(
              Stream.map(({ id }) => id),
              Stream.runCollect
            )
          )
        )
      )
      assert.deepStrictEqual(
        [...ids],
        rows.map(({ id }) => id)
      )
    })
  )

  it.effect("a layer around the program", () =>
    Effect.gen(function* () {
      const server = down()
      yield* failure(get(server).pipe(Effect.provide(RetryPolicy.layer(RetryPolicy.none))))
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("a layer around the service's layer, of which the program sees nothing", () =>
    Effect.gen(function* () {
      const server = down()
      const live = MessagesHttp.layer().pipe(
        Layer.provide(RetryPolicy.layer(RetryPolicy.none)),
        Layer.provide(server.layer),
        Layer.provide(environment())
      )
      yield* failure(Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(Effect.provide(live)))
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("the one nearest to the call wins over the one at build", () =>
    Effect.gen(function* () {
      const server = down()
      const live = MessagesHttp.layer().pipe(
        Layer.provide(RetryPolicy.layer(RetryPolicy.none)),
        Layer.provide(server.layer),
        Layer.provide(environment())
      )
      const program = Effect.flatMap(MessagesService, (messages) =>
        messages.getHistory().pipe(RetryPolicy.withRetryPolicy(twice))
      )
      yield* passing(failure(program.pipe(Effect.provide(live))))
      assert.strictEqual(server.requests.length, 2)
    })
  )

  it.effect("a policy holds for what it surrounds only", () =>
    Effect.gen(function* () {
      const server = down()
      yield* withService(server, (messages) =>
        Effect.gen(function* () {
          yield* failure(messages.getHistory().pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none)))
          yield* passing(noJitter(failure(messages.getHistory())))
          assert.strictEqual(server.requests.length, 1 + 4)
        })
      )
    })
  )
})

describe("budget", () => {
  const many = draws(200, 400)

  it.effect(
    `150 ${many} concurrent reads of a server that is down make at most ${many + 100} requests; then successes refill it`,
    () =>
      Effect.gen(function* () {
        let down = true
        const server = scripted(() => (down ? status(503) : json([])))
        yield* noJitter(
          withService(server, (messages) =>
            Effect.gen(function* () {
              const errors = yield* Effect.all(
                Array.from({ length: many }, () => failure(messages.getHistory())),
                { concurrency: "unbounded" }
              )
              assert.strictEqual(server.requests.length, many + 100)
              const exhausted = errors.filter((error) => "budgetExhausted" in error && error.budgetExhausted === true)
              assert.isAtLeast(exhausted.length, many - 100)

              const before = server.requests.length
              matches(yield* failure(messages.getHistory()), { attempts: 1, budgetExhausted: true })
              assert.strictEqual(server.requests.length, before + 1)

              down = false
              yield* Effect.repeatN(messages.getHistory(), 4)
              down = true
              matches(yield* failure(messages.getHistory()), { attempts: 2, budgetExhausted: true })

              down = false
              yield* Effect.repeatN(messages.getHistory(), 14)
              down = true
              const last = yield* failure(messages.getHistory())
              matches(last, { attempts: 4 })
              assert.isUndefined((last as ServerError).budgetExhausted)
            })
          )
        )
      })
  )

  it.effect("what is not retried spends nothing and says nothing of the budget", () =>
    Effect.gen(function* () {
      const server = scripted(status(404))
      yield* withService(server, (messages) =>
        Effect.gen(function* () {
          for (let index = 0; index < 150; index++) {
            assert.isUndefined(((yield* failure(messages.getHistory())) as ServerError).budgetExhausted)
          }
        })
      )
    })
  )

  it.effect("each layer has its own", () =>
    Effect.gen(function* () {
      const one = scripted(status(503))
      const drained = yield* noJitter(
        withService(one, (messages) =>
          Effect.all(
            Array.from({ length: 150 }, () => failure(messages.getHistory())),
            { concurrency: "unbounded" }
          )
        )
      )
      assert.isTrue(drained.some((error) => "budgetExhausted" in error && error.budgetExhausted === true))
      const other = scripted(status(503))
      matches(yield* noJitter(failure(get(other))), { attempts: 4 })
    })
  )
})

it.effect("attempts and elapsed are told of every failure", () =>
  Effect.gen(function* () {
    const server = scripted([
      { ...status(503), latency: 40 },
      { ...status(404), latency: 2 }
    ])
    const error = yield* passing(Effect.withRandom(failure(get(server)), Random.fixed([0.4])))
    matches(error, { _tag: "NotFound", attempts: 2, elapsed: 40 + 100 + 2 })
    const once = yield* passing(failure(send(scripted({ ...never }), { sendTimeout: Duration.millis(70) })))
    matches(once, { _tag: "RequestTimeout", attempts: 1, elapsed: 70, outcome: "unknown", scope: "deadline" })
  })
)

describe("a schedule that looks at no error", () => {
  it.effect("repeats whatever fails: what is not found, and a send that may have arrived", () =>
    Effect.gen(function* () {
      const bare = RetryPolicy.withRetryPolicy(Schedule.recurs(3))
      const missing = scripted(status(404))
      matches(yield* passing(failure(bare(get(missing)))), { _tag: "NotFound", attempts: 4, isRetryable: false })
      assert.strictEqual(missing.requests.length, 4)
      for (const answer of [status(500), fault("ECONNRESET")]) {
        const server = scripted(answer)
        matches(yield* passing(failure(bare(send(server)))), { attempts: 4, outcome: "unknown", isRetryable: false })
        assert.deepStrictEqual(
          server.requests.map(({ method }) => method),
          ["POST", "POST", "POST", "POST"]
        )
      }
    })
  )
})
