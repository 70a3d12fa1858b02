// What a page pays for the SDK, in bytes that are minified and gzipped: with one operation and with all of them, in total
// and on top of what an app uses of effect and @effect/platform anyway, bundled by esbuild and by rollup from what is
// published. Fails over budget, and shows where the bytes are.
//   npm run build && npm run size
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { nodeResolve } from "@rollup/plugin-node-resolve"
import terserModule from "@rollup/plugin-terser"
import * as esbuild from "esbuild"
import { rollup } from "rollup"

const root = fileURLToPath(new URL("..", import.meta.url))

const imports = `import { MixBrowser } from "@mix-effect/browser"
import { MessagesService, SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
const run = (program) => Effect.runPromise(Effect.provide(program, MixBrowser.layer())).then(console.log)
`

/** Budgets in bytes: of the whole page, and of what the SDK adds to an app that has the rest already. */
const pages = {
  "getHistory alone": {
    budget: { total: 90_000, added: 6_000 },
    code: `${imports}run(Effect.flatMap(MessagesService, (messages) => messages.getHistory({ limit: 10 })))`
  },
  "all operations and streams": {
    budget: { total: 90_000, added: 10_000 },
    code: `${imports}run(Effect.gen(function* () {
  const messages = yield* MessagesService
  yield* messages.getHistory()
  yield* messages.listSession({ id: SessionId.make("s") })
  yield* messages.send({ id: SessionId.make("s"), text: "Hello" })
  yield* Stream.runDrain(messages.streamHistory())
  yield* Stream.runDrain(messages.streamHistoryPages())
  yield* Stream.runDrain(messages.followHistory())
}))`
  }
} as const

const withoutSdk = `import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
const decode = HttpClientResponse.schemaBodyJson(Schema.Array(Schema.Struct({ id: Schema.String })))
const page = HttpClient.get("/").pipe(Effect.flatMap(decode), Effect.provide(FetchHttpClient.layer))
Stream.fromEffect(page).pipe(Stream.runCollect, Effect.runPromise).then(console.log)`

const external = ["effect", "effect/*", "@effect/platform", "@effect/platform/*"]
const peers = /^(effect|@effect\/platform)(\/|$)/

interface Module {
  readonly path: string
  readonly bytes: number
}

interface Bundle {
  readonly code: string
  /** Before compression. */
  readonly modules: ReadonlyArray<Module>
}

const shortPath = (path: string) => {
  const [, name, rest] = /packages\/([^/]+)\/(?:dist\/)?(.*)$/.exec(path) ?? []
  if (name !== undefined) return `@mix-effect/${name}/${rest}`
  return path.includes("/.size-") ? "page" : path.replace(/^.*node_modules\//, "")
}

const withEsbuild = async (file: string, own: boolean): Promise<Bundle> => {
  const { metafile, outputFiles } = await esbuild.build({
    entryPoints: [file],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: own ? external : [],
    metafile: true,
    write: false,
    logLevel: "warning"
  })
  const [output] = Object.values(metafile.outputs)
  return {
    code: outputFiles[0]?.text ?? "",
    modules: Object.entries(output?.inputs ?? {}).map(([path, { bytesInOutput }]) => ({
      path: shortPath(path),
      bytes: bytesInOutput
    }))
  }
}

// Its types take it for CommonJS, which it is not where it is imported.
const terser = terserModule as unknown as typeof terserModule.default

const withRollup = async (file: string, own: boolean): Promise<Bundle> => {
  const built = await rollup({
    input: file,
    external: own ? (id) => peers.test(id) : [],
    plugins: [nodeResolve({ browser: true }), terser({ module: true, ecma: 2020 })],
    onwarn: ({ code, message }) => {
      // As dependencies are: circles among modules of effect, and old ways of compiling.
      if (code !== "CIRCULAR_DEPENDENCY" && code !== "THIS_IS_UNDEFINED") console.warn(message)
    }
  })
  const { output } = await built.generate({ format: "es", inlineDynamicImports: true })
  await built.close()
  return {
    code: output[0].code,
    modules: Object.entries(output[0].modules).map(([path, { renderedLength }]) => ({
      path: shortPath(path),
      bytes: renderedLength
    }))
  }
}

/** A page that has what another one uses of effect and @effect/platform, itself and by the SDK, and nothing else. */
const usedOfPeers = async (file: string): Promise<string> => {
  const { outputFiles } = await esbuild.build({
    entryPoints: [file],
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    external,
    write: false
  })
  const code = outputFiles[0]?.text ?? ""
  const used = new Map<string, Set<string>>()
  const use = (from: string, name: string) => used.set(from, (used.get(from) ?? new Set()).add(name))
  for (const [, local, from] of code.matchAll(/^import \* as (\w+) from "([^"]+)";$/gm)) {
    for (const [, name] of code.matchAll(new RegExp(`\\b${local}\\.(\\w+)`, "g"))) use(from as string, name as string)
  }
  for (const [, names, from] of code.matchAll(/^import \{([^}]+)\} from "([^"]+)";$/gm)) {
    for (const name of (names as string).split(","))
      use(from as string, (name.trim().split(" as ")[0] as string).trim())
  }
  const modules = [...used].map(([from, names], index) => ({ from, local: `m${index}`, names: [...names] }))
  return [
    ...modules.map(({ from, local }) => `import * as ${local} from "${from}"`),
    `globalThis.kept = [${modules.flatMap(({ local, names }) => names.map((name) => `${local}.${name}`)).join(", ")}]`
  ].join("\n")
}

