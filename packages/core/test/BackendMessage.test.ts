import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { BackendMessage, BackendMessages, Mismatch } from "../src/index.ts"
import { arbitraryOf } from "./arbitrary.ts"
import { draws } from "./draws.ts"
import * as Fixtures from "./fixtures.ts"

const decodeList = Schema.decodeUnknownEither(BackendMessages)
const decodeOne = Schema.decodeUnknownEither(BackendMessage)

const row = { id: "m1", sessionId: "s1", role: "user", userInput: "hello" }

const call = { id: "t1", name: "bash", input: "{}", type: "tool_use", finished: true }

/** Where a list or a message is refused, and for what. */
const refusal = <A>(input: unknown, decode: (input: unknown) => Either.Either<A, ParseResult.ParseError>) => {
  const result = decode(input)
  return Either.isLeft(result) ? Mismatch.fromParseError(result.left) : "it decodes"
}

describe("BackendMessage", () => {
  describe("what servers of every generation sent", () => {
    it.effect.each(Fixtures.lists)("list %s decodes, and encodes to what was sent", (name) =>
      Effect.gen(function* () {
        const sent = Fixtures.json(name)
        const messages = yield* Schema.decodeUnknown(BackendMessages)(sent)
        assert.deepStrictEqual(yield* Schema.encode(BackendMessages)(messages), sent ?? [])
      })
    )

    it.effect.each(Fixtures.replies)("reply %s decodes, and encodes to what was sent", (name) =>
      Effect.gen(function* () {
        const sent = Fixtures.json(name)
        const message = yield* Schema.decodeUnknown(BackendMessage)(sent)
        assert.strictEqual(message.sessionId, "")
        assert.deepStrictEqual<unknown>(yield* Schema.encode(BackendMessage)(message), sent)
      })
    )

    it("refuses the keys of September 9 and says which one is missing", () => {
      assert.deepStrictEqual(refusal(Fixtures.json("04b-list-session-early-sept"), decodeList), {
        path: "[0].userInput",
        expected: "a string",
        actual: "missing"
      })
    })

    it("reads every field that the newest servers send", () => {
      const [, second, third, fourth] = Either.getOrThrow(decodeList(Fixtures.json("05-list-session-feb2026")))
      assert.deepStrictEqual(
        second?.toolCalls?.map(({ isError, name, result, screenshotUrls }) => [name, result, isError, screenshotUrls]),
        [
          ["Bash", "region,total\nEMEA,41\n", undefined, undefined],
          ["ReadText", "open missing.md: no such file or directory", true, undefined],
          [
            "browser_screenshot",
            "ok",
            undefined,
            ["/api/sessions/7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11/files/shot-1.png"]
          ]
        ]
      )
      assert.strictEqual(second?.cacheCreationTokens, 1900)
      assert.deepStrictEqual(third?.callbackResults, [
        {
          toolCallId: "toolu_01A",
          toolName: "Bash",
          callbackName: "lint",
          callbackType: "bash_script",
          stdout: "clean\n",
          success: true
        },
        {
          toolCallId: "toolu_01B",
          toolName: "ReadText",
          callbackType: "bash_script",
          stderr: "boom\n",
          exitCode: 2,
          success: false,
          error: "exit status 2"
        }
      ])
      assert.strictEqual(fourth?.cost, 1e-7)
      assert.strictEqual(fourth?.model, "claude-sonnet-4-5")
    })

    it("keeps every character of a text", () => {
      const [message] = Either.getOrThrow(decodeList(Fixtures.json("08-unicode-html-escaped")))
      const { userInput = "" } = message ?? {}
      for (const part of ["<script>", "R&D", "\u2028", "\u2029", "日本語", "👨‍👩‍👧", "\u0000", "\ufffd", '"', "\\"]) {
        assert.include(userInput, part)
      }
    })
  })

  describe("the tolerant reader", () => {
    it("takes null for an empty list, and for nothing but a list", () => {
      assert.deepStrictEqual(decodeList(null), Either.right([]))
      assert.deepStrictEqual(decodeList([]), Either.right([]))
      assert.deepStrictEqual(refusal(null, decodeOne), {
        path: "",
        expected: "an object",
        actual: "null"
      })
    })

    it.each(Object.keys(BackendMessage.fields).filter((key) => !Object.hasOwn(row, key)))(
      "takes null for an absent %s",
      (key) => {
        assert.deepStrictEqual<unknown>(decodeOne({ ...row, [key]: null }), Either.right(row))
      }
    )

    it("takes null for an absent field of a tool call and of a callback's result", () => {
      const result = { tool_call_id: "t1", tool_name: "bash", callback_type: "bash_script", success: true }
      const nulls = { callback_name: null, stdout: null, stderr: null, exit_code: null, error: null }
      const message = Either.getOrThrow(
        decodeOne({
          ...row,
          toolCalls: [{ ...call, result: null, isError: null, screenshotUrls: null }],
          callbackResults: [{ ...result, ...nulls, subagent_id: null, subagent_result: null }]
        })
      )
      assert.deepStrictEqual<unknown>(message.toolCalls, [call])
      assert.deepStrictEqual<unknown>(message.callbackResults, [
        { toolCallId: "t1", toolName: "bash", callbackType: "bash_script", success: true }
      ])
    })

    it("drops fields that it does not know, at every level", () => {
      const message = Either.getOrThrow(decodeOne({ ...row, extra: { deep: [1] }, toolCalls: [{ ...call, extra: 1 }] }))
      assert.deepStrictEqual<unknown>(message, { ...row, toolCalls: [call] })
    })

    it("passes words that it does not know", () => {
      const message = Either.getOrThrow(
        decodeOne({ ...row, role: "system", toolCalls: [{ ...call, name: "mcp_new tool", type: "" }] })
      )
      assert.strictEqual(message.role, "system")
      assert.deepStrictEqual([message.toolCalls?.[0]?.name, message.toolCalls?.[0]?.type], ["mcp_new tool", ""])
    })

    it("is not polluted by keys of the prototype", () => {
      const body = `[{"id":"__proto__","sessionId":"constructor","role":"user","userInput":"x",
        "__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},
        "toolCalls":[{"id":"t","name":"n","input":"","type":"","finished":false,"__proto__":{"result":"injected"}}]}]`
      const [message] = Either.getOrThrow(decodeList(JSON.parse(body)))
      assert.strictEqual(message?.id, "__proto__")
      assert.strictEqual(message?.sessionId, "constructor")
      assert.isUndefined(message?.toolCalls?.[0]?.result)
      assert.strictEqual(Object.getPrototypeOf(message), Object.prototype)
      assert.isFalse(Object.hasOwn(message as object, "__proto__"))
      assert.isFalse("polluted" in (message as object))
      assert.isFalse("polluted" in {})
    })

    it("takes the last of duplicate keys, as JSON does", () => {
      const body = `{"id":"a","id":"b","sessionId":"s","role":"user","userInput":"x"}`
      assert.strictEqual(Either.getOrThrow(decodeOne(JSON.parse(body))).id, "b")
    })

    it("takes a duration in fractions of a second", () => {
      assert.strictEqual(Either.getOrThrow(decodeOne({ ...row, reasoningDuration: 1.5 })).reasoningDuration, 1.5)
    })
  })

  describe("what it refuses, and where", () => {
    const with3 = (third: unknown) => [row, row, row, third, row]
    it.each([
      ["a row that is null", with3(null), { path: "[3]", expected: "an object", actual: "null" }],
      ["a row that is an array", with3([row]), { path: "[3]", expected: "an object", actual: "an array" }],
      [
        "a row without an id",
        with3({ ...row, id: undefined }),
        { path: "[3].id", expected: "a string", actual: "undefined" }
      ],
      [
        "a row of which the id is left out",
        with3({ sessionId: "s", role: "user", userInput: "" }),
        { path: "[3].id", expected: "a string", actual: "missing" }
      ],
      [
        "an id that is a number",
        with3({ ...row, id: 2 ** 60 }),
        { path: "[3].id", expected: "a string", actual: "an integer" }
      ],
      ["an id that is null", with3({ ...row, id: null }), { path: "[3].id", expected: "a string", actual: "null" }],
      [
        "a duration that is text",
        with3({ ...row, reasoningDuration: "12" }),
        { path: "[3].reasoningDuration", expected: "a finite number or null", actual: "a string" }
      ],
      [
        "a duration beyond all numbers",
        JSON.parse(`[{"id":"m","sessionId":"s","role":"user","userInput":"x","reasoningDuration":1e400}]`),
        { path: "[0].reasoningDuration", expected: "a finite number or null", actual: "an infinite number" }
      ],
      [
        "a tool call without a name",
        with3({ ...row, toolCalls: [call, { ...call, name: null }] }),
        { path: "[3].toolCalls[1].name", expected: "a string", actual: "null" }
      ],
      [
        "an object around the list",
        { messages: [row] },
        { path: "", expected: "an array or null", actual: "an object" }
      ],
      ["a text", "[]", { path: "", expected: "an array or null", actual: "a string" }],
      ["nothing", undefined, { path: "", expected: "an array or null", actual: "undefined" }]
    ])("%s", (_, input, { actual, expected, path }) => {
      const found = refusal(input, decodeList)
      assert.isObject(found)
      assert.deepInclude(found, { path, actual, expected })
    })

    it.each([
      ["as the list", (deep: string) => deep, "[0]"],
      [
        "as a text",
        (deep: string) => `[{"id":"m","sessionId":"s","role":"user","userInput":${deep}}]`,
        "[0].userInput"
      ],
      ["as a tool's answer", (deep: string) => `[${JSON.stringify(row).slice(0, -1)},"toolCalls":${deep}}]`, undefined]
    ])("is not overrun by a depth of 100,000 %s", (_, wrap, path) => {
      const deep = "[".repeat(100_000) + "]".repeat(100_000)
      const found = refusal(JSON.parse(wrap(deep)), decodeList)
      assert.isObject(found)
      if (path !== undefined) assert.deepInclude(found, { path, actual: "an array" })
      assert.isBelow(JSON.stringify(found).length, 300)
    })

    it("drops a depth of 100,000 in a field that it does not know", () => {
      const deep = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`
      const body = `[{"extra":${deep},"id":"m1","sessionId":"s1","role":"user","userInput":"hello"}]`
      assert.deepStrictEqual<unknown>(decodeList(JSON.parse(body)), Either.right([row]))
    })
  })

  it("comes back from its wire form as it was, whatever it is", () => {
    const encode = Schema.encodeSync(BackendMessage)
    const decode = Schema.decodeUnknownSync(BackendMessage)
    FastCheck.assert(
      FastCheck.property(arbitraryOf(BackendMessage), (message) => {
        assert.deepStrictEqual(decode(encode(message)), message)
      }),
      { numRuns: draws(100, 500), seed: 20_250_925 }
    )
  })

  it("never throws, whatever it is given", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.anything({ withBigInt: true, withNullPrototype: true }), (input) => {
        const result = decodeList(input)
        if (Either.isLeft(result)) assert.isString(Mismatch.fromParseError(result.left).path)
        else assert.isArray(result.right)
      }),
      { numRuns: draws(200, 2000), seed: 20_250_925 }
    )
  })
})
