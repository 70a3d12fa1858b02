import { readFileSync } from "node:fs"

// What an app downloads, by esbuild from the built packages: `npm run build && npm run size`. A budget is what was measured
// and a few hundred bytes for a day's work: lower it when the bytes go down. Size Limit knows neither rollup nor differences:
// scripts/matrix.ts has a budget for the page that rollup makes, and "the SDK alone" stands for what it adds.
const peers = ["effect/*", "@effect/platform/*", "effect", "@effect/platform", "undici", "node:*"]

/** The page of scripts/matrix, in bytes minified and gzipped. Fewer operations would save a tenth of a kilobyte. */
const page = (name, limit, external) => ({
  name,
  path: "scripts/matrix/page.ts",
  gzip: true,
  limit: `${limit} B`,
  modifyEsbuildConfig: (config) => ({ ...config, format: "esm", target: "es2022", external })
})

/** The same page with `MixBrowser.layer`, which provides the sessions too. */
const withSessions = (name, limit, external) => {
  const { modifyEsbuildConfig, ...rest } = page(name, limit, external)
  const contents = readFileSync("scripts/matrix/page.ts", "utf8").replace("layerMessages", "layer")
  const stdin = { contents, loader: "ts", resolveDir: "scripts/matrix" }
  return { ...rest, modifyEsbuildConfig: (config) => ({ ...modifyEsbuildConfig(config), entryPoints: [], stdin }) }
}

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
  page("a page", 105_500, []),
  page("the SDK alone in it", 27_000, peers),
  withSessions("a page with sessions", 115_000, []),
  withSessions("the SDK alone in that", 35_600, peers),
  unused("browser", 'import "@mix-effect/browser"'),
  unused("core", 'import { kindOf } from "@mix-effect/core/Mismatch"\nconsole.log(kindOf)'),
  unused("http", 'import { none } from "@mix-effect/http/RetryPolicy"\nconsole.log(none)'),
  unused("node", 'import "@mix-effect/node"'),
  unused("testing", 'import { MessagesTest } from "@mix-effect/testing/MessagesTest"\nconsole.log(MessagesTest)')
]
