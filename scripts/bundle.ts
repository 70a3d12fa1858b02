import { type BuildOptions, build } from "esbuild"

/**
 * Bundles programs for Node.js, each into one file `<name>.mjs` of a folder, from the sources of the workspace. As a process such a
 * file starts in a fifth of the time that it takes through tsx.
 */
export const bundle = (
  entryPoints: NonNullable<BuildOptions["entryPoints"]>,
  outdir: string,
  more: BuildOptions = {}
): Promise<unknown> =>
  build({
    entryPoints,
    entryNames: "[name]",
    outdir,
    outExtension: { ".js": ".mjs" },
    ...{ bundle: true, format: "esm", platform: "node", target: "node20", logLevel: "silent" },
    conditions: ["@mix-effect/source"],
    // Of dependencies that are CommonJS.
    banner: { js: `import { createRequire as $create } from "node:module"; const require = $create(import.meta.url)` },
    ...more
  })
