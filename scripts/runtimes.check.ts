// Runs the layers in the runtimes that people have: Node.js, Bun, Deno and workerd; vitest runs in Node.js and browsers only. In
// each, one program (runtimes/program.ts) asks a Mix server and servers that fail, and the lines of docs/runtimes.md have to be what
// it finds. npx fetches the runtimes, into npm's own cache.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { FaultServer, MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import { bundle } from "./bundle.ts"
import type { Answers, Urls } from "./runtimes/program.ts"
import { type Edition, editionNames, editions, nodes, root, run } from "./tarballs.ts"

/** In the workspace, so that `undici` is found. */
const folderOf = (edition: Edition) => join(editions[edition], "node_modules/.cache/runtimes")

const bundlePrograms = async (edition: Edition) => {
  const folder = folderOf(edition)
  mkdirSync(folder, { recursive: true })
  const program = (name: string) => [join(editions[edition], `scripts/runtimes/${name}.ts`)]
  // As users have undici: Bun puts its own in the place of a module of this name.
  await bundle(program("process"), folder, { external: ["undici"], banner: {} })
  await bundle(program("worker"), folder, { platform: "browser", banner: {} })
}

const workerd = (date: string, urls: string, folder: string) => {
  const worker = `modules = [(name = "worker", esModule = embed "worker.mjs")], compatibilityDate = "${date}"`
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "main", worker = (${worker}, bindings = [(name = "urls", text = ${JSON.stringify(urls)})])),
  (name = "internet", network = (allow = ["public", "private"]))
]);`
  writeFileSync(join(folder, `${date}.capnp`), config)
  return ["workerd@1.20261117.1", "test", `${date}.capnp`]
}

const overFetch = ["MixBrowser", "MessagesHttp"]
const every = ["MixNode", ...overFetch]

/** What npx runs. */
type Command = (urls: string, folder: string) => ReadonlyArray<string>

const runtimes: ReadonlyArray<readonly [name: string, layers: ReadonlyArray<string>, Command]> = [
  ...nodes.map((version) => {
    const command: Command = (urls) => [`node@${version}`, "process.mjs", urls]
    return [`Node.js ${version.split(".")[0]}`, ["MixNode"], command] as const
  }),
  ["Bun 1.4", every, (urls) => ["bun@1.4.5", "process.mjs", urls]],
  ["Deno 2.9", every, (urls) => ["deno@2.9.6", "run", "-A", "process.mjs", urls]],
  ["Deno 2.9, `--allow-net` only", every, (urls) => ["deno@2.9.6", "run", "--allow-net", "process.mjs", urls]],
  ...["2023-01-01", "2024-10-01", "2026-11-01"].map(
    (date) => [`workerd, ${date}`, overFetch, (urls: string, folder: string) => workerd(date, urls, folder)] as const
  )
]

const message = { id: "m", sessionId: "session", role: "user", userInput: "Hello" }
const notFound = FaultServer.status(404, [["Content-Type", "text/html"]], "<html>Not here</html>")

/** Closes the connection of the first request when a second one comes on it, and answers that one where it comes again. */
const closed = [FaultServer.answerThenCloseIdle(FaultServer.json([])), FaultServer.json(message)] as const

/** Fresh servers for each layer, so that what one layer sends changes no answer of another. */
const serve = Effect.gen(function* () {
  const mix = yield* MixServer.serve({ seed: { messages: 25 } })
  yield* mix.createSession({ id: "session" })
  const reset = yield* FaultServer.serve(FaultServer.resetMidBody())
  const timeout = yield* FaultServer.serve(FaultServer.stallBeforeHead)
  const urls: Urls = {
    works: mix.url,
    // No server is given this port by chance, and `fetch` does not block it.
    refused: "http://127.0.0.1:4",
    unknown: "http://mix.invalid",
    reset: reset.url,
    closed: (yield* FaultServer.serve(closed)).url,
    timeout: timeout.url,
    html: (yield* FaultServer.serve(notFound)).url
  }
  return { urls, requests: Effect.map(Effect.all([reset.requests, timeout.requests]), (all) => all.flat().length) }
})

const line = (...cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

/** One for a layer, and one for each hint. */
const linesOf = (name: string, layer: string, answers: Answers) => {
  const texts = answers.map(({ text }) => text)
  const isSame = new Set(texts).size === 1
  const cells = isSame ? texts.map((text, index) => (index === 0 ? text : "")) : texts
  const hints = answers.flatMap(({ hint, text }) => (hint ? [line(`\`${text.split(",")[0]}\``, hint)] : []))
  return [line(name, layer, ...cells), ...hints]
}

const squeeze = (text: string) => text.replaceAll(/ +/g, " ")
const documented = squeeze(readFileSync(join(root, "docs/runtimes.md"), "utf8")).split("\n")

describe.each(editionNames)("The lines of docs/runtimes.md: %s", (edition) => {
  const folder = folderOf(edition)
  beforeAll(() => bundlePrograms(edition))

  for (const [name, layers, command] of runtimes) {
    // Effect 4 needs Node.js 22.
    if (edition === "effect-4" && name === "Node.js 20") continue
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const served = yield* Effect.forEach(layers, () => serve)
        const urls = JSON.stringify(Object.fromEntries(layers.map((layer, index) => [layer, served[index]?.urls])))
        const printed = yield* Effect.promise(() => run(folder, "npx", ["--yes", ...command(urls, folder)]))
        const answers = Object.entries<Answers>(JSON.parse(printed))
        const lines = answers.flatMap(([layer, answers]) => linesOf(name, layer, answers)).map(squeeze)
        assert.deepStrictEqual(
          lines.filter((line) => !documented.includes(line)),
          []
        )
        assert.lengthOf(answers, layers.length)
        // Of a runtime that repeats requests by itself there would be more than the read and the message, and messages twice.
        const asked = yield* Effect.forEach(served, ({ requests }) => requests)
        assert.deepStrictEqual(
          asked,
          answers.map(([, [first]]) => (first?.text === "yes" ? 4 : 0))
        )
      })
    )
  }
})
