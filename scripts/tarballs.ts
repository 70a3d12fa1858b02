// The packages of both editions as they are published: packed by the pnpm that publishes them.
//   npm run editions:pack -- DIR   builds them, and packs them into DIR/effect-3 and DIR/effect-4
import { execFile } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

export const root = fileURLToPath(new URL("..", import.meta.url))

/** Where the packages of each edition are. Dist-tags have the same names. */
export const editions = { "effect-3": root, "effect-4": join(root, "editions/effect-4/tree") }

/** The versions of Node.js that are tried. */
export const nodes: ReadonlyArray<string> = ["20.20.2", "22.23.3", "24.21.0", "26.10.0"]

export type Edition = keyof typeof editions

export const isEdition = (name: string): name is Edition => name in editions

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

/** Packs every package of an edition into a folder. They have to be built. */
export const pack = async (edition: Edition, folder: string): Promise<ReadonlyArray<string>> => {
  mkdirSync(folder, { recursive: true })
  const args = [...pnpm, "--recursive", "--filter", "./packages/*", "pack", "--json", "--pack-destination", folder]
  const packed = JSON.parse(await run(editions[edition], "npx", args)) as ReadonlyArray<{ filename: string }>
  return packed.map(({ filename }) => filename)
}

const packAll = async (folder: string) => {
  for (const edition of Object.keys(editions).filter(isEdition)) {
    const to = join(folder, edition)
    mkdirSync(to, { recursive: true })
    // Those of another version would be installed too, by `DIR/effect-3/*.tgz`.
    for (const old of readdirSync(to).filter((name) => /^mix-effect-.*\.tgz$/.test(name))) rmSync(join(to, old))
    const args = edition === "effect-4" ? ["--effect-4"] : []
    await run(root, "node", ["scripts/bootstrap.mjs", ...args, "node", join(root, "scripts/build.mjs")])
    for (const file of await pack(edition, to)) console.log(file)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = "", ...others] = process.argv.slice(2)
  try {
    if (folder === "" || folder.startsWith("-") || others.length > 0)
      throw new Error("Give one folder: npm run editions:pack -- DIR writes DIR/effect-3/*.tgz and DIR/effect-4/*.tgz")
    // npm runs scripts in the workspace, wherever it was called.
    await packAll(resolve(process.env.INIT_CWD ?? ".", folder))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
