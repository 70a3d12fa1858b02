// Runs the layers in the runtimes that people have: Node.js, Bun, Deno and workerd; vitest runs in Node.js and browsers only. In
// each, one program (runtimes/program.ts) asks a Mix server and servers that fail. Prints what it answers as the tables of
// docs/runtimes.md, and fails if a line is not there. npx fetches the runtimes, into npm's own cache.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { FaultServer, MixServer } from "@mix-effect/testing"
import { Console, Effect } from "effect"
import { bundle } from "./bundle.ts"
import { type Answer, servers, type Urls } from "./runtimes/program.ts"
import { nodes, root, run } from "./tarballs.ts"

/** In the workspace, so that `undici` is found. */
const folder = join(root, "node_modules/.cache/runtimes")

interface Runtime {
  readonly name: string
  readonly layers: ReadonlyArray<string>
  readonly start: (urls: string) => Promise<string>
}

const npx = (...args: ReadonlyArray<string>) => run(folder, "npx", ["--yes", ...args])

const node = (version: string): Runtime => ({
  name: `Node.js ${version.split(".")[0]}`,
  layers: ["MixNode"],
  start: (urls) => npx(`node@${version}`, "process.mjs", urls)
})

const workerd = (date: string): Runtime => ({
  name: `workerd, ${date}`,
  layers: ["MixBrowser", "MessagesHttp"],
  start: (urls) => {
    const worker = `modules = [(name = "worker", esModule = embed "worker.mjs")], compatibilityDate = "${date}"`
    const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "main", worker = (${worker}, bindings = [(name = "urls", text = ${JSON.stringify(urls)})])),
  (name = "internet", network = (allow = ["public", "private"]))
]);`
    writeFileSync(join(folder, `${date}.capnp`), config)
    return npx("workerd@1.20261117.1", "test", `${date}.capnp`)
  }
})

const every = ["MixNode", "MixBrowser", "MessagesHttp"]

const deno = (name: string, allowed: string): Runtime => ({
  name,
  layers: every,
  start: (urls) => npx("deno@2.9.6", "run", allowed, "process.mjs", urls)
})

const runtimes: ReadonlyArray<Runtime> = [
  ...nodes.map(node),
  { name: "Bun 1.4", layers: every, start: (urls) => npx("bun@1.4.5", "process.mjs", urls) },
  deno("Deno 2.9", "-A"),
  deno("Deno 2.9, `--allow-net` only", "--allow-net"),
  workerd("2023-01-01"),
  workerd("2024-10-01"),
  workerd("2026-11-01")
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
  // A runtime that repeats requests by itself would repeat messages.
  const repeated = Effect.map(Effect.all([reset.requests, timeout.requests]), (all) => all.flat().length - 4)
  return { urls, repeated }
})

const line = (...cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

/** The lines of both tables: one for each layer, and one for each hint. */
const ask = ({ layers, name, start }: Runtime) =>
  Effect.gen(function* () {
    const served = yield* Effect.forEach(layers, (layer) => Effect.map(serve, (server) => ({ layer, ...server })))
    const urls = JSON.stringify(Object.fromEntries(served.map(({ layer, urls }) => [layer, urls])))
    const printed = yield* Effect.tryPromise({ try: () => start(urls), catch: String })
    const answers = JSON.parse(printed) as ReadonlyArray<readonly [layer: string, ReadonlyArray<Answer>]>
    const lines = yield* Effect.forEach(answers, ([layer, answers], index) =>
      Effect.gen(function* () {
        const texts = answers.map(({ text }) => text)
        if (new Set(texts).size === 1) return line(name, layer, texts[0] ?? "", ...servers.slice(1).map(() => ""))
        const repeated = yield* served[index]?.repeated ?? Effect.succeed(Number.NaN)
        return line(name, layer, ...texts) + (repeated === 0 ? "" : ` ${repeated} requests were repeated`)
      })
    )
    const hints = answers.flatMap(([, answers]) =>
      answers.flatMap(({ hint, text }) => (hint === undefined ? [] : [line(`\`${text.split(",")[0]}\``, hint)]))
    )
    return { lines, hints }
  }).pipe(
    Effect.scoped,
    Effect.catchAll((error) => Effect.succeed({ lines: [`${name}: ${error}`], hints: [] }))
  )

await Effect.runPromise(
  Effect.gen(function* () {
    mkdirSync(folder, { recursive: true })
    const external = ["undici"] // As users have it: Bun puts its own in the place of a module of this name.
    const program = (name: string) => [join(root, `scripts/runtimes/${name}.ts`)]
    yield* Effect.promise(() => bundle(program("process"), folder, { external, banner: {} }))
    yield* Effect.promise(() => bundle(program("worker"), folder, { platform: "browser", banner: {} }))
    const found = yield* Effect.forEach(runtimes, ask, { concurrency: 2 })
    const lines = [...found.flatMap(({ lines }) => lines), ...new Set(found.flatMap(({ hints }) => hints))]
    yield* Console.log(lines.join("\n"))
    const squeeze = (text: string) => text.replaceAll(/ +/g, " ")
    const documented = new Set(squeeze(readFileSync(join(root, "docs/runtimes.md"), "utf8")).split("\n"))
    const missing = lines.filter((line) => !documented.has(squeeze(line)))
    if (missing.length === 0) return
    yield* Console.error(`Not in docs/runtimes.md:\n${missing.join("\n")}`)
    process.exitCode = 1
  })
)
