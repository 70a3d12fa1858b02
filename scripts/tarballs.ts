// The packages as they are published: packed by the pnpm that publishes them, and unpacked again to be looked at.
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Effect } from "effect"

export const root = fileURLToPath(new URL("..", import.meta.url))

/** The package manager that the workspace pins, as arguments of `npx`. */
export const pnpm = ["--yes", JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("+")[0]]

/** npm describes itself to its children in these variables; others would take them for settings of their own. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name))
)

/** Runs a command and answers with what it printed; what it printed is told if it fails. */
export const run = (cwd: string, file: string, args: ReadonlyArray<string>) =>
  Effect.tryPromise({
    try: () => promisify(execFile)(file, args, { cwd, env, maxBuffer: 2 ** 26 }),
    catch: (error) => {
      const { stderr, stdout } = error as { readonly stdout?: string; readonly stderr?: string }
      return new Error(`${file} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? String(error)}`)
    }
  }).pipe(Effect.map(({ stdout }) => stdout.trim()))

/** Outside the workspace, so that nothing is found in it by chance. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mix-effect-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean; readonly tag?: string }
  readonly [field: string]: unknown
}

export interface Tarball {
  /** The name of its folder in `packages`. */
  readonly id: string
  readonly file: string
  /** Where it is unpacked. */
  readonly folder: string
  readonly manifest: Manifest
}

/** Packs every package into a folder. They have to be built. */
export const pack = (folder: string) =>
  Effect.gen(function* () {
    const args = [...pnpm, "--recursive", "--filter", "./packages/*", "pack", "--json", "--pack-destination", folder]
    const packed = JSON.parse(yield* run(root, "npx", args)) as ReadonlyArray<{ name: string; filename: string }>
    const tarballs = packed.map(({ filename, name }) => {
      const id = name.replace(/^.*\//, "")
      return { id, file: filename, folder: join(folder, id) }
    })
    return yield* Effect.forEach(tarballs, (tarball) =>
      Effect.gen(function* () {
        mkdirSync(tarball.folder)
        yield* run(tarball.folder, "tar", ["-xzf", tarball.file, "--strip-components=1"])
        const manifest: Manifest = JSON.parse(readFileSync(join(tarball.folder, "package.json"), "utf8"))
        return { ...tarball, manifest } satisfies Tarball
      })
    )
  })

/** Runs a script: what it fails with is printed, and is the end of it. */
export const main = <E>(program: Effect.Effect<void, E>) => {
  Effect.runPromise(program).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  })
}
