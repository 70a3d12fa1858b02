import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import {
  AgentFailed,
  AnswerTimeout,
  annotate,
  BadRequest,
  ConnectionError,
  type HistoryCursor,
  HistoryDrift,
  HistoryStalled,
  InvalidRequest,
  MixError,
  NotFound,
  Operation,
  type Outcome,
  printable,
  RateLimited,
  ReplyPending,
  RequestTimeout,
  ResponseDecodeError,
  ServerError,
  Unauthorized,
  UnexpectedStatus
} from "../src/index.ts"
import * as Cursor from "../src/internal/history/cursor.ts"
import * as Place from "../src/internal/history/place.ts"
import * as Window from "../src/internal/history/window.ts"
import { draws } from "./draws.ts"

const cursor: HistoryCursor = Cursor.fromPlace({ ...Place.start, position: 2, recent: Window.make(["a", "b"]) })

const stats = { requests: 3, duplicatesDropped: 0, stepBacks: 0, jumps: 0, tiesReordered: 0, unreadable: 0 }

/** One error of each tag, with nothing but what has to be there. */
const minimal = (operation: Operation = "getHistory") =>
  ({
    InvalidRequest: new InvalidRequest({
      operation,
      parameter: "limit",
      expected: "an integer from 1 to 1000",
      actual: "NaN"
    }),
    BadRequest: new BadRequest({ operation }),
    Unauthorized: new Unauthorized({ operation }),
    NotFound: new NotFound({ operation }),
    RateLimited: new RateLimited({ operation }),
    ServerError: new ServerError({ operation, status: 500 }),
    UnexpectedStatus: new UnexpectedStatus({ operation, status: 418 }),
    ConnectionError: new ConnectionError({
      operation,
      code: "ECONNREFUSED",
      phase: "connect",
      address: "localhost:8088"
    }),
    RequestTimeout: new RequestTimeout({ operation, phase: "headers", scope: "attempt" }),
    ResponseDecodeError: new ResponseDecodeError({ operation, status: 200, reason: "malformed" }),
    ReplyPending: new ReplyPending({ operation: "send" }),
    HistoryStalled: new HistoryStalled({ operation, cursor, reason: "noProgress", stats }),
    HistoryDrift: new HistoryDrift({ operation, cursor, stats }),
    AgentFailed: new AgentFailed({ operation: "ask", reason: "unknown", messages: [] }),
    AnswerTimeout: new AnswerTimeout({ operation: "ask", limit: Duration.minutes(15) })
  }) as const

const all: ReadonlyArray<MixError> = Object.values(minimal())

const operations: ReadonlyArray<Operation> = Operation.literals

/** What would happen twice if it were repeated. */
const once: ReadonlyArray<Operation> = ["send", "createSession", "cancelSession", "ask"]

/** Text that a server, or a proxy before it, may write into its replies. */
const long = "x".repeat(10_000)

/** One error of each tag with all fields set, and the longest texts. */
const full = (operation: Operation, long = "x".repeat(10_000)): ReadonlyArray<MixError> => {
  const common = { operation, retryAfter: Duration.hours(20_000), outcome: "unknown", cursor } as const
  const exchange = { ...common, attempts: 4, elapsed: Duration.millis(1234.5), budgetExhausted: true } as const
  const error = { code: 500, message: long, type: long }
  const reply = { ...exchange, error, bodyKind: "html" } as const
  return [
    new InvalidRequest({ ...common, outcome: "notSent", parameter: long, expected: long, actual: long }),
    new BadRequest(reply),
    new Unauthorized(reply),
    new NotFound(reply),
    new RateLimited(reply),
    new ServerError({ ...reply, status: 503 }),
    new UnexpectedStatus({ ...reply, status: 302, body: long }),
    new UnexpectedStatus({ ...reply, status: 418, body: long }),
    new ConnectionError({ ...exchange, code: long, phase: "headers", address: long, hint: long, transient: false }),
    new RequestTimeout({ ...exchange, phase: "body", scope: "deadline", limit: Duration.millis(1e12) }),
    new ResponseDecodeError({
      ...exchange,
      status: 200,
      reason: "contentType",
      error,
      path: long,
      expected: long,
      actual: long
    }),
    new ReplyPending({ ...exchange, operation: "send", outcome: "accepted" }),
    new HistoryStalled({ ...common, reason: "maxPages", stats }),
    new HistoryDrift({ ...common, stats }),
    new AgentFailed({ ...common, operation: "ask", outcome: "accepted", reason: "failed", detail: long, messages: [] }),
    new AnswerTimeout({ ...common, operation: "ask", limit: Duration.minutes(15), eventsMissed: true })
  ]
}

