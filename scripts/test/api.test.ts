import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { fileOf, page, read } from "../api.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

describe("The public API", async () => {
  const { packages, problems } = await read(root)

  it("has a page for each package, and no other page", () => {
    assert.deepStrictEqual(
      readdirSync(join(root, "docs/api"))
        .sort()
        .map((name) => `docs/api/${name}`),
      packages.map(fileOf)
    )
  })

  it.each(packages)("$name is what its page says (npm run api)", (each) => {
    const text = page(each)
    assert.strictEqual(readFileSync(join(root, fileOf(each)), "utf8"), text)
    assert.notInclude(text, root)
  })

  it("has for each export a description, one @since and one @category", () => {
    assert.deepStrictEqual(problems, [])
  })
})

describe("A page", () => {
  const folder = mkdtempSync(join(tmpdir(), "mix-effect-api-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const write = (path: string, text: string) => writeFileSync(join(folder, path), text)
  mkdirSync(join(folder, "packages/one/src/internal"), { recursive: true })
  write(
    "tsconfig.check.json",
    '{ "compilerOptions": { "strict": true, "noEmit": true, "lib": ["ES2022"], "types": [] } }'
  )
  write("packages/one/package.json", '{ "name": "@mix-effect/one" }')
  write("packages/one/src/index.ts", '/** One.\n *\n * @since 0.1.0 */\nexport * from "./Word.ts"\n')
  write("packages/one/src/internal/more.ts", "/** @since 0.1.0 */\nexport const more = 1\n")

  /** What is said of a package whose one module is this. */
  const readWord = async (code: string) => {
    write("packages/one/src/Word.ts", `/**\n * Words.\n *\n * @since 0.1.0\n */\n${code}`)
    const { packages, problems } = await read(folder)
    return { text: packages.map(page).join(), problems }
  }
  const word = (type: string) =>
    `interface Hidden {}\n/**\n * A word.\n *\n * @since 0.1.0\n * @category models\n */\nexport const word: ${type} = () => {}\n`

  it("says what a module exports, and what stands in its types", async () => {
    const { problems, text } = await readWord(word("(hidden: Hidden) => void"))
    assert.deepStrictEqual(problems, [])
    assert.include(
      text,
      "### word\n\n*models, since 0.1.0*\n\nA word.\n\n```ts\nconst word: (hidden: Hidden) => void;\n```\n"
    )
    assert.include(text, "### Not exported by Word, but part of these types\n\n```ts\ninterface Hidden {\n}\n```\n")
  })

  it("changes with a signature", async () => {
    assert.include((await readWord(word("(length?: number) => void"))).text, "const word: (length?: number) => void;")
  })

  it("orders what the compiler infers, whatever came first", async () => {
    const inferred = "/**\n * One.\n *\n * @since 0.1.0\n * @category models\n */\nexport const one = either()\n"
    const either = (type: string) => `declare const either: () => ${type}\n${inferred}`
    assert.include((await readWord(either('undefined | "b" | "a"'))).text, 'const one: "a" | "b" | undefined;')
    assert.include(
      (await readWord(either("{ readonly [K in 'second' | 'first']: K }"))).text,
      'const one: {\n  readonly first: "first";\n  readonly second: "second";\n};'
    )
  })

  it("tells what an export lacks by file and line, also where it is exported from elsewhere", async () => {
    const { problems } = await readWord(
      '/**\n * Two.\n *\n * @category a\n * @category b\n */\nexport const two = 2\nexport { more } from "./internal/more.ts"\n'
    )
    assert.deepStrictEqual(problems.sort(), [
      "packages/one/src/Word.ts:12: two needs one @category",
      "packages/one/src/Word.ts:12: two needs one @since",
      "packages/one/src/internal/more.ts:2: more has no description",
      "packages/one/src/internal/more.ts:2: more needs one @category"
    ])
  })
})
