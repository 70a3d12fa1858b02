// Builds the packages of the workspace in the current folder: `npm run build`. Outputs are made anew, since the compiler leaves
// those of deleted sources behind.
// What modules call while they load is annotated as pure, so that bundlers drop what an app does not use. Internal modules
// become a few files, because to find and read a module takes Node.js longer than to run it.
import { spawnSync } from "node:child_process"
import { readdirSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { transformFileSync } from "@babel/core"
import { rollup } from "rollup"

const outputs = readdirSync("packages").map((name) => join("packages", name, "dist"))
for (const dist of outputs) rmSync(dist, { recursive: true, force: true })
const tsc = join(import.meta.dirname, "../node_modules/typescript-7/bin/tsc")
const { status } = spawnSync(process.execPath, [tsc, "-b"], { stdio: "inherit" })
process.exitCode = status ?? 1

const annotate = (file) => {
  // The compiler's map is read too: the new one leads to the sources, which are published and need not be in it.
  const { code, map } = transformFileSync(file, {
    configFile: false,
    babelrc: false,
    plugins: ["annotate-pure-calls"],
    sourceMaps: true
  })
  return { code, map }
}

const bundle = async (dist) => {
  const files = readdirSync(dist, { recursive: true }).filter((file) => file.endsWith(".js"))
  const isInternal = (file) => file.startsWith("internal")
  const { write } = await rollup({
    // What an index passes on as a namespace would become an object, of which no bundler drops anything.
    input: files.filter((file) => !isInternal(file) && file !== "index.js").map((file) => resolve(dist, file)),
    external: /^[@\w][^:]/, // not a path of Windows
    treeshake: { moduleSideEffects: false },
    onwarn: (warning, warn) => warning.code === "EMPTY_BUNDLE" || warn(warning), // of types only
    plugins: [{ name: "annotate", load: annotate }]
  })
  for (const file of files.filter(isInternal)) for (const end of ["", ".map"]) rmSync(join(dist, file + end))
  await write({
    dir: dist,
    chunkFileNames: "internal/[name].js",
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    sourcemap: true,
    sourcemapExcludeSources: true
  })
}

if (status === 0) for (const dist of outputs) await bundle(dist)