describe("MixError", () => {
  it.each(Object.entries(minimal()))("%s is made of little, and says enough", (tag, error) => {
    assert.strictEqual(error._tag, tag)
    assert.instanceOf(error, Error)
    assert.isTrue(error.message.startsWith(`${error.operation}: `))
    assert.isBelow(error.message.length, 300)
    assert.notInclude(error.message, "undefined")
    assert.include(error.stack ?? "", "MixError.test.ts")
    assert.isTrue(Schema.is(MixError)(error))
  })

  it("has a test for every tag", () => {
    const tags = MixError.members.map((member) => member._tag)
    assert.deepStrictEqual(Object.keys(minimal()), tags)
  })

  it("fills in what an exchange has without being told", () => {
    const { BadRequest: refused, ConnectionError: lost, InvalidRequest: invalid, ReplyPending: pending } = minimal()
    assert.strictEqual(refused.attempts, 1)
    assert.isTrue(Equal.equals(refused.elapsed, Duration.zero))
    assert.isUndefined(refused.budgetExhausted)
    assert.isTrue(lost.transient)
    assert.strictEqual(invalid.outcome, "notSent")
    assert.strictEqual(pending.outcome, "accepted")
  })

  it("refuses to be made of what its schema does not allow", () => {
    assert.throws(() => new ServerError({ operation: "send", status: 500.5 }))
    assert.throws(() => new BadRequest({ operation: "delete" as "send" }))
  })

  describe("message", () => {
    it.each(operations)("stays under 300 characters, whatever the server wrote, for %s", (operation) => {
      for (const error of full(operation)) {
        assert.isBelow(error.message.length, 300, error._tag)
        assert.isTrue(error.message.startsWith(`${error.operation}: `), error._tag)
      }
    })

    it("159 is one printable line, whatever the server wrote, and no character is cut", () => {
      const hostile = FastCheck.array(
        FastCheck.constantFrom(
          ..."ab \u001b\u0007\u0000\r\n\t\u007f\u0085\u009b\u2028\u2029\u200b\u200e\u200f\u202e\u2066\u2069\ufeff\u00ad\u3164",
          ..."\u034f\u115f\ufffe\ue000\ud800\udc00",
          "\u001b[31m",
          "\u001b]8;;http://evil.example\u0007",
          "\u{1f600}",
          "\u{e0041}",
          "\u{fffff}",
          "\u{1f468}\u200d\u{1f469}"
        ),
        { minLength: 1, maxLength: 400 }
      ).map((parts) => parts.join(""))
      const forbidden =
        /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}\p{Co}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}]/u
      FastCheck.assert(
        FastCheck.property(hostile, FastCheck.constantFrom(...operations), (text, operation) => {
          for (const error of full(operation, text)) {
            assert.notMatch(error.message, forbidden, error._tag)
            assert.isBelow(error.message.length, 300, error._tag)
          }
          assert.strictEqual(printable(printable(text)), printable(text))
        }),
        { numRuns: draws(100, 3000) }
      )
    })

    it("159 shows what is visible of a text", () => {
      const error = new BadRequest({
        operation: "send",
        error: { message: "no \u001b[31mred\u001b[0m\r\nline\u2028 \u202eevil\u202c \u200bname" }
      })
      assert.strictEqual(error.message, "send: the server refused the request (400, no  [31mred [0m line  evil name)")
      const emoji = new BadRequest({ operation: "send", error: { message: "\u{1f600}".repeat(200) } })
      assert.match(emoji.message, /^send: the server refused the request \(400, (\u{1f600})+\.\.\.$/u)
    })

    it("says how long a limit is as `Duration.format` does, in whole milliseconds", () => {
      const messageOf = (millis: number) =>
        new AnswerTimeout({ operation: "ask", limit: Duration.millis(millis) }).message
      FastCheck.assert(
        FastCheck.property(FastCheck.integer({ min: 0, max: 2 ** 31 }), (millis) => {
          assert.include(messageOf(millis), ` within ${Duration.format(Duration.millis(millis))};`)
        }),
        { numRuns: draws(100, 1000), seed: 20_261_127, examples: [[0], [1], [60_000], [90_061_001]] }
      )
      assert.include(messageOf(0.5), " within 1ms;")
      assert.include(messageOf(Number.POSITIVE_INFINITY), " within Infinity")
    })

    it("keeps its advice when the server's text is cut", () => {
      const error = new RateLimited({
        operation: "getHistory",
        retryAfter: Duration.seconds(7),
        error: { message: long }
      })
      assert.match(error.message, /x\.\.\.: it asks to wait 7s$/)
    })

    it.each<[MixError, string]>([
      [minimal().InvalidRequest, "getHistory: limit must be an integer from 1 to 1000, but is NaN"],
      [
        new BadRequest({ operation: "send", error: { code: 400, message: "Message cannot be empty", type: "x" } }),
        "send: the server refused the request (400, Message cannot be empty)"
      ],
      [minimal().Unauthorized, "getHistory: not authenticated (401): is bearerToken (MIX_BEARER_TOKEN) set and valid?"],
      [
        new NotFound({ operation: "listSession", bodyKind: "html" }),
        "listSession: not found (404): is the server url that of a Mix backend?"
      ],
      [
        new NotFound({ operation: "send", error: { message: "session not found" } }),
        "send: not found (404, session not found)"
      ],
      [
        new ServerError({ operation: "getHistory", status: 503, retryAfter: Duration.minutes(2) }),
        "getHistory: the server failed (503): it asks to wait 2m"
      ],
      [
        new UnexpectedStatus({ operation: "send", status: 301 }),
        "send: a redirect, which is never followed (301): is the server url right, to the letter?"
      ],
      [
        new UnexpectedStatus({ operation: "send", status: 405, bodyKind: "text" }),
        "send: an unexpected status (405): is the server url that of a Mix backend?"
      ],
      [
        new ConnectionError({
          operation: "getHistory",
          code: "ECONNREFUSED",
          phase: "connect",
          address: "localhost:8088",
          hint: "is the backend running?"
        }),
        "getHistory: cannot reach localhost:8088 (ECONNREFUSED): is the backend running?"
      ],
      [
        new ConnectionError({ operation: "send", code: "ECONNRESET", phase: "headers", address: "[::1]:8088" }),
        "send: lost the connection to [::1]:8088 (ECONNRESET)"
      ],
      [
        new RequestTimeout({ operation: "send", phase: "body", scope: "attempt", limit: Duration.seconds(30) }),
        "send: no complete reply within 30s (attempt limit)"
      ],
      [
        new ResponseDecodeError({
          operation: "getHistory",
          status: 200,
          reason: "schema",
          path: "[3].id",
          expected: "a string",
          actual: "missing"
        }),
        "getHistory: cannot read the reply (200, schema) at [3].id: expected a string, got missing"
      ],
      [
        minimal().ReplyPending,
        "send: the server took the message and answers later (202): list the session for the reply"
      ],
      [
        minimal("streamHistory").HistoryStalled,
        "streamHistory: many requests brought no new message; the list grows faster than it is read " +
          "(after 3 requests): resume from the error's cursor"
      ],
      [
        new HistoryStalled({ ...minimal("streamHistory").HistoryStalled, reason: "anchorLost" }),
        "streamHistory: every message read last is deleted, and the place with them (after 3 requests): start again from the beginning"
      ],
      [
        new HistoryStalled({ ...minimal("streamHistory").HistoryStalled, reason: "repeatedPages" }),
        "streamHistory: the server answers every offset with the same page (after 3 requests)"
      ]
    ])("%#: is one line for a person", (error, message) => {
      assert.strictEqual(error.message, message)
    })
  })

  describe("isRetryable", () => {
    const retryable = (error: MixError) => error.isRetryable

    it("is never true of what repeating cannot help", () => {
      for (const operation of operations) {
        const made = minimal(operation)
        const never = [made.InvalidRequest, made.BadRequest, made.Unauthorized, made.NotFound, made.ReplyPending]
        for (const error of [...never, made.HistoryDrift]) assert.isFalse(retryable(error), error._tag)
      }
    })

    it.each([
      [400, false],
      [402, false],
      [408, true],
      [409, false],
      [418, false],
      [422, false],
      [499, false],
      [206, false],
      [301, false],
      [307, false]
    ])("of an unexpected %i is %s for a read, and false for send", (status, expected) => {
      for (const operation of operations) {
        const error = new UnexpectedStatus({ operation, status })
        assert.strictEqual(retryable(error), expected && !once.includes(operation), operation)
      }
    })

    it.each([
      [500, true],
      [501, false],
      [502, true],
      [503, true],
      [504, true],
      [505, false],
      [507, false],
      [519, false],
      [520, true],
      [521, true],
      [522, true],
      [523, true],
      [524, true],
      [525, false],
      [529, true],
      [530, true],
      [599, false]
    ])("of a %i is %s for a read", (status, expected) => {
      for (const operation of operations.filter((name) => !once.includes(name))) {
        assert.strictEqual(retryable(new ServerError({ operation, status })), expected)
      }
    })

    it("of 429 is true for all: nothing was done", () => {
      for (const operation of operations) assert.isTrue(retryable(new RateLimited({ operation })))
    })

    it.each<[Outcome | undefined, boolean]>([
      ["notSent", true],
      ["refused", true],
      ["unknown", false],
      ["accepted", false],
      [undefined, false]
    ])("of a send whose message is %s is %s", (outcome, expected) => {
      const operation = "send"
      const address = "localhost:1"
      const errors = [
        new ServerError({ operation, outcome, status: 503 }),
        new ConnectionError({ operation, outcome, code: "ECONNRESET", phase: "headers", address }),
        new RequestTimeout({ operation, outcome, phase: "headers", scope: "attempt" }),
        new ResponseDecodeError({ operation, outcome, status: 200, reason: "truncated" })
      ]
      for (const error of errors) assert.strictEqual(retryable(error), expected, error._tag)
    })

    it("of a send that found no connection is true: it never left", () => {
      const nowhere = { operation: "send", phase: "connect" } as const
      assert.isTrue(retryable(new RequestTimeout({ ...nowhere, scope: "attempt" })))
      assert.isTrue(retryable(new ConnectionError({ ...nowhere, code: "ECONNREFUSED", address: "localhost:1" })))
    })

    it("of a lost connection depends on whether it can be found another time", () => {
      const lost = { operation: "getHistory", phase: "connect", address: "mix.local:80" } as const
      assert.isTrue(retryable(new ConnectionError({ ...lost, code: "ECONNREFUSED" })))
      assert.isFalse(retryable(new ConnectionError({ ...lost, code: "CERT_HAS_EXPIRED", transient: false })))
      assert.isTrue(retryable(new ConnectionError({ ...lost, code: "ENOTFOUND" })))
      assert.isFalse(retryable(new ConnectionError({ ...lost, code: "ENOTFOUND", attempts: 2 })))
      assert.isTrue(retryable(new ConnectionError({ ...lost, code: "EAI_AGAIN", attempts: 2 })))
    })

    it("of a time limit is true unless it was the last one", () => {
      const waited = { operation: "listSession", phase: "body" } as const
      assert.isTrue(retryable(new RequestTimeout({ ...waited, scope: "attempt" })))
      assert.isTrue(retryable(new RequestTimeout({ ...waited, scope: "engine" })))
      assert.isFalse(retryable(new RequestTimeout({ ...waited, scope: "deadline" })))
    })

    it.each([
      ["truncated", true],
      ["malformed", false],
      ["contentType", false],
      ["schema", false],
      ["tooLarge", false],
      ["empty", false]
    ] as const)("of a reply that is %s is %s", (reason, expected) => {
      assert.strictEqual(retryable(new ResponseDecodeError({ operation: "getHistory", status: 200, reason })), expected)
    })

    it.each([
      ["noProgress", true],
      ["repeatedPages", false],
      ["anchorLost", false],
      ["maxPages", false]
    ] as const)("of a walk that stalls by %s is %s", (reason, expected) => {
      assert.strictEqual(retryable(new HistoryStalled({ operation: "streamHistory", cursor, reason, stats })), expected)
    })
  })

  it.each([
    ["getHistory", "GET", "/api/messages/history"],
    ["listSession", "GET", "/api/sessions/{id}/messages"],
    ["send", "POST", "/api/sessions/{id}/messages"],
    ["streamHistory", "GET", "/api/messages/history"],
    ["followHistory", "GET", "/api/messages/history"],
    ["createSession", "POST", "/api/sessions"],
    ["listSessions", "GET", "/api/sessions"],
    ["getSession", "GET", "/api/sessions/{id}"],
    ["deleteSession", "DELETE", "/api/sessions/{id}"],
    ["cancelSession", "POST", "/api/sessions/{id}/cancel"],
    ["sessionEvents", "GET", "/stream"],
    ["exportSession", "GET", "/api/sessions/{id}/export"],
    ["answerPermission", "POST", "/api/permissions/{id}/{answer}"]
  ] as const)("of %s tells %s %s", (operation, method, route) => {
    const told = full(operation).filter((error) => "route" in error && error._tag !== "ReplyPending")
    assert.isAbove(told.length, 8)
    for (const error of told) assert.deepInclude(error, { method, route })
  })

  it("tells the status of every reply", () => {
    const made = minimal()
    assert.deepStrictEqual(
      [made.BadRequest, made.Unauthorized, made.NotFound, made.RateLimited, made.ServerError, made.ReplyPending].map(
        (error) => error.status
      ),
      [400, 401, 404, 429, 500, 202]
    )
    assert.strictEqual(made.UnexpectedStatus.status, 418)
  })

  describe("as JSON", () => {
    const Json = Schema.parseJson(MixError)
    const cases = [...all, ...operations.flatMap((operation) => full(operation))]

    it.effect("comes back as an equal instance of its class, with all that it can tell", () =>
      Effect.gen(function* () {
        for (const error of cases) {
          const text = yield* Schema.encode(Json)(error)
          const back = yield* Schema.decode(Json)(text)
          assert.strictEqual<unknown>(back.constructor, error.constructor)
          assert.strictEqual(back.message, error.message)
          assert.strictEqual(back.isRetryable, error.isRetryable)
          assert.strictEqual(yield* Schema.encode(Json)(back), text)
          const { cursor: was, ...rest } = { cursor: undefined, ...error }
          const { cursor: is, ...others } = { cursor: undefined, ...back }
          assert.deepStrictEqual<unknown>(others, rest, error._tag)
          assert.deepStrictEqual(JSON.stringify(is), JSON.stringify(was))
          if ("route" in error) assert.deepInclude(back, { method: error.method, route: error.route })
          if ("status" in error) assert.deepInclude(back, { status: error.status })
          // Lists are equal only where they are the same list.
          if (was === undefined && error._tag !== "AgentFailed") assert.isTrue(Equal.equals(back, error), error._tag)
        }
      })
    )

    it("holds no more than the schema says, even by JSON.stringify", () => {
      const plain = JSON.parse(JSON.stringify(new NotFound({ operation: "send", outcome: "refused" }))) as object
      assert.notProperty(plain, "stack")
      assert.notProperty(plain, "cause")
      assert.deepInclude(plain, { _tag: "NotFound", operation: "send", outcome: "refused" })
    })

    it("shows its cursor as one short line, and encodes it whole", () => {
      const many = Array.from({ length: 500 }, (_, n) => `id-${n}`)
      const long = Cursor.fromPlace({ ...Place.start, position: 500, recent: Window.make(many) })
      const stalled = new HistoryStalled({ operation: "streamHistory", cursor: long, reason: "noProgress", stats })
      for (const error of [stalled, annotate(new NotFound({ operation: "getHistory" }), { cursor: long })]) {
        for (const shown of [JSON.stringify(error), inspect({ ...error }, { depth: 9 })]) {
          assert.include(shown, "HistoryCursor(offset 500)")
          assert.notInclude(shown, "id-7")
          assert.isBelow(shown.length, 600)
        }
        assert.include(Schema.encodeSync(Json)(error), `"id-499"`)
      }
    })

    it("is refused where the tag is not known", () => {
      const decoded = Schema.decodeUnknownOption(MixError)({ _tag: "Teapot", operation: "send" })
      assert.isTrue(Option.isNone(decoded))
    })
  })

  describe("annotate", () => {
    it("keeps the class and every field, and adds what is more", () => {
      for (const error of [...all, ...full("send")]) {
        // These know their outcome, or have none.
        const fixed = [
          "InvalidRequest",
          "ReplyPending",
          "HistoryStalled",
          "HistoryDrift",
          "AgentFailed",
          "AnswerTimeout"
        ]
        if (fixed.includes(error._tag)) continue
        const more = annotate(error, { cursor, outcome: "refused" })
        assert.notStrictEqual(more, error)
        assert.strictEqual(more.constructor, error.constructor)
        assert.deepStrictEqual<unknown>({ ...more }, { ...error, cursor, outcome: "refused" }, error._tag)
        assert.strictEqual(annotate(error, { cursor }).message, error.message)
      }
    })

    it("counts attempts and time, and says that the budget is used up", () => {
      const error = annotate(new ServerError({ operation: "getHistory", status: 502 }), {
        attempts: 3,
        elapsed: Duration.seconds(9),
        budgetExhausted: true
      })
      assert.strictEqual(error.attempts, 3)
      assert.isTrue(error.budgetExhausted)
      assert.strictEqual(Duration.toSeconds(error.elapsed), 9)
      assert.strictEqual(error.status, 502)
    })

    it("leaves the error that it was given as it was", () => {
      const error = new NotFound({ operation: "getHistory" })
      const more = annotate(error, { cursor })
      assert.strictEqual(more.cursor, cursor)
      assert.isFalse("cursor" in error && error.cursor !== undefined)
    })
  })

  describe("is caught by tag", () => {
    const fail = (error: MixError): Effect.Effect<string, MixError> => Effect.fail(error)

    it.effect("one by one", () =>
      Effect.gen(function* () {
        for (const error of all) {
          const caught = yield* Effect.catchTag(fail(error), error._tag, (e) => Effect.succeed(`caught ${e._tag}`))
          assert.strictEqual(caught, `caught ${error._tag}`)
        }
      })
    )

    it.effect("several at once, and passes the others", () =>
      Effect.gen(function* () {
        const handled = (error: MixError) =>
          fail(error).pipe(
            Effect.catchTags({
              NotFound: (e) => Effect.succeed(`${e.status}`),
              RateLimited: (e) => Effect.succeed(`${e.isRetryable}`)
            }),
            Effect.either
          )
        assert.deepInclude(yield* handled(minimal().NotFound), { right: "404" })
        assert.deepInclude(yield* handled(minimal().RateLimited), { right: "true" })
        assert.deepInclude(yield* handled(minimal().BadRequest), { left: minimal().BadRequest })
      })
    )

    it.effect("and can be failed with as it is", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Effect.gen(function* () {
            yield* new NotFound({ operation: "listSession" })
          })
        )
        assert.strictEqual(error._tag, "NotFound")
      })
    )
  })
})
