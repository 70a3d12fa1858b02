/** `decodeBackendMessages` gives what the schema gives, for any value. */
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { BackendMessage, BackendMessages, decodeBackendMessages, ToolCallData } from "../src/index.ts"
import { isPlainMessage } from "../src/internal/plainMessage.ts"
import { arbitraryOf } from "./arbitrary.ts"
import { draws } from "./draws.ts"
import * as Fixtures from "./fixtures.ts"

const seed = 20261123

const bySchema = Schema.decodeUnknownEither(BackendMessages)

/** Both decoders get values of their own, since the fast one may keep what it is given. */
const agree = (json: string) => {
  const expected = bySchema(JSON.parse(json))
  const found = decodeBackendMessages(JSON.parse(json))
  if (Either.isLeft(expected)) {
    assert.strictEqual(Either.isLeft(found) ? found.left.message : "it decodes", expected.left.message)
  } else {
    assert.deepStrictEqual(Either.getOrThrow(found), expected.right)
  }
  return Either.isRight(expected)
}

const encoded = arbitraryOf(Schema.encodedSchema(BackendMessage))

/** What may stand where something else was expected. */
const odd = FastCheck.oneof(
  FastCheck.constantFrom<unknown>(null, [], {}, "", 0, -1.5, true, [null], [{}], ["x"], { id: "1" }),
  FastCheck.jsonValue()
)

const keys = [
  ...Object.keys(BackendMessage.fields),
  "__proto__",
  "constructor",
  "toolCallId",
  "createdAt",
  "tool_call_id"
]

type Step = { readonly at: number; readonly key: string; readonly value: unknown; readonly remove: boolean }

const steps = FastCheck.array(
  FastCheck.record({
    at: FastCheck.nat(),
    key: FastCheck.constantFrom(...keys),
    value: odd,
    remove: FastCheck.boolean()
  }),
  { maxLength: 3 }
)

/** Objects anywhere in a value. */
const objects = (value: unknown): ReadonlyArray<Record<string, unknown>> =>
  typeof value !== "object" || value === null
    ? []
    : Array.isArray(value)
      ? value.flatMap(objects)
      : [value as Record<string, unknown>, ...Object.values(value).flatMap(objects)]

const change = (rows: unknown, { at, key, remove, value }: Step) => {
  const all = objects(rows)
  const object = all[at % Math.max(1, all.length)]
  if (object === undefined) return
  const names = remove ? Object.keys(object) : []
  const name = names[at % Math.max(1, names.length)]
  if (name !== undefined) delete object[name]
  else
    Object.defineProperty(object, key, {
      value: structuredClone(value),
      enumerable: true,
      configurable: true,
      writable: true
    })
}

