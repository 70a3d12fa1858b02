import { existsSync, readFileSync } from "node:fs"

// What an app downloads, by esbuild from the built packages: `npm run build && npm run build:effect-4 && npm run size`. A
// budget is what was measured and a few hundred bytes for a day's work: lower it when the bytes go down. Size Limit knows
// neither rollup nor differences: scripts/matrix.ts has a budget for the page that vite makes with rollup, and "the SDK alone"
// stands for what it adds.
const peers = ["effect/*", "@effect/platform/*", "effect", "@effect/platform", "undici", "node:*"]

/** The page of scripts/matrix, in bytes minified and gzipped. Fewer operations would save a tenth of a kilobyte. */
const page = (name, limit, external) => ({
  name,
  path: "scripts/matrix/page.ts",
  gzip: true,
  limit: `${limit} B`,
  // esbuild warns of imports that it drops, except below node_modules.
  modifyEsbuildConfig: (config) => ({ ...config, format: "esm", target: "es2022", external, logLevel: "error" })
})

const source = readFileSync("scripts/matrix/page.ts", "utf8")

/** The same page of other text, or of the packages of another folder. */
const pageOf = (contents, resolveDir, entry) => {
  const { modifyEsbuildConfig, ...rest } = entry
  const stdin = { contents, loader: "ts", resolveDir }
  return { ...rest, modifyEsbuildConfig: (config) => ({ ...modifyEsbuildConfig(config), entryPoints: [], stdin }) }
}

/** The same page with `MixBrowser.layer`, which provides the sessions too. */
const sessions = source.replace("layerMessages", "layer")

/** The Effect 4 edition, if it is built. */
const tree = "editions/effect-4/tree"
const effect4 = !existsSync(`${tree}/packages/browser/dist`)
  ? []
  : [
      pageOf(source, tree, page("Effect 4: a page", 64_500, [])),
      pageOf(source, tree, page("Effect 4: the SDK alone in it", 27_200, peers)),
      pageOf(sessions, tree, page("Effect 4: a page with sessions", 74_000, [])),
      pageOf(sessions, tree, page("Effect 4: the SDK alone in that", 35_700, peers))
    ]

/** What stays, minified, of a package of which an app uses next to nothing. */
const unused = (name, contents) => ({
  name: `@mix-effect/${name}, unused`,
  gzip: false,
  brotli: false,
  limit: "1 kB",
  modifyEsbuildConfig: (config) => ({
    ...config,
    entryPoints: [],
    stdin: { contents, resolveDir: "." },
    format: "esm",
    platform: "neutral",
    external: peers,
    logLevel: "error"
  })
})

export default [
  ...effect4,
  page("a page", 103_300, []),
  page("the SDK alone in it", 26_900, peers),
  pageOf(sessions, "scripts/matrix", page("a page with sessions", 112_500, [])),
  pageOf(sessions, "scripts/matrix", page("the SDK alone in that", 35_300, peers)),
  unused("browser", 'import "@mix-effect/browser"'),
  unused("core", 'import { kindOf } from "@mix-effect/core/Mismatch"\nconsole.log(kindOf)'),
  unused("http", 'import { none } from "@mix-effect/http/RetryPolicy"\nconsole.log(none)'),
  unused("node", 'import "@mix-effect/node"'),
  unused("testing", 'import { MessagesTest } from "@mix-effect/testing/MessagesTest"\nconsole.log(MessagesTest)')
]
