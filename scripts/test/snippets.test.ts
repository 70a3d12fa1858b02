import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { check, collect } from "../snippets.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

describe("Snippets", () => {
  it("every snippet of the documents and doc comments compiles", { timeout: 60_000 }, () => {
    const snippets = collect(root)
    assert.isAbove(snippets.filter(({ name }) => name.startsWith("README.md")).length, 5)
    assert.isAbove(snippets.filter(({ name }) => name.startsWith("packages/")).length, 10)
    assert.deepStrictEqual(check(root, snippets), [])
  })

  it("a snippet that does not compile is told by its file and line", { timeout: 60_000 }, () => {
    const problems = check(root, [{ name: "README.md:7", code: "const n: number = 'one'\nexport {}\n" }])
    assert.deepStrictEqual(problems, ["README.md:7 +1: Type 'string' is not assignable to type 'number'."])
  })
})
