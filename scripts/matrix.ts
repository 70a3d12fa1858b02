// Uses the packages of an edition outside the workspace: installed with npm beside the newest Effect that they promise to
// serve and with pnpm beside the oldest, a program on all of them is type-checked by old and new compilers and run by `import`
// and `require`; a page is bundled, and run where there is nothing of Node. Each compiler, Node.js and bundler is tried with one
// of the two installations only: all pairs take twice as long, and have told no more.
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import * as esbuild from "esbuild"
import { type Edition, editions, nodes, pnpm, readJson, root, run } from "./tarballs.ts"

/** A compiler that does not pass on the types of Effect itself: only what it says of other files counts. */
const oldCompiler = "5.4.5"

/** What each edition promises to run with, and what the page of vite (rollup and a minifier) may weigh, gzipped. */
const promises = {
  "effect-3": {
    other: "effect-4" as const,
    peers: { effect: "^3.22.0", "@effect/platform": "^0.97.0" },
    compilers: [oldCompiler, "5.9.3", "7.0.2"],
    nodes,
    pageBudget: 97_200
  },
  "effect-4": {
    other: "effect-3" as const,
    peers: { effect: "^4.1.0" },
    compilers: ["5.9.3", "7.0.2"],
    nodes: nodes.slice(1),
    pageBudget: 62_000
  }
}

/** What npm need not ask the registry again and again. */
const env = { npm_config_audit: "false", npm_config_fund: "false", npm_config_prefer_offline: "true" }

/** How the packages are installed, and beside which versions of a range. */
const managers = {
  npm: { peer: (range: string) => range, command: "npm install --ignore-scripts --prefer-offline=false" },
  pnpm: {
    peer: (range: string) => range.slice(1),
    command: `npx ${pnpm.join(" ")} install --ignore-scripts --strict-peer-dependencies`
  }
}

/** What is tried with a manager: every second one with npm, and the others with pnpm. */
const half = (manager: string, all: ReadonlyArray<string>) =>
  all.filter((_, index) => (index % 2 === 1) === (manager === "npm"))

const compilerOptions = {
  ...{ target: "ES2022", lib: ["ES2022", "DOM", "DOM.Iterable"], module: "NodeNext", types: ["node"] },
  ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, outDir: "out" }
}

/** Each writes the page, for browsers, to a file of its name in `bundles`. */
const bundlers: Record<string, ReadonlyArray<string>> = {
  esbuild: ["out/page.js", "--bundle", "--minify", "--format=esm", "--outfile=bundles/esbuild.mjs"],
  rollup: ["--config", join(root, "scripts/matrix/rollup.config.mjs"), "--silent"],
  vite: ["build", "--logLevel", "error", "--emptyOutDir", "false"]
}

/** What the program prints: a count for each layer, and the tag of an error. */
const printed = "250 250 250 1 ServerError"

/** By name: versions, or tarballs. */
type Dependencies = Readonly<Record<string, string>>

/** A project in an empty folder. Packages of one release depend on each other, and are in no registry yet. */
const writeProject = (
  folder: string,
  edition: Edition,
  packages: Dependencies,
  peers: Dependencies,
  compilers: ReadonlyArray<string> = []
) => {
  const typescripts = compilers.map((version) => [`typescript-${version}`, `npm:typescript@${version}`])
  const write = (file: string, content: object) => writeFileSync(join(folder, file), JSON.stringify(content))
  cpSync(join(editions[edition], "scripts/matrix"), folder, { recursive: true })
  write("package.json", {
    ...{ name: "stranger", private: true, type: "module", pnpm: { overrides: packages } },
    dependencies: { ...packages, ...peers },
    devDependencies: { "@types/node": "20", ...Object.fromEntries(typescripts) }
  })
  write("tsconfig.json", { compilerOptions, files: ["program.ts", "page.ts"] })
}

const compile = async (folder: string, version: string) => {
  try {
    await run(folder, "node", [join("node_modules", `typescript-${version}`, "bin/tsc"), "--pretty", "false"])
  } catch (error) {
    const lines = String(error).match(/^.*\berror TS\d+.*$/gm) ?? []
    const others = lines.filter((line) => !/node_modules\/(effect|@effect\/platform)\/dist\/\S+ error/.test(line))
    if (version !== oldCompiler || lines.length === 0 || others.length > 0) throw error
  }
}

