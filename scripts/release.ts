// Says what a release would publish, and publishes nothing: `npm publish --dry-run` of each package as it is packed.
//   npm run release:dry
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Console, Effect } from "effect"
import { main, pack, root, run, type Tarball, temporaryFolder } from "./tarballs.ts"

const changesets = join(root, ".changeset")

/** Described changes that no version holds yet. */
const pending = readdirSync(changesets).filter((file) => file.endsWith(".md"))

/** In pre mode changesets publishes under the tag that was named on entering it. */
const preTag: string | undefined = existsSync(join(changesets, "pre.json"))
  ? JSON.parse(readFileSync(join(changesets, "pre.json"), "utf8")).tag
  : undefined

interface Published {
  readonly id: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: ReadonlyArray<{ readonly path: string; readonly size: number }>
}

const kilo = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`

/** Files by folder: a source has four outputs, and nobody reads three hundred lines. */
const folders = (files: Published["files"]) => {
  const sums = new Map<string, { count: number; bytes: number }>()
  for (const { path, size } of files) {
    const name = path.includes("/") ? path.replace(/\/[^/]*$/, "/") : path
    const { bytes, count } = sums.get(name) ?? { bytes: 0, count: 0 }
    sums.set(name, { bytes: bytes + size, count: count + 1 })
  }
  return [...sums].map(([name, { bytes, count }]) => `    ${name}${count > 1 ? ` (${count})` : ""} ${kilo(bytes)}`)
}

const describe = (folder: string, { file, manifest }: Tarball) =>
  Effect.gen(function* () {
    // Signing needs the identity of a CI job, and is asked for by the manifest.
    const args = ["publish", file, "--dry-run", "--json", "--provenance=false"]
    const printed = JSON.parse(yield* run(folder, "npm", args)) as Published | Readonly<Record<string, Published>>
    // Newer versions of npm answer by name.
    const published = "id" in printed ? (printed as Published) : printed[manifest.name]
    if (published === undefined) return yield* Effect.fail(new Error(`npm says nothing of ${manifest.name}`))
    const { access, provenance, tag } = manifest.publishConfig ?? {}
    yield* Console.log(
      [
        `${published.id}`,
        `  dist-tag ${preTag ?? tag ?? "latest"}, access ${access}, provenance ${provenance === true ? "yes" : "no"}`,
        `  ${published.files.length} files, ${kilo(published.size)} packed, ${kilo(published.unpackedSize)} unpacked`,
        ...folders(published.files)
      ].join("\n")
    )
  })

main(
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const tarballs = yield* pack(folder)
    yield* Effect.forEach(tarballs, (tarball) => describe(folder, tarball))
    yield* Console.log(
      pending.length === 0
        ? "No changeset is pending: these versions are what would be published. Nothing was."
        : `Pending: ${pending.join(", ")}. Run \`npm run release:version\` before publishing. Nothing was published.`
    )
  }).pipe(Effect.scoped)
)
