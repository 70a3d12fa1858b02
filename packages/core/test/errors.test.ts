/** The errors of each operation, in types and in docs/errors.md, and the fields of each error. */
import { readFileSync } from "node:fs"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { MixError, type Service, type Sessions } from "../src/index.ts"
import { common, errorsByOperation } from "./errorsByOperation.ts"

type Operations = Service & Sessions

type ErrorOf<Result> =
  Result extends Effect.Effect<unknown, infer E, never>
    ? E
    : Result extends Effect.Effect<unknown, infer E, infer _R>
      ? E
      : Result extends Stream.Stream<unknown, infer E>
        ? E
        : never

type Tag<E> = E extends { readonly _tag: infer Name } ? Name : never

const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8")

/** The rows of the table below a heading, as the cells between the bars. */
const table = (heading: string): ReadonlyArray<ReadonlyArray<string>> => {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? assert.fail(`no section ${heading}`)
  const rows = section.split("\n").filter((line) => line.startsWith("|"))
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  )
}

const codes = (cell = "") => [...cell.matchAll(/`(\w+)`/g)].map(([, code]) => code as string)

/** The fields that can be set on each error, and what its class computes. */
const fields: Readonly<Record<string, ReadonlyArray<string>>> = Object.fromEntries(
  MixError.members.map((error) => {
    const base: object = Object.getPrototypeOf(error.prototype)
    return [error._tag, [error.prototype, base].flatMap(Object.getOwnPropertyNames).concat(Object.keys(error.fields))]
  })
)

const tags = Object.keys(fields)

describe("errors", () => {
  it("the types of the services agree with the table", () => {
    type Listed = { [Name in keyof typeof errorsByOperation]: (typeof errorsByOperation)[Name][number] }
    type Typed = { [Name in keyof Operations]: Tag<ErrorOf<ReturnType<Operations[Name]>>> }
    expectTypeOf<Listed>().toEqualTypeOf<Typed>()
  })

  it("docs/errors.md says of each operation what the table says", () => {
    const [all, ...more] = table("The errors of each operation")
    assert.sameMembers(codes(all?.[1]), [...common])
    const documented = Object.fromEntries(
      more.flatMap(([operations, errors]) => codes(operations).map((name) => [name, codes(errors).sort()]))
    )
    const expected = Object.entries(errorsByOperation).flatMap(([name, errors]) => {
      const own = errors.filter((tag) => !common.includes(tag as never)).sort()
      return own.length === 0 ? [] : [[name, own]]
    })
    assert.deepStrictEqual(documented, Object.fromEntries(expected))
  })

  it("docs/errors.md explains every error", () => {
    assert.sameMembers(
      table("The errors").flatMap(([tag]) => codes(tag)),
      tags
    )
  })

  it("docs/errors.md says which errors have a field", () => {
    const ofHttp = [...common.slice(1), "ReplyPending"]
    const ofWalks = ["HistoryStalled", "HistoryDrift"]
    const groups: Readonly<Record<string, ReadonlyArray<string>>> = {
      all: tags,
      "all but those of a walk": tags.filter((tag) => !ofWalks.includes(tag)),
      "those of HTTP": ofHttp,
      "those of a status": common.slice(1, 7),
      "those of streams": [...common.slice(1), ...ofWalks]
    }
    for (const [names, on = ""] of table("Fields")) {
      // A constant of most classes, so no field.
      if (names === "`status`") continue
      const expected = on.split(", ").flatMap((group) => groups[group] ?? codes(group))
      for (const name of codes(names)) {
        const found = tags.filter((tag) => fields[tag]?.includes(name))
        assert.sameMembers(found, expected, name)
      }
    }
  })
})
