// The built packages, and the programs of the benchmark that use them as any application does: plain JavaScript on plain
// Node, resolved by the exports maps.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as esbuild from "esbuild"

export const root = fileURLToPath(new URL("../..", import.meta.url))

/** When anything in a folder last changed. Folders count: a file that is gone has changed them. */
const changed = (folder: string): number =>
  existsSync(folder)
    ? Math.max(
        statSync(folder).mtimeMs,
        ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map(
          (name) => statSync(join(folder, name)).mtimeMs
        )
      )
    : 0

const measured = ["core", "http", "node"]
const folders = (part: string) => measured.map((name) => join(root, "packages", name, part))

/** Builds the packages if a source changed since they were built. */
export const packages = (): void => {
  if (Math.max(...folders("src").map(changed)) < Math.min(...folders("dist").map(changed))) return
  console.error("Building the packages ...")
  const { status } = spawnSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", 2, 2] })
  if (status !== 0) throw new Error("The packages do not build; the lines above say why.")
}

/** The packages are copied, as an install would: a build that begins meanwhile does no harm. */
export const programs = (folder: string): Promise<unknown> => {
  for (const name of measured) {
    for (const part of ["package.json", "dist"]) {
      const to = join(folder, "node_modules/@mix-effect", name, part)
      cpSync(join(root, "packages", name, part), to, { recursive: true })
    }
  }
  return esbuild.build({
    entryPoints: ["child.ts", "server.ts"].map((name) => join(import.meta.dirname, name)),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20"
  })
}
