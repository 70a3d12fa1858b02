// Uses the packages as strangers do: installs the tarballs outside the workspace, with npm beside the newest Effect of the peer
// ranges and with pnpm beside the oldest; type-checks a program on all packages under old and new compilers, runs it by
// `import` and by `require`, and bundles a page and runs that. Prints what went well, and fails if anything did not.
//   npm run build && npm run check:packed
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { MixServer } from "@mix-effect/testing"
import { nodeResolve } from "@rollup/plugin-node-resolve"
import { Console, Duration, Effect, Either } from "effect"
import * as esbuild from "esbuild"
import { rollup } from "rollup"
import semver from "semver"
import * as vite from "vite"
import { main, pack, pnpm, root, run, type Tarball, temporaryFolder } from "./tarballs.ts"

/** The compilers. Where one does not pass on the types of Effect itself, only what it says of other files counts. */
const compilers = {
  "5.4": { version: "5.4.5", passesEffect: false },
  "5.9": { version: "5.9.3", passesEffect: true },
  "7.0": { version: "7.0.2", passesEffect: true }
}

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
  files: ["program.ts", "page.ts"]
}

const files = ["program.ts", "program.cjs", "page.ts", "page.mjs"]

/** What the programs print: a count for each layer, and the tag of an error. */
const printed = /^250 250 250 1 ServerError$/

const title = "250 messages"

const messages = { sessions: 3, messages: 250 }

const oldest = (range: string) => semver.minVersion(range)?.version ?? range

interface Manager {
  /** The version to install of a peer, from the range that the packages accept. */
  readonly pick: (range: string) => string
  readonly install: (folder: string) => Effect.Effect<string, Error>
}

const managers: Record<string, Manager> = {
  npm: {
    pick: (range) => range,
    install: (folder) => run(folder, "npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"])
  },
  pnpm: {
    pick: oldest,
    install: (folder) => run(folder, "npx", [...pnpm, "install", "--ignore-scripts"])
  }
}

/** The ranges of all packages, which are the same. */
const peersOf = (tarballs: ReadonlyArray<Tarball>): Record<string, string> =>
  Object.assign({}, ...tarballs.map(({ manifest }) => manifest.peerDependencies))

/** The tarballs under their names: those of one release depend on each other, and are in no registry yet. */
const specifiers = (tarballs: ReadonlyArray<Tarball>) =>
  Object.fromEntries(tarballs.map(({ file, manifest }) => [manifest.name, `file:${file}`]))

const writeProject = (folder: string, manager: Manager, tarballs: ReadonlyArray<Tarball>) => {
  const packages = specifiers(tarballs)
  const peers = Object.entries(peersOf(tarballs)).map(([name, range]) => [name, manager.pick(range)])
  const aliases = Object.entries(compilers).map(([name, { version }]) => [
    `typescript-${name}`,
    `npm:typescript@${version}`
  ])
  mkdirSync(folder)
  const manifest = {
    name: "stranger",
    private: true,
    type: "module",
    dependencies: { ...packages, ...Object.fromEntries(peers) },
    devDependencies: { "@types/node": "20", ...Object.fromEntries(aliases) },
    pnpm: { overrides: packages }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest))
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
  for (const file of files) copyFileSync(join(root, "scripts/matrix", file), join(folder, file))
}

const installed = (folder: string, name: string): string =>
  JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version

const output = (name: string) => `out-${name}`

/** Types, and what the compiler wrote, by `import`. */
const compile = (folder: string, name: keyof typeof compilers) =>
  Effect.gen(function* () {
    const tsc = join("node_modules", `typescript-${name}`, "bin/tsc")
    const result = yield* Effect.either(run(folder, "node", [tsc, "--pretty", "false", "--outDir", output(name)]))
    if (Either.isLeft(result)) {
      const errors = result.left.message.split("\n").filter((line) => /(^|: )error TS\d+/.test(line))
      const others = errors.filter((line) => !/node_modules\/(effect|@effect\/platform)\/dist\/\S+ error/.test(line))
      if (compilers[name].passesEffect || errors.length === 0 || others.length > 0)
        return yield* Effect.fail(result.left)
    }
    yield* runProgram(folder, join(output(name), "program.js"))
  })

const runProgram = (folder: string, file: string) =>
  Effect.flatMap(run(folder, "node", [file]), (line) =>
    printed.test(line) ? Effect.void : Effect.fail(new Error(`node ${file} printed: ${line}`))
  )

interface Bundle {
  readonly code: string
  /** What it imports when it runs. */
  readonly imports: ReadonlyArray<string>
}

type Bundler = (folder: string, page: string) => Promise<Bundle>