/** The same program by `import` and by `require`, which may give it another build of effect than the SDK has. */
const execute = async (folder: string, version: string) => {
  const { code } = await esbuild.transform(readFileSync(join(folder, "program.ts")), { loader: "ts", format: "cjs" })
  writeFileSync(join(folder, "program.cjs"), code)
  const command = "node out/program.js && node program.cjs"
  const said = await run(folder, "npx", ["--yes", "--package", `node@${version}`, "--call", command], env)
  assert.deepStrictEqual(said.split("\n"), [printed, printed])
}

const withServer = <A>(use: (url: string) => Promise<A>) =>
  MixServer.serve({ seed: { sessions: 3, messages: 250 } }).pipe(
    Effect.flatMap(({ url }) => Effect.promise(() => use(url))),
    Effect.scoped,
    Effect.runPromise
  )

/** Bundles, and runs the page where there is no `process`, no `eval` and no package to import. */
const bundle = async (folder: string, name: string, budget: number) => {
  await run(folder, join(root, "node_modules/.bin", name), bundlers[name] ?? [])
  const file = join("bundles", `${name}.mjs`)
  // Vite puts something empty where a module of Node was asked for.
  const code = readFileSync(join(folder, file), "utf8")
  assert.notInclude(code, "__vite-browser-external")
  const stdin = { contents: code, loader: "js" as const }
  const options = { stdin, bundle: true, packages: "external" as const, format: "esm" as const, write: false }
  const { metafile } = await esbuild.build({ ...options, platform: "neutral", metafile: true })
  assert.deepStrictEqual(metafile.inputs["<stdin>"]?.imports, [])
  const told = await withServer((url) =>
    run(folder, "node", ["--disallow-code-generation-from-strings", "page.mjs", url, file])
  )
  assert.strictEqual(told, "250 messages")
  if (name === "vite") assert.isAtMost(gzipSync(code, { level: 9 }).length, budget)
}

/** The other major is another API under the same name: beside it npm refuses the packages, and says which to take. */
const refusesOther = async (folder: string, edition: Edition, packages: Dependencies) => {
  const { other } = promises[edition]
  writeProject(folder, edition, packages, promises[other].peers)
  const said = await run(folder, "npm", ["install", "--package-lock-only"], env).catch(String)
  assert.include(said, "ERESOLVE")
  assert.include(said, `install-the-dist-tag-${other}`)
}

/** Does what the guide says, from top to bottom: writes the files that it names, and runs its commands. */
const followGuide = async (folder: string, edition: Edition) => {
  cpSync(join(folder, "out/program.js"), join(folder, "main.js"))
  const guide = readFileSync(join(root, "docs/bundling.md"), "utf8")
  const own = edition === "effect-3" ? guide : guide.replace(/^This is for Effect 3 only[\s\S]*?^## /m, "## ")
  const path = `${join(editions[edition], "node_modules/.bin")}${delimiter}${process.env.PATH}` // Effect 4 has its own Node.js.
  for (const [, name, language, block = ""] of own.matchAll(/^(?:`(\S+)`:\n\n)?```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (name !== undefined) writeFileSync(join(folder, name), block)
    if (language !== "sh") continue
    const said = await run(folder, "sh", ["-ec", block], { ...env, PATH: path })
    if (block.includes("node bundle/")) assert.strictEqual(said.split("\n").at(-1), printed, block)
  }
}

/** Projects that install the packages of an edition, each in a folder of its own. */
export const describeProjects = (folder: string, edition: Edition, packed: Dependencies) => {
  const packages = Object.fromEntries(Object.entries(packed).map(([name, file]) => [name, `file:${file}`]))
  const { compilers, nodes, pageBudget, peers } = promises[edition]
  describe.concurrent.each(Object.entries(managers))(`${edition} by %s`, (manager, { command, peer }) => {
    const at = join(folder, `${edition}-${manager}`)
    const versions = Object.fromEntries(Object.entries(peers).map(([name, range]) => [name, peer(range)]))
    it.sequential("is installed", async () => {
      writeProject(at, edition, packages, versions, half(manager, compilers))
      await run(at, "sh", ["-c", command], env)
      console.log(`${edition} by ${manager}: effect ${readJson(at, "node_modules/effect/package.json").version}`)
    })
    it.sequential.each(half(manager, compilers))("TypeScript %s", (version) => compile(at, version))
    it.sequential.each(half(manager, nodes))("Node.js %s", (version) => execute(at, version))
    if (manager !== "npm") return
    it.sequential.each(Object.keys(bundlers))("a page by %s", (name) => bundle(at, name, pageBudget))
    it.sequential("is refused beside the other Effect", () => refusesOther(`${at}-wrong`, edition, packages))
    it.sequential("docs/bundling.md", () => followGuide(at, edition))
  })
}
