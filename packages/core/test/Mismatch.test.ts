import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Mismatch } from "../src/index.ts"

const of = <A, I>(schema: Schema.Schema<A, I>, input: unknown, options?: { readonly onExcessProperty: "error" }) => {
  const result = Schema.decodeUnknownEither(schema, options)(input)
  return Either.isLeft(result) ? Mismatch.fromParseError(result.left) : "it decodes"
}

describe("Mismatch", () => {
  it.each<[unknown, string]>([
    [null, "null"],
    [undefined, "undefined"],
    ["text", "a string"],
    ["", "a blank string"],
    [" \n", "a blank string"],
    [1, "an integer"],
    [-0, "an integer"],
    [1e21, "an integer"],
    [1.5, "a fraction"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "an infinite number"],
    [Number.NEGATIVE_INFINITY, "an infinite number"],
    [true, "a boolean"],
    [10n, "a bigint"],
    [Symbol("canary"), "a symbol"],
    [() => 1, "a function"],
    [[1], "an array"],
    [{}, "an object"],
    [new Date(0), "an object"],
    [Object.create(null), "an object"]
  ])("tells the kind of a value %#", (value, kind) => {
    assert.strictEqual(Mismatch.kindOf(value), kind)
  })

  it("names the path from the outside in", () => {
    const schema = Schema.Array(Schema.Struct({ calls: Schema.Array(Schema.Struct({ id: Schema.String })) }))
    assert.deepStrictEqual(of(schema, [{ calls: [] }, { calls: [{ id: "a" }, { id: 7 }] }]), {
      path: "[1].calls[1].id",
      expected: "a string",
      actual: "an integer"
    })
  })

  it("begins a path of a struct without a dot", () => {
    assert.deepStrictEqual(of(Schema.Struct({ id: Schema.String }), {}), {
      path: "id",
      expected: "a string",
      actual: "missing"
    })
  })

  it("prefers an author's description, then a name", () => {
    const even = Schema.Number.pipe(Schema.filter((n) => n % 2 === 0, { description: "an even number" }))
    assert.deepStrictEqual(of(even, 3), { path: "", expected: "an even number", actual: "another integer" })
    assert.deepStrictEqual(of(even, "3"), { path: "", expected: "an even number", actual: "a string" })
    assert.deepInclude(of(even, 1.5), { actual: "a fraction" })
    const named = Schema.Struct({ a: Schema.String }).annotations({ identifier: "Named" })
    assert.deepStrictEqual(of(named, 3), { path: "", expected: "Named", actual: "an integer" })
  })

  it("tells the members of a union", () => {
    assert.deepStrictEqual(of(Schema.Struct({ phase: Schema.Literal("connect", "body") }), { phase: "canary" }), {
      path: "phase",
      expected: `"connect" or "body"`,
      actual: "a string"
    })
  })

  it("looks through a transformation", () => {
    const schema = Schema.Struct({ at: Schema.NumberFromString })
    assert.deepInclude(of(schema, { at: 5 }), { path: "at", actual: "an integer" })
  })

  it("names a key that is one too many", () => {
    assert.deepStrictEqual(
      of(Schema.Struct({ text: Schema.optional(Schema.String) }), { plan_mode: true }, { onExcessProperty: "error" }),
      {
        path: "plan_mode",
        expected: "left out: there is no such key",
        actual: "present"
      }
    )
  })

  it.each([["with spaces canary"], ["canary\n"], ["canary".repeat(20)], ["1canary"], ["canary-token"], [""]])(
    "shows no key that may be a value (%j)",
    (key) => {
      const found = of(Schema.Record({ key: Schema.String, value: Schema.String }), { [key]: 1 })
      assert.deepStrictEqual(found, { path: `["..."]`, expected: "a string", actual: "an integer" })
    }
  )

  it("shows a symbol's description no more than a hostile key", () => {
    const found = of(
      Schema.Struct({ text: Schema.optional(Schema.String) }),
      { [Symbol("canary value")]: 1 },
      { onExcessProperty: "error" }
    )
    assert.notInclude(JSON.stringify(found), "canary")
  })

  it("never shows a value", () => {
    const canary = "canary-7f3a"
    const schema = Schema.Struct({
      a: Schema.Number,
      b: Schema.optional(Schema.Array(Schema.Number)),
      c: Schema.optional(Schema.Literal("x", "y"))
    })
    for (const input of [
      { a: canary },
      { a: 1, b: [canary] },
      { a: 1, c: canary },
      canary,
      [canary],
      { a: { canary } }
    ]) {
      assert.notInclude(JSON.stringify(of(schema, input)), canary)
    }
  })
})
