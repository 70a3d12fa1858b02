import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { report } from "../api.ts"

describe("The report of a package", () => {
  const folder = mkdtempSync(join(tmpdir(), "mix-effect-api-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const one = join(folder, "one")
  const write = (path: string, text: string) => {
    mkdirSync(join(one, path, ".."), { recursive: true })
    writeFileSync(join(one, path), text)
  }
  write("package.json", '{ "name": "@mix-effect/one", "type": "module" }')
  write("dist/index.d.ts", 'export * from "./Word.js"\n')
  write("src/index.ts", "/**\n * One.\n *\n * @since 0.1.0\n */\n")
  write("src/Word.ts", "/**\n * Words.\n *\n * @since 0.1.0\n */\n")
  const word = (type: string, doc = "A word.\n * @since 0.1.0\n * @category models") =>
    write(
      "dist/Word.d.ts",
      `interface Hidden { n: number }\n/**\n * ${doc}\n */\nexport declare const word: ${type}\nexport {}\n`
    )
  const check = (update = false) => report(one, join(folder, "reports"), update)

  it("holds each signature and what stands in it, and is stale when one changes", () => {
    word("(hidden: Hidden) => void")
    assert.deepStrictEqual(check(true), [])
    const text = readFileSync(join(folder, "reports/one.api.md"), "utf8")
    assert.include(text, "const word: (hidden: Hidden) => void;")
    assert.include(text, "interface Hidden {")
    assert.deepStrictEqual(check(), [])
    word("(hidden?: Hidden) => void")
    assert.strictEqual(check().filter((problem) => problem.endsWith("one.api.md is stale (npm run api)")).length, 1)
  })

  it("comes with what the doc comments lack", () => {
    word("string", "@category a\n * @category b")
    write("src/Word.ts", "")
    assert.deepStrictEqual(check(true), [
      "@mix-effect/one: Word needs one @since in a comment at its top",
      "@mix-effect/one: Word.word needs one @since",
      "@mix-effect/one: Word.word needs one @category",
      "@mix-effect/one: Word.word has no description"
    ])
  })
})