describe("decodeBackendMessages", () => {
  it(`agrees with the schema on lists, most of them changed somewhere (seed ${seed})`, () => {
    const lists = draws(200, 5000)
    let decoded = 0
    let refused = 0
    FastCheck.assert(
      FastCheck.property(FastCheck.array(encoded, { maxLength: 4 }), steps, (rows, steps) => {
        const list: unknown = JSON.parse(JSON.stringify(rows))
        for (const step of steps) change(list, step)
        if (agree(JSON.stringify(list))) decoded++
        else refused++
      }),
      { numRuns: lists, seed }
    )
    assert.isAbove(decoded, lists / 10)
    assert.isAbove(refused, lists / 10)
  })

  it("agrees with the schema on any JSON", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.json(), (json) => {
        agree(json)
      }),
      { numRuns: draws(200, 1000), seed }
    )
  })

  it.each(Fixtures.lists)("keeps the rows of list %s as they are, except those with callback results", (name) => {
    const sent = Fixtures.json(name)
    agree(JSON.stringify(sent))
    for (const row of (sent ?? []) as ReadonlyArray<object>)
      assert.strictEqual(isPlainMessage(row), !("callbackResults" in row))
  })

  it("knows every field of the schemas", () => {
    const { callbackResults: _, ...row } = {
      ...FastCheck.sample(encoded, { numRuns: 1, seed })[0],
      ...Object.fromEntries(
        Object.keys(BackendMessage.fields).map((key) => [key, /Tokens|cost|Duration/.test(key) ? 1 : ""])
      ),
      toolCalls: [
        { id: "", name: "", input: "", type: "", finished: true, result: "", isError: true, screenshotUrls: ["", ""] }
      ]
    }
    assert.sameMembers(Object.keys(ToolCallData.fields), Object.keys(row.toolCalls[0] as object))
    assert.isTrue(agree(JSON.stringify([row])))
    assert.isTrue(isPlainMessage(row))
  })

  it("keeps rows that need no change, and copies those that do", () => {
    const row = { id: "m1", sessionId: "s1", role: "user", userInput: "hello" }
    const list = [row, { ...row, toolCalls: null }, { ...row, createdAt: 1 }]
    const [kept, cleared, known] = Either.getOrThrow(decodeBackendMessages(list))
    assert.strictEqual<unknown>(kept, row)
    assert.deepStrictEqual<unknown>([cleared, known], [row, row])
    assert.deepStrictEqual(list[1], { ...row, toolCalls: null })
  })

  it("agrees with the schema on values that JSON cannot hold, or seldom holds", () => {
    const row = { id: "m1", sessionId: "s1", role: "user", userInput: "" }
    const call = { id: "t", name: "n", input: "", type: "", finished: true }
    const result = { tool_call_id: "t", tool_name: "n", callback_type: "", success: true }
    const odd = [undefined, null, Number.NaN, Number.POSITIVE_INFINITY, -0, 0, "", [], {}, new Array(1), 1n, () => 1]
    const rows: ReadonlyArray<unknown> = [
      ...Object.keys(BackendMessage.fields).flatMap((key) => odd.map((value) => ({ ...row, [key]: value }))),
      ...["result", "isError", "screenshotUrls", "id"].flatMap((key) =>
        odd.map((value) => ({ ...row, toolCalls: [{ ...call, [key]: value }] }))
      ),
      ...["callback_name", "callbackName", "toolCallId", "tool_call_id", "exit_code", "exitCode"].flatMap((key) =>
        odd.map((value) => ({ ...row, callbackResults: [{ ...result, [key]: value }] }))
      ),
      { ...row, callbackResults: [{ ...result, toolCallId: "other", callback_name: "wire", callbackName: "ours" }] },
      { ...row, toolCalls: Object.assign(new Array(2), { 1: call }) },
      { ...row, toolCalls: Object.assign([call], { extra: 1 }) },
      { ...row, toolCalls: class extends Array {}.of(call) },
      Object.create(row),
      Object.assign(Object.create({ reasoning: "inherited" }), row),
      Object.assign(Object.create(null), row),
      Object.assign([], row),
      Object.assign(() => 1, row),
      Object.assign(new (class Message {})(), row),
      Object.freeze({ ...row }),
      runInNewContext("JSON.parse(text)", { text: JSON.stringify({ ...row, toolCalls: [call] }) }),
      ...[7, "text"].flatMap((reasoning) => [
        {
          ...row,
          get reasoning() {
            return reasoning
          }
        },
        Object.defineProperty({ ...row }, "reasoning", { value: reasoning }),
        new Proxy({ ...row, reasoning }, {}),
        new Proxy({ ...row }, { get: (target, key) => (key === "id" ? reasoning : Reflect.get(target, key)) }),
        { ...row, toolCalls: [new Proxy({ ...call, result: reasoning }, {})] }
      ]),
      new Proxy({ ...row }, { ownKeys: () => ["id"] }),
      new Proxy({ ...row, extra: 1 }, {}),
      ...["id", "userInput"].map((key) => Object.defineProperty({ ...row }, key, { enumerable: false }))
    ]
    let decoded = 0
    for (const value of rows) {
      const expected = bySchema([value])
      const found = decodeBackendMessages([value])
      assert.strictEqual(Either.isRight(found), Either.isRight(expected))
      if (Either.isLeft(expected) || Either.isLeft(found)) continue
      decoded++
      assert.deepStrictEqual(found.right, expected.right)
    }
    assert.isAbove(decoded, 50)
    // A list with a hole, and the largest number that is none.
    assert.isTrue(Either.isLeft(decodeBackendMessages(new Array(1))))
    agree('[{"id":"m","sessionId":"s","role":"user","userInput":"","cost":1e999}]')
  })

  it("does not take a key of JSON for a prototype", () => {
    const json = '[{"id":"m","sessionId":"s","role":"user","userInput":"","__proto__":{"reasoning":"x"}}]'
    assert.isTrue(agree(json))
    const [row] = Either.getOrThrow(decodeBackendMessages(JSON.parse(json)))
    assert.isUndefined(row?.reasoning)
  })
})