const bundlers: Record<string, Bundler> = {
  esbuild: async (folder, page) => {
    const { metafile, outputFiles } = await esbuild.build({
      entryPoints: [page],
      absWorkingDir: folder,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      metafile: true,
      write: false,
      logLevel: "silent"
    })
    const imports = Object.values(metafile.outputs).flatMap((one) => one.imports.map(({ path }) => path))
    return { code: outputFiles[0]?.text ?? "", imports }
  },
  rollup: async (_, page) => {
    const built = await rollup({
      input: page,
      plugins: [nodeResolve({ browser: true })],
      onwarn: ({ code, message }) => {
        // As dependencies are: circles among modules of effect, and old ways of compiling. Anything else is a failure, such
        // as an import that is not found.
        if (code !== "CIRCULAR_DEPENDENCY" && code !== "THIS_IS_UNDEFINED") throw new Error(message)
      }
    })
    const { output } = await built.generate({ format: "es" })
    await built.close()
    return output[0]
  },
  vite: async (folder, page) => {
    const built = await vite.build({
      root: folder,
      configFile: false,
      logLevel: "silent",
      build: { write: false, modulePreload: false, rollupOptions: { input: page } }
    })
    const [chunk] = [built].flat().flatMap((one) => ("output" in one ? one.output[0] : []))
    return chunk ?? { code: "", imports: [] }
  }
}

/** Bundles the page, and runs it where there is nothing of Node and no `eval`. */
const bundle = (folder: string, name: string, serverUrl: string) =>
  Effect.gen(function* () {
    const page = join(folder, output("5.9"), "page.js")
    const build = bundlers[name] as Bundler
    const { code, imports } = yield* Effect.tryPromise({
      try: () => build(folder, page),
      catch: (error) => error as Error
    })
    // Vite puts something empty where a module of Node was asked for.
    if (imports.length > 0 || code.includes("__vite-browser-external"))
      return yield* Effect.fail(new Error(`${name}: not for browsers: ${imports.join(", ")}`))
    const file = join(folder, `${name}.mjs`)
    writeFileSync(file, code)
    const args = ["--disallow-code-generation-from-strings", "page.mjs", serverUrl, file]
    const line = yield* run(folder, "node", args)
    if (line !== title) yield* Effect.fail(new Error(`the page that ${name} bundled says: ${line}`))
  })

const problems: Array<string> = []

/** A cell of the table: how long it took, or that it failed. */
const cell = (what: string, effect: Effect.Effect<unknown, Error>) =>
  Effect.timed(effect).pipe(
    Effect.map(([duration]) => `ok ${Duration.toSeconds(duration).toFixed(1)} s`),
    Effect.catchAll((error) => {
      problems.push(`${what}:\n${error.message.split("\n").slice(0, 12).join("\n")}`)
      return Effect.succeed("FAILED")
    })
  )

const row = (folder: string, name: string, tarballs: ReadonlyArray<Tarball>, serverUrl: string) =>
  Effect.gen(function* () {
    const manager = managers[name] as Manager
    writeProject(folder, manager, tarballs)
    const install = yield* cell(`${name} install`, manager.install(folder))
    const cells: Record<string, string> = { install }
    if (install === "FAILED") return cells
    for (const peer of Object.keys(peersOf(tarballs))) cells[peer] = installed(folder, peer)
    for (const compiler of Object.keys(compilers) as ReadonlyArray<keyof typeof compilers>)
      cells[`TypeScript ${compiler}`] = yield* cell(`${name}, TypeScript ${compiler}`, compile(folder, compiler))
    cells.require = yield* cell(`${name}, require`, runProgram(folder, "program.cjs"))
    for (const bundler of Object.keys(bundlers))
      cells[bundler] = yield* cell(`${name}, ${bundler}`, bundle(folder, bundler, serverUrl))
    return cells
  })

/** The next major is another API under the same name: beside it these packages must not even install. */
const refusesNextMajor = (folder: string, tarballs: ReadonlyArray<Tarball>) =>
  Effect.gen(function* () {
    mkdirSync(folder)
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "stranger", private: true }))
    const args = ["install", "--package-lock-only", "--no-audit", "--no-fund", "effect@4"]
    const result = yield* Effect.flip(run(folder, "npm", [...args, ...tarballs.map(({ file }) => file)])).pipe(
      Effect.catchAll(() => Effect.fail(new Error("npm installs them beside effect 4")))
    )
    if (!result.message.includes("ERESOLVE")) yield* Effect.fail(result)
  })

main(
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const tarballs = yield* pack(folder)
    const server = yield* MixServer.serve({ seed: messages })
    const rows = yield* Effect.forEach(
      Object.keys(managers),
      (name) => row(join(folder, `with-${name}`), name, tarballs, server.url),
      { concurrency: "unbounded" }
    )
    console.table(Object.fromEntries(Object.keys(managers).map((name, index) => [name, rows[index]])))
    const refused = yield* cell("npm, effect 4", refusesNextMajor(join(folder, "next"), tarballs))
    yield* Console.log(
      [
        `Node ${process.version}. A cell of a compiler: types under strict, exactOptionalPropertyTypes and skipLibCheck: false,`,
        "then what it wrote, by import. A cell of a bundler: the bundle, then the page, without process and eval.",
        ...Object.entries(compilers)
          .filter(([, { passesEffect }]) => !passesEffect)
          .map(
            ([name]) => `TypeScript ${name} does not pass on the types of effect itself: only the rest counts there.`
          ),
        `npm refuses to install them beside effect 4: ${refused}`
      ].join("\n")
    )
    if (problems.length > 0) yield* Effect.fail(new Error(problems.join("\n\n")))
  }).pipe(Effect.scoped)
)
