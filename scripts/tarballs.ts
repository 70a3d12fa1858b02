// The packages as they are published: packed by the pnpm that publishes them, and unpacked again to be looked at.
import { execFile, execFileSync } from "node:child_process"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

export const root = fileURLToPath(new URL("..", import.meta.url))

export const readJson = (...path: ReadonlyArray<string>) => JSON.parse(readFileSync(join(...path), "utf8"))

/** The package manager that the workspace pins, as arguments of `npx`. */
export const pnpm: ReadonlyArray<string> = ["--yes", readJson(root, "package.json").packageManager.split("+")[0]]

/** npm describes itself to its children in these variables; others would take them for settings of their own. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name))
)

/** Runs a command and answers with what it printed; an error says what it printed. */
export const run = async (cwd: string, file: string, args: ReadonlyArray<string>, more = {}): Promise<string> => {
  try {
    const { stdout } = await promisify(execFile)(file, args, { cwd, env: { ...env, ...more }, maxBuffer: 2 ** 26 })
    return stdout.trim()
  } catch (error) {
    const { stderr, stdout } = error as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${file} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? String(error)}`)
  }
}

interface Manifest {
  readonly name: string
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** Packs every package into a folder, and unpacks it beside. They have to be built. */
export const pack = async (folder: string) => {
  const args = [...pnpm, "--recursive", "--filter", "./packages/*", "pack", "--json", "--pack-destination", folder]
  const packed = JSON.parse(await run(root, "npx", args)) as ReadonlyArray<{ name: string; filename: string }>
  return packed.map(({ filename: file, name }) => {
    const id = name.replace(/^.*\//, "")
    mkdirSync(join(folder, id))
    execFileSync("tar", ["-xzf", file, "--strip-components=1"], { cwd: join(folder, id) })
    return { id, file, folder: join(folder, id), manifest: readJson(folder, id, "package.json") as Manifest }
  })
}

export type Tarball = Awaited<ReturnType<typeof pack>>[number]
