// Uses the packages as a stranger does: packs them, installs the tarballs with npm into an empty folder outside the workspace,
// type-checks a ten-line program there under the strictest settings, and runs it against a served `MixServer`.
//   npm run build && npm run check:packed
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { MixServer } from "@mix-effect/testing"
import { Console, Effect } from "effect"

const root = fileURLToPath(new URL("..", import.meta.url))
const pnpm = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("+")[0]

const program = `import { MessagesService, SessionId } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Console, Effect, Stream } from "effect"
const program = Effect.gen(function* () {
  const messages = yield* MessagesService
  const history = yield* messages.streamHistory().pipe(Stream.runCount)
  const session = yield* messages.listSession({ id: SessionId.make(process.argv[2] ?? "") })
  yield* Console.log(\`\${history} in the history, \${session.length} in the session\`)
})
program.pipe(Effect.provide(MixNode.layer()), Effect.runPromise)
`

const tsconfig = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2022", "DOM", "DOM.Iterable"],
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ["node"]
  },
  files: ["program.ts"]
}

/** Runs a command and answers with what it printed; what it printed is told if it fails. */
const run = (cwd: string, file: string, args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  Effect.tryPromise({
    try: () => promisify(execFile)(file, args, { cwd, env: { ...process.env, ...env } }),
    catch: (error) => {
      const { stderr, stdout } = error as { stdout?: string; stderr?: string }
      return new Error(`${file} ${args.join(" ")}\n${stdout}${stderr}`)
    }
  }).pipe(Effect.map(({ stdout }) => stdout.trim()))

const tempFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mix-effect-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const main = Effect.gen(function* () {
  const folder = yield* tempFolder
  const tarballs = yield* Effect.forEach(["browser", "core", "http", "node", "testing"], (name) =>
    run(join(root, "packages", name), "npx", ["--yes", pnpm, "pack", "--json", "--pack-destination", folder]).pipe(
      Effect.map((printed) => (JSON.parse(printed) as { filename: string }).filename)
    )
  )
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "stranger", private: true, type: "module" }))
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
  writeFileSync(join(folder, "program.ts"), program)
  const tools = ["effect@^3.22", "@effect/platform@^0.97", "typescript@~5.9", "@types/node@20"]
  yield* run(folder, "npm", ["install", "--no-audit", "--no-fund", ...tools, ...tarballs])
  yield* run(folder, "npx", ["tsc"])

  const server = yield* MixServer.serve({ seed: { sessions: 3, messages: 250 } })
  const [session = ""] = yield* server.sessions
  const printed = yield* run(folder, "node", ["program.js", session], { MIX_SERVER_URL: server.url })
  yield* Console.log(`Installed ${tarballs.length} tarballs; the program compiles, and printed: ${printed}`)
  if (!/^250 in the history, [1-9]\d* in the session$/.test(printed))
    yield* Effect.fail(new Error("not what it should print"))
}).pipe(Effect.scoped)

Effect.runPromise(main).catch((error: unknown) => {
  console.error(String(error))
  process.exitCode = 1
})
