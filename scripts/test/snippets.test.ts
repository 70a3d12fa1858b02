import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { check, collect, isFor, type Snippet } from "../snippets.ts"
import { root } from "../tarballs.ts"
import { allRun, runOnServer } from "./runSnippets.ts"

const snippet = (line: number, code: string): Snippet => ({
  file: "README.md",
  line,
  code,
  run: true,
  edition: undefined
})

describe("Snippets", () => {
  it("are found in the documents and the doc comments", () => {
    const snippets = collect(root)
    const count = (start: string) => snippets.filter(({ file }) => file.startsWith(start)).length
    assert.isAbove(count("README.md"), 4)
    assert.isAbove(count("docs/"), 1)
    assert.isAbove(count("packages/"), 10)
  })

  it("that do not compile, or that the other Effect need not have for itself, are told by file and line", async () => {
    const wrong = { ...snippet(7, "export {}\nconst n: number = 'one'\n"), file: "wrong.md" }
    const needless: Snippet = { ...snippet(1, "export {}\n"), file: "needless.md", edition: 4 }
    // Nothing here needs the types of the workspace, which take seconds.
    const folder = mkdtempSync(join(tmpdir(), "mix-effect-check-"))
    const compilerOptions = { lib: ["ES5"], types: [], strict: true }
    writeFileSync(join(folder, "tsconfig.check.json"), JSON.stringify({ compilerOptions }))
    const problems = await check(folder, [snippet(1, "export {}\n"), wrong, needless, { ...wrong, edition: 4 }])
    rmSync(folder, { recursive: true })
    assert.deepStrictEqual(problems, [
      "wrong.md:8: Type 'string' is not assignable to type 'number'.",
      "needless.md:1: holds for Effect 3, too: one block is enough"
    ])
  })

  allRun(3, root)
})

describe("A snippet", () => {
  const folder = mkdtempSync(join(tmpdir(), "mix-effect-snippets-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const collectReadme = (text: string) => {
    writeFileSync(join(folder, "README.md"), text)
    return collect(folder)
  }

  it("has the line of its code, and stays in its list", () => {
    assert.deepStrictEqual(collectReadme("# A\n\n- b\n\n  ```ts\n  f(\n    1)\n  ```\n"), [snippet(6, "f(\n  1)\n")])
  })

  it("is not run where it says so", () => {
    assert.deepStrictEqual(collectReadme("```ts no-run\nf()\n```\n"), [{ ...snippet(2, "f()\n"), run: false }])
  })

  it("for Effect 4 takes the place of the one before it", () => {
    const text = "```ts\na()\n```\n\n```ts\nb()\n```\n\n```ts effect-4\nb4()\n```\n"
    const codes = (edition: 3 | 4) =>
      collectReadme(text)
        .filter(isFor(edition))
        .map(({ code }) => code)
    assert.deepStrictEqual(
      [codes(3), codes(4)],
      [
        ["a()\n", "b()\n"],
        ["a()\n", "b4()\n"]
      ]
    )
  })

  it("is each column of a table of both, below the one before it, at the line of its row", () => {
    const table = "| Effect 3 | Effect 4 | |\n| --- | --- | --- |\n| `b()` | `c()` | `d` |\n| words | | |\n"
    const [, three, four] = collectReadme(`\`\`\`ts\na()\n\`\`\`\n\n${table}`)
    assert.deepStrictEqual(three, { ...snippet(6, "a()\n;b()\n;\n"), run: false, edition: 3 })
    assert.deepStrictEqual(four, { ...snippet(6, "a()\n;c()\n;\n"), run: false, edition: 4 })
  })

  it("cannot be marked in another way, which would leave it out", () => {
    assert.throws(() => collectReadme("# A\n```typescript\nf()\n```\n"), /^README.md:2: TypeScript is marked "ts" or/)
    assert.throws(() => collectReadme("```ts norun\nf()\n```\n"), /^README.md:1: .* not "ts norun"$/)
  })

  const imports = `import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Config, Effect, Layer, Stream } from "effect"
`
  const get = (limit: number) =>
    `Effect.flatMap(MessagesService, (messages) => messages.getHistory({ limit: ${limit} }))`

  it.scopedLive("that fails is told by its file and line, whichever way it is run; others find the server", () =>
    Effect.gen(function* () {
      const { problems, targets } = yield* runOnServer([
        snippet(1, `throw new Error("at once")`),
        snippet(2, `import { Effect } from "effect"\nEffect.runPromise(Effect.fail(new Error("top level")))`),
        snippet(3, `import { Effect } from "effect"\nexport const main = Effect.fail(new Error("effect"))`),
        snippet(4, `import { Stream } from "effect"\nexport const all = Stream.fail(new Error("stream"))`),
        snippet(5, `${imports}export const live = MixNode.layer({ serverUrl: "nowhere" })`),
        snippet(6, `export const later = Promise.reject(new Error("promise"))`),
        snippet(
          7,
          `import { Context, Effect } from "effect"\nexport const more = Effect.andThen(Context.GenericTag("More"), 1)`
        ),
        // Where the documents say it is, in the environment, and in a service.
        snippet(
          11,
          `${imports}Effect.runPromise(${get(1)}.pipe(Effect.provide(MixNode.layer({ serverUrl: "http://localhost:8088" }))))`
        ),
        snippet(12, `${imports}${get(2)}.pipe(Effect.provide(MixNode.layer()), Effect.runPromise)`),
        snippet(13, `${imports}export const main = ${get(3)}`),
        snippet(14, `${imports}export const ends = Stream.runDrain(Stream.never)`),
        snippet(
          15,
          `${imports}export const live = MixNode.layerConfig({ serverUrl: Config.string("ONLY_THE_READER_HAS_IT") })`
        )
      ])
      const told = problems.map((problem) => problem.split("\n")[0]?.replace(/ \(.*/, "")).sort()
      assert.deepStrictEqual(told, [
        "README.md:1: Error: at once",
        "README.md:2: Error: top level",
        "README.md:3: main: Error: effect",
        "README.md:4: all: Error: stream",
        "README.md:5: live: Error:",
        "README.md:7: more: Error: Service not found: More",
        "in the background of a snippet: Error: promise"
      ])
      assert.deepStrictEqual(
        targets.sort(),
        [1, 2, 3].map((limit) => `GET /api/messages/history?limit=${limit}`)
      )
    })
  )
})
