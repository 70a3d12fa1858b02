import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import { check, collect, isFor, runAll, type Snippet } from "../snippets.ts"
import { editions } from "../tarballs.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const snippet = (line: number, code: string): Snippet => ({
  file: "README.md",
  line,
  code,
  run: true,
  edition: undefined
})

/** Runs snippets against a served Mix server, and answers with what failed and with what the server was asked. */
const runOnServer = (snippets: ReadonlyArray<Snippet>, workspace = root) =>
  Effect.gen(function* () {
    const server = yield* MixServer.serve({ seed: { sessions: 3, messages: 120 } })
    const sessions = snippets.flatMap(({ code }) => [...code.matchAll(/SessionId\.make\("([^"]+)"\)/g)])
    yield* Effect.forEach(sessions, ([, id = ""]) => server.createSession({ id }))
    const problems = yield* Effect.promise(() => runAll(workspace, snippets, server.url))
    const targets = (yield* server.requests).map(({ method, target }) => `${method} ${target}`)
    return { problems, targets }
  })

/** What holds for both major versions of Effect, with that of a workspace. */
const allHold = (edition: 3 | 4, workspace: string) => {
  // Where the workspace of the edition is missing, vitest runs this function all the same.
  const collected = () => collect(root, workspace)

  it("all compile; one that does not, or that the other Effect need not have for itself, is told by its file and line", async () => {
    const wrong = { ...snippet(7, "export {}\nconst n: number = 'one'\n"), file: "wrong.md" }
    const other = edition === 3 ? (4 as const) : (3 as const)
    const needless = { ...snippet(1, "export {}\n"), file: "needless.md", edition: other }
    const problems = await check(workspace, [...collected(), wrong, needless, { ...wrong, edition: other }], edition)
    assert.deepStrictEqual(problems, [
      "wrong.md:8: Type 'string' is not assignable to type 'number'.",
      `needless.md:1: holds for Effect ${edition}, too: one block is enough`
    ])
  })

  it.scopedLive("all run, but for those marked `no-run`", () =>
    Effect.gen(function* () {
      const own = collected().filter((snippet) => snippet.run && isFor(edition)(snippet))
      const { problems, targets } = yield* runOnServer(own, workspace)
      assert.deepStrictEqual(problems, [])
      assert.include(targets.join("\n"), "GET /api/messages/history")
      // A session is made, and asked by the route of the server of Sept 25, 2025.
      assert.include(targets.join("\n"), "POST /api/sessions")
      assert.include(targets.join("\n"), "POST /stream/")
    })
  )
}

describe("Snippets", () => {
  it("are found in the documents and the doc comments", () => {
    const snippets = collect(root)
    const count = (start: string) => snippets.filter(({ file }) => file.startsWith(start)).length
    assert.isAbove(count("README.md"), 4)
    assert.isAbove(count("docs/"), 1)
    assert.isAbove(count("packages/"), 10)
  })

  allHold(3, root)
})

// Without the edition they are skipped, which shows; where `CI` is set they fail.
const isInstalled = existsSync(join(editions["effect-4"], "node_modules"))
describe.skipIf(!isInstalled && !process.env.CI)("Snippets with Effect 4 (see editions/effect-4/README.md)", () => {
  allHold(4, editions["effect-4"])
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
