import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type BackendMessage, InvalidRequest, MessageId, MessagesService, SessionId } from "../src/index.ts"
import { draws } from "./draws.ts"

/** What no error may repeat. */
const canary = "canary-5d1e"

const message: BackendMessage = { id: MessageId.make("m"), sessionId: SessionId.make("s"), role: "user", userInput: "" }

/** A service that writes down what reaches it. JavaScript callers pass anything, so its parameters are unknown here. */
const recording = () => {
  const calls: Array<unknown> = []
  const service = MessagesService.make({
    getHistory: (options) => Effect.sync(() => void calls.push(options)).pipe(Effect.as([])),
    listSession: (options) => Effect.sync(() => void calls.push(options)).pipe(Effect.as([])),
    send: (request) => Effect.sync(() => void calls.push(request)).pipe(Effect.as(message))
  })
  const operations = {
    getHistory: (input: unknown) => service.getHistory(input as never),
    listSession: (input: unknown) => service.listSession(input as never),
    send: (input: unknown) => service.send(input as never),
    streamHistory: (input: unknown) => Stream.runDrain(service.streamHistory(input as never)),
    streamHistoryPages: (input: unknown) => Stream.runDrain(service.streamHistoryPages(input as never)),
    followHistory: (input: unknown) => Stream.runDrain(service.followHistory(input as never))
  }
  return { calls, operations }
}

type Name = keyof ReturnType<typeof recording>["operations"]

/** Calls an operation, and expects it to be refused before anything was asked for. */
const refused = (name: Name, input: unknown) =>
  Effect.gen(function* () {
    const { calls, operations } = recording()
    const exit = yield* Effect.exit(Effect.asVoid(operations[name](input) as Effect.Effect<unknown, unknown>))
    assert.isTrue(Exit.isFailure(exit), "it was accepted")
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
    assert.instanceOf(error, InvalidRequest)
    assert.strictEqual(error.operation, name === "streamHistoryPages" ? "streamHistory" : name)
    assert.strictEqual(error.outcome, "notSent")
    assert.lengthOf(calls, 0)
    assert.isBelow(error.message.length, 300)
    assert.notInclude(`${error.message} ${JSON.stringify(error)} ${error.stack}`, canary)
    return error
  })

/** Calls an operation, and expects its parameters to arrive. */
const accepted = (name: Name, input: unknown) =>
  Effect.gen(function* () {
    const { calls, operations } = recording()
    yield* operations[name](input) as Effect.Effect<unknown, unknown>
    return calls
  })

const cyclic = { id: "s1", text: "x" }
Object.assign(cyclic, { self: cyclic })

const throwing = (key: string, rest: object = {}) =>
  Object.defineProperty({ ...rest }, key, {
    enumerable: true,
    get: () => {
      throw new Error(canary)
    }
  })

const sparse = ["a", "c"]
sparse.length = 4

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

