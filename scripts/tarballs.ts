// The packages of both editions as they are published: packed by the pnpm that publishes them, after builds.
//   npm run editions:pack -- DIR   builds them, and packs them into DIR/effect-3 and DIR/effect-4
import { execFile } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs, promisify } from "node:util"

export const root = join(import.meta.dirname, "..")

/** Where the packages of each edition are. Dist-tags have the same names. */
export const editions = { "effect-3": root, "effect-4": join(root, "editions/effect-4/tree") }

export type Edition = keyof typeof editions

export const editionNames: ReadonlyArray<Edition> = ["effect-3", "effect-4"]

/** The versions of Node.js that are tried. */
export const nodes: ReadonlyArray<string> = ["20.20.2", "22.23.3", "24.21.0", "26.10.0"]

export const readJson = (...path: ReadonlyArray<string>) => JSON.parse(readFileSync(join(...path), "utf8"))

/** The package manager that the workspace pins, as arguments of `npx`. */
export const pnpm: ReadonlyArray<string> = ["--yes", readJson(root, "package.json").packageManager.split("+")[0]]

/** Runs a command and answers with what it printed; an error says what it printed. */
export const run = async (cwd: string, file: string, args: ReadonlyArray<string>, env = {}): Promise<string> => {
  try {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 }
    return (await promisify(execFile)(file, args, options)).stdout.trim()
  } catch (error) {
    const { stderr, stdout } = error as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${file} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? String(error)}`)
  }
}

/** Packs every package of an edition into a folder, in which no other version of them stays. Answers with files by name. */
export const pack = async (edition: Edition, folder: string): Promise<Readonly<Record<string, string>>> => {
  mkdirSync(folder, { recursive: true })
  for (const old of readdirSync(folder)) if (/^mix-effect-.*\.tgz$/.test(old)) rmSync(join(folder, old))
  const args = [...pnpm, "--recursive", "--filter", "./packages/*", "pack", "--json", "--pack-destination", folder]
  const packed: ReadonlyArray<Record<"name" | "filename", string>> = JSON.parse(
    await run(editions[edition], "npx", args)
  )
  return Object.fromEntries(packed.map(({ filename, name }) => [name, filename]))
}

if (process.argv[1] === import.meta.filename) {
  const [folder, ...others] = parseArgs({ allowPositionals: true }).positionals
  if (folder === undefined || others.length > 0) throw new Error("Give one folder: npm run editions:pack -- DIR")
  for (const edition of editionNames) {
    // npm runs scripts in the workspace, wherever it was called.
    const packed = await pack(edition, resolve(process.env.INIT_CWD ?? ".", folder, edition))
    console.log(Object.values(packed).join("\n"))
  }
}
