// Uses the packages outside the workspace: installed with npm beside the newest Effect of the peer ranges and with pnpm beside
// the oldest, a program on all of them is type-checked by old and new compilers and run by `import` and `require`; a page is
// bundled, and run where there is nothing of Node.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { MixServer } from "@mix-effect/testing"
import { Effect, Exit, Scope } from "effect"
import * as esbuild from "esbuild"
import semver from "semver"
import { pnpm, readJson, root, run, type Tarball } from "./tarballs.ts"

const managers = {
  npm: { peer: (range: string) => range, install: ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"] },
  pnpm: {
    peer: (range: string) => semver.minVersion(range)?.version ?? range,
    install: ["npx", ...pnpm, "install", "--ignore-scripts"]
  }
}

/** The first does not pass on the types of Effect itself: only what it says of other files counts. */
const compilers = ["5.4.5", "5.9.3", "7.0.2"]

const compilerOptions = {
  ...{ target: "ES2022", lib: ["ES2022", "DOM", "DOM.Iterable"], module: "NodeNext", types: ["node"] },
  ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, outDir: "out" }
}

/** What the page of rollup may weigh, minified and gzipped. It carries the newest effect: hence some room. */
const pageBudget = 97_000

/** Each writes the page, for browsers, to a file of its name in `bundles`. */
const bundlers: Record<string, ReadonlyArray<string>> = {
  esbuild: ["out/page.js", "--bundle", "--minify", "--format=esm", "--outfile=bundles/esbuild.mjs"],
  rollup: ["--config", join(root, "scripts/matrix/rollup.config.mjs"), "--silent"],
  vite: ["build", "--logLevel", "error", "--emptyOutDir", "false"]
}

const prints = async (folder: string, args: ReadonlyArray<string>, expected: RegExp) => {
  const line = await run(folder, "node", args)
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
    if (version !== compilers[0] || lines.length === 0 || others.length > 0) throw error
  }
  await prints(folder, ["out/program.js"], printed)
}

/** By the CommonJS build of effect, with the other one in the SDK: tags, errors and streams pass between the two. */
const required = async (folder: string) => {
  const source = readFileSync(join(folder, "program.ts"), "utf8")
  writeFileSync(join(folder, "program.cjs"), (await esbuild.transform(source, { loader: "ts", format: "cjs" })).code)
  await prints(folder, ["program.cjs"], printed)
}

/** Bundles, and runs the page where there is no `process`, no `eval` and no package to import. */
const bundle = async (folder: string, name: string, serverUrl: string) => {
  await run(folder, join(root, "node_modules/.bin", name), bundlers[name] ?? [])
  const code = readFileSync(join(folder, "bundles", `${name}.mjs`), "utf8")
  // All that a bundle still imports. Vite puts something empty where a module of Node was asked for.
  const file = { entryPoints: [join(folder, `bundles/${name}.mjs`)], outdir: folder, write: false }
  const { metafile } = await esbuild.build({ ...file, bundle: true, packages: "external", metafile: true })
  const foreign = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path))
  if (foreign.length > 0 || code.includes("__vite-browser-external")) throw new Error(`not for browsers: ${foreign}`)
  const size = gzipSync(code, { level: 9 }).length
  if (name === "rollup" && size > pageBudget) throw new Error(`${size} bytes, and ${pageBudget} are allowed`)
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

const writeProject = (folder: string, name: keyof typeof managers, tarballs: ReadonlyArray<Tarball>) => {
  // Those of one release depend on each other, and are in no registry yet.
  const packages = Object.fromEntries(tarballs.map(({ file, manifest }) => [manifest.name, `file:${file}`]))
  const peers = Object.entries(peersOf(tarballs)).map(([peer, range]) => [peer, managers[name].peer(range)])
  const typescripts = compilers.map((version) => [`typescript-${version}`, `npm:typescript@${version}`])
  const write = (file: string, content: object) => writeFileSync(join(folder, file), JSON.stringify(content))
  mkdirSync(folder)
  write("package.json", {
    ...{ name: "stranger", private: true, type: "module", pnpm: { overrides: packages } },
    dependencies: { ...packages, ...Object.fromEntries(peers) },
    devDependencies: { "@types/node": "20", ...Object.fromEntries(typescripts) }
  })
  write("tsconfig.json", { compilerOptions, files: ["program.ts", "page.ts"] })
  cpSync(join(root, "scripts/matrix"), folder, { recursive: true })
}

/** The ranges of all packages, which are the same. */
const peersOf = (tarballs: ReadonlyArray<Tarball>): Record<string, string> =>
  Object.assign({}, ...tarballs.map(({ manifest }) => manifest.peerDependencies))

/** The next major is another API under the same name: beside it these packages must not even install. */
const refusesNextMajor = async (folder: string, tarballs: ReadonlyArray<Tarball>) => {
  mkdirSync(folder)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "stranger", private: true }))
  const args = ["install", "--package-lock-only", "--no-audit", "--no-fund", "effect@4"]
  const said = await run(folder, "npm", [...args, ...tarballs.map(({ file }) => file)]).catch(String)
  if (!said.includes("ERESOLVE")) throw new Error(`npm installs them beside effect 4:\n${said}`)
}

/** Prints the table, and answers with what went wrong. */
export const matrix = async (folder: string, tarballs: ReadonlyArray<Tarball>): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  const cell = async (what: string, work: Promise<unknown>) => {
    try {
      await work
      return "ok"
    } catch (error) {
      problems.push(`${what}:\n${String(error).split("\n").slice(0, 12).join("\n")}`)
      return "FAILED"
    }
  }
  const scope = Effect.runSync(Scope.make())
  const serve = MixServer.serve({ seed: { sessions: 3, messages: 250 } })
  const server = await Effect.runPromise(Scope.extend(serve, scope))
  const row = async (name: keyof typeof managers) => {
    const at = join(folder, `with-${name}`)
    writeProject(at, name, tarballs)
    const [file = "", ...args] = managers[name].install
    const cells: Record<string, string> = { install: await cell(`${name} install`, run(at, file, args)) }
    if (cells.install === "FAILED") return cells
    for (const peer in peersOf(tarballs)) cells[peer] = readJson(at, "node_modules", peer, "package.json").version
    for (const tsc of compilers) cells[`TypeScript ${tsc}`] = await cell(`${name}, ${tsc}`, compile(at, tsc))
    cells.require = await cell(`${name}, require`, required(at))
    for (const one in bundlers) cells[one] = await cell(`${name}, ${one}`, bundle(at, one, server.url))
    return cells
  }
  const [npm, pnpm] = await Promise.all([row("npm"), row("pnpm")])
  npm.guide = await cell("docs/bundling.md", followGuide(join(folder, "with-npm")))
  console.table({ npm, pnpm })
  const refused = await cell("npm, effect 4", refusesNextMajor(join(folder, "next"), tarballs))
  console.log(`Node ${process.version}. npm refuses to install them beside effect 4: ${refused}`)
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return problems
}