/** In what the bundlers count the bytes of a module. */
const unit = { esbuild: "minified", rollup: "before minification" }

const bundlers = { esbuild: withEsbuild, rollup: withRollup }

const gzipped = (code: string) => gzipSync(code, { level: 9 }).length

const kilo = (bytes: number) => `${(bytes / 1000).toFixed(2)} kB`

const packageOf = (path: string) => /^(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path

/** How much there is of each package. */
const summary = (modules: ReadonlyArray<Module>) => {
  const sums = new Map<string, number>()
  for (const { bytes, path } of modules) sums.set(packageOf(path), (sums.get(packageOf(path)) ?? 0) + bytes)
  return [...sums].map(([name, bytes]) => `${name} ${kilo(bytes)}`).join(", ")
}

const top = (modules: ReadonlyArray<Module>) =>
  [...modules]
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 15)
    .map(({ bytes, path }) => `    ${kilo(bytes).padStart(10)}  ${path}`)
    .join("\n")

const problems: Array<string> = []
// Inside the workspace, so that packages are found by their names.
const folder = mkdtempSync(join(root, "node_modules/.size-"))
try {
  const write = (name: string, code: string): string => {
    const file = join(folder, name)
    writeFileSync(file, code)
    return file
  }
  const floor = write("floor.js", withoutSdk)
  for (const [bundler, bundle] of Object.entries(bundlers)) {
    const size = async (file: string) => gzipped((await bundle(file, false)).code)
    console.log(`${bundler}\n  a page that fetches and decodes by effect, without the SDK: ${kilo(await size(floor))}`)
    for (const [name, { budget, code }] of Object.entries(pages)) {
      const page = write("page.js", code)
      const total = await bundle(page, false)
      const own = await bundle(page, true)
      const without = await usedOfPeers(page)
      const added =
        (await size(write("with.js", `${without}\nimport "./page.js"`))) - (await size(write("without.js", without)))
      const sizes = { total: gzipped(total.code), added }
      console.log(
        `  ${name}: ${kilo(sizes.total)} in total; the SDK adds ${kilo(added)} (bundled alone: ${kilo(gzipped(own.code))})`
      )
      const foreign = /["']node:\w+["']|\bprocess\.\w+|\beval\(|\bnew Function\(/.exec(own.code)
      if (foreign !== null) problems.push(`${bundler}, ${name}: not for browsers: ${foreign[0]}`)
      for (const [kind, { modules }] of [
        ["total", total],
        ["added", own]
      ] as const) {
        if (sizes[kind] <= budget[kind]) continue
        problems.push(`${bundler}, ${name}, ${kind}: ${kilo(sizes[kind])}, and ${kilo(budget[kind])} are allowed`)
        console.log(
          `  too much (${kind}); where the bytes are, ${unit[bundler as keyof typeof unit]}: ${summary(modules)}\n${top(modules)}`
        )
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
