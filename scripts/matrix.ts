// Uses the packages of both editions outside the workspace: installed with npm beside the newest Effect that they promise to
// serve and with pnpm beside the oldest, a program on all of them is type-checked by old and new compilers and run by `import`
// and `require`; a page is bundled, and run where there is nothing of Node.
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { MixServer } from "@mix-effect/testing"
import { Effect, Exit, Scope } from "effect"
import * as esbuild from "esbuild"
import semver from "semver"
import { type Edition, editions, isEdition, nodes, pnpm, readJson, root, run } from "./tarballs.ts"

/** A compiler that does not pass on the types of Effect itself: only what it says of other files counts. */
const oldCompiler = "5.4.5"

/** What each edition promises to run with, and what the page of rollup may weigh, minified and gzipped. */
const promises = {
  "effect-3": {
    peers: { effect: "^3.22.0", "@effect/platform": "^0.97.0" },
    compilers: [oldCompiler, "5.9.3", "7.0.2"],
    nodes,
    pageBudget: 97_000
  },
  "effect-4": {
    peers: { effect: "^4.1.0" },
    compilers: ["5.9.3", "7.0.2"],
    nodes: nodes.slice(1),
    pageBudget: 65_500
  }
}

const managers = {
  npm: { peer: (range: string) => range, install: ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"] },
  pnpm: {
    peer: (range: string) => semver.minVersion(range)?.version ?? range,
    install: ["npx", ...pnpm, "install", "--ignore-scripts", "--strict-peer-dependencies"]
  }
}

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

const prints = async (folder: string, args: ReadonlyArray<string>, expected: RegExp, node = "node") => {
  const line = await run(folder, node, args)
  if (!expected.test(line)) throw new Error(`node ${args.join(" ")} printed: ${line}`)
}

/** A count for each layer, and the tag of an error. */
const printed = /^250 250 250 1 ServerError$/

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
  const source = readFileSync(join(folder, "program.ts"), "utf8")
  writeFileSync(join(folder, "program.cjs"), (await esbuild.transform(source, { loader: "ts", format: "cjs" })).code)
  const node = await run(root, "npx", ["--yes", `node@${version}`, "--print", "process.execPath"])
  for (const file of ["out/program.js", "program.cjs"]) await prints(folder, [file], printed, node)
}

/** Bundles, and runs the page where there is no `process`, no `eval` and no package to import. */
const bundle = async (folder: string, name: string, serverUrl: string, budget: number) => {
  await run(folder, join(root, "node_modules/.bin", name), bundlers[name] ?? [])
  const code = readFileSync(join(folder, "bundles", `${name}.mjs`), "utf8")
  // All that a bundle still imports. Vite puts something empty where a module of Node was asked for.
  const file = { entryPoints: [join(folder, `bundles/${name}.mjs`)], outdir: folder, write: false }
  const { metafile } = await esbuild.build({
    ...file,
    bundle: true,
    packages: "external",
    format: "esm",
    metafile: true
  })
  const foreign = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path))
  if (foreign.length > 0 || code.includes("__vite-browser-external")) throw new Error(`not for browsers: ${foreign}`)
  const size = gzipSync(code, { level: 9 }).length
  if (name === "rollup" && size > budget) throw new Error(`${size} bytes, and ${budget} are allowed`)
  const args = ["--disallow-code-generation-from-strings", "page.mjs", serverUrl, `bundles/${name}.mjs`]
  await prints(folder, args, /^250 messages$/)
}

