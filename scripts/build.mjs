// Builds the packages of the workspace in the current folder: `npm run build`. Outputs are made anew, since the compiler leaves
// those of deleted sources behind.
// What modules call while they load is then annotated as pure, so that bundlers drop what an app does not use.
import { spawnSync } from "node:child_process"
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { transformFileSync } from "@babel/core"

const outputs = readdirSync("packages").map((name) => join("packages", name, "dist"))
for (const dist of outputs) rmSync(dist, { recursive: true, force: true })
const tsc = join(import.meta.dirname, "../node_modules/typescript-7/bin/tsc")
const { status } = spawnSync(process.execPath, [tsc, "-b"], { stdio: "inherit" })
process.exitCode = status ?? 1

const annotate = (file) => {
  const { code, map } = transformFileSync(file, {
    configFile: false,
    babelrc: false,
    plugins: ["annotate-pure-calls"],
    // The compiler's map is read too: the new one leads to the sources, which are published and need not be in it.
    sourceMaps: true
  })
  const { sourcesContent: _, ...rest } = map
  writeFileSync(`${file}.map`, JSON.stringify(rest))
  writeFileSync(file, `${code}\n//# sourceMappingURL=${basename(file)}.map\n`)
}

if (status === 0) {
  for (const dist of outputs) {
    for (const file of readdirSync(dist, { recursive: true })) if (file.endsWith(".js")) annotate(join(dist, file))
  }
}