describe("parameters", () => {
  describe("ids", () => {
    const ids: ReadonlyArray<[string, unknown]> = [
      ["an empty id", ""],
      ["a blank id", " \t\n"],
      ["a no-break space", "\u00a0"],
      ["the same directory", "."],
      ["the parent directory", ".."],
      ["a matrix parameter on the parent", `..;${canary}`],
      ["a matrix parameter", `;${canary}`],
      ["a header after the id", `${canary}\r\nX: y`],
      ["a NUL", `${canary}\u0000`],
      ["a tab", `${canary}\t`],
      ["a DEL", `${canary}\u007f`],
      ["a C1 control", `${canary}\u0085`],
      ["a lone high surrogate", `${canary}\ud800`],
      ["a lone low surrogate", `\udc00${canary}`],
      ["surrogates in the wrong order", "\udc00\ud800"],
      ["513 characters", "x".repeat(513)],
      ["10 MB", "x".repeat(10_000_000)],
      ["undefined", undefined],
      ["null", null],
      ["an object", { canary }],
      ["an object that speaks", { toString: () => canary }],
      ["a String object", new String("s1")],
      ["an array", ["s1"]],
      ["a number", 7],
      ["a bigint", 7n],
      ["a symbol", Symbol(canary)],
      ["a function", () => canary]
    ]
    it.effect.each(ids)("refuses %s for listSession and send", ([, id]) =>
      Effect.gen(function* () {
        for (const [name, input] of [
          ["listSession", { id }],
          ["send", { id, text: "x" }]
        ] as const) {
          const error = yield* refused(name, input)
          assert.strictEqual(error.parameter, "id")
          assert.include(error.expected, "1 to 512 characters")
        }
      })
    )

    it.effect("a message reads as one sentence", () =>
      Effect.gen(function* () {
        const say = (id: unknown) => Effect.map(refused("listSession", { id }), ({ message }) => message)
        const expected =
          "listSession: id must be 1 to 512 characters of well-formed text without control characters or ';', " +
          "neither blank nor '.' nor '..'"
        assert.strictEqual(yield* say(".."), `${expected}, but is another string`)
        assert.strictEqual(yield* say(" "), `${expected}, but is a blank string`)
        assert.strictEqual(yield* say(undefined), `${expected}, but is undefined`)
        assert.strictEqual(yield* say(5), `${expected}, but is an integer`)
      })
    )

    const ordinary = [
      "7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11",
      "%2e%2e",
      "%2E.",
      "...",
      "a/b",
      "a\\b",
      "a?b#c",
      "a b",
      "__proto__",
      "constructor",
      "cmd-help",
      "😀",
      "é",
      "e\u0301",
      "日本",
      "x".repeat(512)
    ]
    it.effect.each(ordinary)("passes %s as it is", (id) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* accepted("listSession", { id }), [{ id }])
        assert.deepStrictEqual(yield* accepted("send", { id, text: "x" }), [{ id, text: "x" }])
      })
    )

    it("passes or refuses any string, and never dies", () => {
      const { calls, operations } = recording()
      FastCheck.assert(
        FastCheck.property(FastCheck.string({ unit: "binary", maxLength: 40 }), (id) => {
          calls.length = 0
          const exit = Effect.runSyncExit(operations.listSession({ id }))
          if (Exit.isSuccess(exit)) assert.deepStrictEqual(calls, [{ id }])
          else {
            assert.lengthOf(calls, 0)
            assert.instanceOf(Option.getOrUndefined(Cause.failureOption(exit.cause)), InvalidRequest)
          }
        }),
        { numRuns: draws(100, 5000), seed: 20_250_925 }
      )
    })
  })

  describe("limit and offset", () => {
    const limits: ReadonlyArray<[unknown, string]> = [
      [0, "another integer"],
      [-1, "another integer"],
      [1001, "another integer"],
      [1.5, "a fraction"],
      [Number.NaN, "NaN"],
      [Number.POSITIVE_INFINITY, "an infinite number"],
      [Number.NEGATIVE_INFINITY, "an infinite number"],
      ["50", "a string"],
      [1e21, "another integer"],
      [-0, "another integer"],
      [null, "null"],
      [5n, "a bigint"],
      [[5], "an array"],
      [new Number(5), "an object"],
      [true, "a boolean"]
    ]
    it.effect.each(limits)("refuses a limit and a pageSize of %s, %s", ([value, kind]) =>
      Effect.gen(function* () {
        for (const [name, parameter] of [
          ["getHistory", "limit"],
          ["streamHistory", "pageSize"],
          ["streamHistoryPages", "pageSize"]
        ] as const) {
          const error = yield* refused(name, { [parameter]: value })
          assert.deepInclude(error, { parameter, actual: kind })
          assert.strictEqual(error.expected, "an integer from 1 to 1000")
        }
      })
    )

    it.effect.each([-1, 1.5, 2 ** 53, 1e21, Number.NaN, Number.POSITIVE_INFINITY, "0", null, true])(
      "refuses an offset of %j",
      (offset) =>
        Effect.gen(function* () {
          const error = yield* refused("getHistory", { offset })
          assert.strictEqual(error.parameter, "offset")
          assert.strictEqual(error.expected, "an integer from 0 to 2^53-1")
        })
    )

    it.effect.each([{}, { limit: 1 }, { limit: 1000 }, { offset: 0 }, { limit: 50, offset: 2 ** 53 - 1 }])(
      "passes %j as it is",
      (options) =>
        Effect.gen(function* () {
          assert.deepStrictEqual<unknown>(yield* accepted("getHistory", options), [options])
        })
    )

    it.effect("passes no options as none", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* accepted("getHistory", undefined), [{}])
      })
    )

    it.effect("passes -0, which no text of a number can tell from 0", () =>
      Effect.gen(function* () {
        const [options] = (yield* accepted("getHistory", { offset: -0 })) as ReadonlyArray<{ offset: number }>
        assert.strictEqual(`${options?.offset}`, "0")
      })
    )

    it.effect("refuses null for the options", () =>
      Effect.gen(function* () {
        for (const name of ["getHistory", "listSession", "send", "streamHistory", "followHistory"] as const) {
          const error = yield* refused(name, null)
          assert.deepInclude(error, { parameter: "the request", actual: "null" })
        }
      })
    )
  })

  describe("what is sent", () => {
    const texts: ReadonlyArray<[string, unknown]> = [
      ["empty", ""],
      ["a lone surrogate", `${canary}\ud83d`],
      ["undefined", undefined],
      ["null", null],
      ["a number", 5],
      ["an object", { canary }]
    ]
    it.effect.each(texts)("refuses a text that is %s", ([, text]) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* refused("send", { id: "s1", text })).parameter, "text")
      })
    )

    it.effect.each([" ", "\n", "/help", "😀", "a\u0000b", "\ufeff", "\u2028"])("passes a text of %j", (text) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* accepted("send", { id: "s1", text }), [{ id: "s1", text }])
      })
    )

    it.effect("passes 50 MB without a copy", () =>
      Effect.gen(function* () {
        const text = "x".repeat(50_000_000)
        const [request] = (yield* accepted("send", { id: "s1", text })) as ReadonlyArray<{ text: string }>
        assert.strictEqual(request?.text.length, text.length)
      })
    )

    const lists: ReadonlyArray<[string, unknown, string]> = [
      ["a text", canary, ""],
      ["null", null, ""],
      ["an object", { 0: canary, length: 1 }, ""],
      ["a set", new Set([canary]), ""],
      ["a list with a number", ["a", 5], "[1]"],
      ["a list with null", ["a", null], "[1]"],
      ["a list with an object", [{ canary }], "[0]"],
      ["a list with a bigint", ["a", "b", 5n], "[2]"],
      ["a sparse list", sparse, "[2]"],
      ["a list in itself", [cyclic], "[0]"]
    ]
    it.effect.each(lists)("refuses media and apps that are %s", ([, list, index]) =>
      Effect.gen(function* () {
        for (const key of ["media", "apps"]) {
          const error = yield* refused("send", { id: "s1", text: "x", [key]: list })
          assert.strictEqual(error.parameter, `${key}${index}`)
        }
      })
    )

    it.effect.each([1, "true", null, {}, 0n])("refuses a planMode of %s", (planMode) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* refused("send", { id: "s1", text: "x", planMode })).parameter, "planMode")
      })
    )

    it.effect.each([1, true, null, {}, "", " ", "\ud800"])("refuses a thinkingLevel of %s", (thinkingLevel) =>
      Effect.gen(function* () {
        const error = yield* refused("send", { id: "s1", text: "x", thinkingLevel })
        assert.strictEqual(error.parameter, "thinkingLevel")
      })
    )

    it.effect.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "5", null, 5n, 2 ** 53])(
      "refuses maxSteps of %s",
      (maxSteps) =>
        Effect.gen(function* () {
          const error = yield* refused("send", { id: "s1", text: "x", maxSteps })
          assert.strictEqual(error.parameter, "maxSteps")
          assert.strictEqual(error.expected, "an integer from 1 to 2^53-1")
        })
    )

    it.effect.each(["off", "basic", "medium", "maximum", "a word of next year"])(
      "passes a thinkingLevel of %s",
      (level) =>
        Effect.gen(function* () {
          const request = { id: "s1", text: "x", thinkingLevel: level, maxSteps: 1 }
          assert.deepStrictEqual(yield* accepted("send", request), [request])
        })
    )

    it.effect("hands on the keys that were set, and no others", () =>
      Effect.gen(function* () {
        const request = { id: "s1", text: "x", media: ["a"], apps: [], planMode: false }
        assert.deepStrictEqual(yield* accepted("send", request), [request])
        const [sparing] = yield* accepted("send", { id: "s1", text: "x", media: undefined })
        assert.strictEqual(JSON.stringify(sparing), `{"id":"s1","text":"x"}`)
      })
    )
  })

  describe("what reads badly", () => {
    const inputs: ReadonlyArray<[string, Name, unknown]> = [
      ["a getter that throws", "send", throwing("text", { id: "s1" })],
      ["a getter that throws in an extra", "send", throwing("media", { id: "s1", text: "x" })],
      ["an element that throws", "send", { id: "s1", text: "x", media: throwing("0", ["a"]) }],
      [
        "an element of a list that throws",
        "send",
        {
          id: "s1",
          text: "x",
          media: Object.defineProperty(["a", "b"], 1, {
            get: () => {
              throw canary
            }
          })
        }
      ],
      ["a getter that throws in options", "getHistory", throwing("limit")],
      ["a revoked proxy", "listSession", revoked()],
      ["a revoked proxy for an id", "listSession", { id: revoked() }],
      ["a revoked proxy for a schedule", "followHistory", { schedule: revoked() }],
      ["a revoked proxy for a cursor", "streamHistory", { from: revoked() }],
      ["a cyclic request", "send", cyclic],
      ["a cyclic list", "send", { id: "s1", text: "x", media: [[cyclic]] }],
      ["a bigint", "send", { id: "s1", text: "x", extra: 1n }],
      ["an array", "send", ["s1", canary]],
      ["a text", "listSession", canary],
      ["a function", "send", () => ({ id: "s1", text: canary })]
    ]
    it.effect.each(inputs)("%s is refused, not a defect", ([, name, input]) => refused(name, input))

    it("whatever it is, for every operation", () => {
      const { operations } = recording()
      FastCheck.assert(
        FastCheck.property(
          FastCheck.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withSparseArray: true }),
          FastCheck.constantFrom<Array<Name>>("getHistory", "listSession", "send", "streamHistory"),
          (input, name) => {
            const exit = Effect.runSyncExit(operations[name](input) as Effect.Effect<unknown, unknown>)
            if (Exit.isFailure(exit)) {
              assert.instanceOf(Option.getOrUndefined(Cause.failureOption(exit.cause)), InvalidRequest)
            }
          }
        ),
        { numRuns: draws(100, 2000), seed: 20_250_925 }
      )
    })
  })

  describe("keys that there are not", () => {
    const inputs: ReadonlyArray<[Name, object, string]> = [
      ["send", { id: "s1", text: "x", plan_mode: true }, "plan_mode"],
      ["send", { id: "s1", text: "x", content: canary }, "content"],
      ["getHistory", { Limit: 5 }, "Limit"],
      ["getHistory", { pageSize: 5 }, "pageSize"],
      ["listSession", { id: "s1", limit: 5 }, "limit"],
      ["streamHistory", { limit: 5 }, "limit"],
      ["streamHistoryPages", { offset: 5 }, "offset"],
      ["followHistory", { interval: 5 }, "interval"],
      ["listSession", { id: "s1", [`${canary} as a key`]: 1 }, `["..."]`]
    ]
    it.effect.each(inputs)("%s refuses %j and names the key", ([name, input, parameter]) =>
      Effect.gen(function* () {
        const error = yield* refused(name, input)
        assert.strictEqual(error.parameter, parameter)
        assert.strictEqual(error.expected, "left out: there is no such key")
      })
    )
  })

  describe("of streams", () => {
    const inputs: ReadonlyArray<[Name, string, unknown]> = [
      ...[-1, 65, 1.5, Number.NaN, "1", null].map((value) => ["streamHistory", "prefetch", value] as const),
      ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1", null].map(
        (value) => ["streamHistory", "maxPages", value] as const
      ),
      ...[1, "true", null].map((value) => ["streamHistory", "strict", value] as const),
      ...[
        5,
        canary,
        null,
        {},
        { position: 5 },
        { version: 1, position: 0, recent: [], forgot: false, head: [] }
      ].flatMap((value) => [["streamHistory", "from", value] as const, ["followHistory", "from", value] as const]),
      ...[5, "2 seconds", null, {}, () => Schedule.once].map((value) => ["followHistory", "schedule", value] as const)
    ].map(([name, parameter, value]) => [name, parameter, value])
    it.effect.each(inputs)("%s fails for a bad %s", ([name, parameter, value]) =>
      Effect.gen(function* () {
        const error = yield* refused(name, { [parameter]: value })
        assert.strictEqual(error.parameter, parameter)
      })
    )

    it.effect("are refused when they are run, not when they are made", () =>
      Effect.gen(function* () {
        const { calls, operations } = recording()
        const made = operations.streamHistory({ pageSize: 0 })
        assert.lengthOf(calls, 0)
        assert.instanceOf(yield* Effect.flip(made), InvalidRequest)
      })
    )

    it.effect("may be left out, or be undefined", () =>
      Effect.gen(function* () {
        const nothing = {
          pageSize: undefined,
          prefetch: undefined,
          from: undefined,
          maxPages: undefined,
          strict: undefined
        }
        assert.deepStrictEqual(yield* accepted("streamHistory", nothing), [{ offset: 0, limit: 100 }])
        assert.deepStrictEqual(yield* accepted("streamHistory", undefined), [{ offset: 0, limit: 100 }])
      })
    )
  })
})