/** Does what the guide says, from top to bottom: writes the files that it names, and runs its commands. */
const followGuide = async (folder: string) => {
  cpSync(join(folder, "out/program.js"), join(folder, "main.js"))
  const guide = readFileSync(join(root, "docs/bundling.md"), "utf8")
  for (const [, name, language, block = ""] of guide.matchAll(/^(?:`(\S+)`:\n\n)?```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (name !== undefined) writeFileSync(join(folder, name), block)
    if (language !== "sh") continue
    const last = (await run(folder, "sh", ["-ec", block])).split("\n").at(-1) ?? ""
    if (block.includes("node bundle/") && !printed.test(last)) throw new Error(`${block}printed: ${last}`)
  }
}

/** A project in an empty folder, with the packages in `tarballs`. */
const writeProject = (folder: string, edition: Edition, name: keyof typeof managers) => {
  // Those of one release depend on each other, and are in no registry yet.
  const packages = Object.fromEntries(
    readdirSync(join(folder, "..", edition)).flatMap((file) => {
      const id = /^mix-effect-([a-z]+)-.*\.tgz$/.exec(file)?.[1]
      return id === undefined ? [] : [[`@mix-effect/${id}`, `file:${join(folder, "..", edition, file)}`]]
    })
  )
  const { compilers, peers } = promises[edition]
  const effects = Object.entries(peers).map(([peer, range]) => [peer, managers[name].peer(range)])
  const typescripts = compilers.map((version) => [`typescript-${version}`, `npm:typescript@${version}`])
  const write = (file: string, content: object) => writeFileSync(join(folder, file), JSON.stringify(content))
  cpSync(join(editions[edition], "scripts/matrix"), folder, { recursive: true })
  write("package.json", {
    ...{ name: "stranger", private: true, type: "module", pnpm: { overrides: packages } },
    dependencies: { ...packages, ...Object.fromEntries(effects) },
    devDependencies: { "@types/node": "20", ...Object.fromEntries(typescripts) }
  })
  write("tsconfig.json", { compilerOptions, files: ["program.ts", "page.ts"] })
}

/** The other major is another API under the same name: beside it npm refuses the packages, and says which to take. */
const refusesOther = async (folder: string, edition: Edition) => {
  const other = edition === "effect-3" ? "effect-4" : "effect-3"
  writeProject(folder, edition, "npm")
  const { dependencies, ...rest } = readJson(folder, "package.json")
  const packages = Object.fromEntries(Object.entries(dependencies).filter(([name]) => name.startsWith("@mix-effect/")))
  const manifest = { ...rest, dependencies: { ...promises[other].peers, ...packages } }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest))
  const said = await run(folder, "npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"]).catch(String)
  if (!/ERESOLVE/.test(said) || !said.includes(`install-the-dist-tag-${other}`)) throw new Error(`npm says:\n${said}`)
}

/** Prints the table, and answers with what went wrong. The folder holds the tarballs of each edition in a folder of its name. */
export const matrix = async (folder: string): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  const scope = Effect.runSync(Scope.make())
  const serve = MixServer.serve({ seed: { sessions: 3, messages: 250 } })
  const server = await Effect.runPromise(Scope.extend(serve, scope))
  const row = async (edition: Edition, name: keyof typeof managers) => {
    const cells: Record<string, string> = {}
    const cell = async (what: string, work: () => Promise<unknown>) => {
      try {
        await work()
        cells[what] = "ok"
      } catch (error) {
        problems.push(`${edition}, ${name}, ${what}:\n${String(error).split("\n").slice(0, 20).join("\n")}`)
        cells[what] = "FAILED"
      }
    }
    const at = join(folder, `${edition}-${name}`)
    const { compilers, nodes, pageBudget, peers } = promises[edition]
    writeProject(at, edition, name)
    const [file = "", ...args] = managers[name].install
    await cell("install", () => run(at, file, args))
    if (cells.install === "FAILED") return cells
    for (const peer in peers) cells[peer] = readJson(at, "node_modules", peer, "package.json").version
    for (const tsc of compilers) await cell(`TypeScript ${tsc}`, () => compile(at, tsc))
    for (const node of nodes) await cell(`Node ${node}`, () => execute(at, node))
    for (const one in bundlers) await cell(one, () => bundle(at, one, server.url, pageBudget))
    if (name === "pnpm") return cells
    await cell("refuses", () => refusesOther(`${at}-wrong`, edition))
    if (edition === "effect-3") await cell("docs/bundling.md", () => followGuide(at))
    return cells
  }
  const rows: Record<string, Record<string, string>> = {}
  for (const edition of Object.keys(editions).filter(isEdition)) {
    const [npm, pnpm] = await Promise.all([row(edition, "npm"), row(edition, "pnpm")])
    Object.assign(rows, { [`${edition}, npm`]: npm, [`${edition}, pnpm`]: pnpm })
  }
  console.table(rows)
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return problems
}
