// Looks through the packages as they are published: publint, Are The Types Wrong, what is in them and what is not, whether
// source maps lead to sources, what their manifests say, which Effect they accept.
//   npm run build && npm run check:packed
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Console, Effect } from "effect"
import semver from "semver"
import { main, pack, root, run, type Tarball, temporaryFolder } from "./tarballs.ts"

const bin = (name: string) => join(root, "node_modules/.bin", name)

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))

/** The files of a package follow from its sources. */
const wrongFiles = ({ folder, id }: Tarball): ReadonlyArray<string> => {
  const outputs = [".js", ".js.map", ".d.ts", ".d.ts.map"]
  const expected = new Set(["CHANGELOG.md", "LICENSE", "README.md", "package.json"])
  for (const source of filesBelow(join(root, "packages", id, "src"))) {
    expected.add(`src/${source}`)
    for (const output of outputs) expected.add(`dist/${source.replace(/\.ts$/, output)}`)
  }
  const actual = new Set(filesBelow(folder))
  return [
    ...[...expected].filter((file) => !actual.has(file)).map((file) => `${file} is missing`),
    ...[...actual].filter((file) => !expected.has(file)).map((file) => `${file} does not belong there`)
  ]
}

/** Each output names a map, and each map the source it was made of. */
const brokenMaps = ({ folder }: Tarball): ReadonlyArray<string> => {
  const actual = new Set(filesBelow(folder))
  return [...actual]
    .filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file))
    .flatMap((file) => {
      const url = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(readFileSync(join(folder, file), "utf8"))?.[1]
      if (url === undefined || !actual.has(join(dirname(file), url))) return [`${file} has no source map`]
      const map = JSON.parse(readFileSync(join(folder, dirname(file), url), "utf8")) as {
        readonly sources: ReadonlyArray<string>
        readonly sourceRoot?: string
      }
      return map.sources
        .filter((source) => !actual.has(join(dirname(file), map.sourceRoot ?? "", source)))
        .map((source) => `the map of ${file} leads to ${source}, which is not there`)
    })
}

const wrongFields = ({ id, manifest }: Tarball): ReadonlyArray<string> => {
  const expected: Record<string, unknown> = {
    license: "MIT",
    type: "module",
    sideEffects: false,
    engines: { node: JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node },
    publishConfig: { access: "public", provenance: true },
    repository: {
      type: "git",
      url: "git+https://github.com/mix-effect/mix-effect.git",
      directory: `packages/${id}`
    }
  }
  const text = JSON.stringify({ ...manifest, devDependencies: undefined })
  return [
    ...Object.entries(expected)
      .filter(([name, value]) => JSON.stringify(manifest[name]) !== JSON.stringify(value))
      .map(([name, value]) => `package.json: ${name} should be ${JSON.stringify(value)}`),
    ...["author", "bugs", "description", "homepage", "keywords"]
      .filter((name) => manifest[name] === undefined)
      .map((name) => `package.json: no ${name}`),
    ...["workspace:", "catalog:", "@mix-effect/source"]
      .filter((word) => text.includes(word))
      .map((word) => `package.json: ${word} means nothing outside the workspace`)
  ]
}

/** Which versions the peer ranges have to accept, and which to refuse. */
const versions = {
  effect: {
    accept: ["3.22.0", "3.22.4", "3.23.0", "3.99.9"],
    refuse: ["3.21.9", "4.0.0-beta.1", "4.0.0-rc.110", "4.0.0", "4.1.0", "5.0.0"]
  },
  "@effect/platform": {
    accept: ["0.97.0", "0.97.2", "0.97.99"],
    refuse: ["0.96.9", "0.98.0", "1.0.0", "4.0.0-beta.1", "4.0.0"]
  }
}

const wrongRange = (of: string, name: keyof typeof versions, range: string): ReadonlyArray<string> => [
  ...versions[name].accept
    .filter((version) => !semver.satisfies(version, range))
    .map((version) => `${of} refuses ${name} ${version}: ${range}`),
  ...versions[name].refuse
    .filter((version) => semver.satisfies(version, range))
    .map((version) => `${of} accepts ${name} ${version}: ${range}`)
]

const wrongPeers = ({ manifest }: Tarball): ReadonlyArray<string> => {
  const peers = manifest.peerDependencies
  const unknown = Object.keys(peers).filter((name) => !(name in versions))
  return [
    ...unknown.map((name) => `package.json: nobody looks after the range of the peer ${name}`),
    ...(peers.effect === undefined ? ["package.json: effect is not a peer"] : []),
    ...Object.keys(versions).flatMap((name) => {
      const range = peers[name]
      return range === undefined ? [] : wrongRange("package.json", name as keyof typeof versions, range)
    })
  ]
}

/** A platform that took another major of Effect would bring a second copy of it. */
const wrongPlatform = (): ReadonlyArray<string> => {
  const manifest = JSON.parse(readFileSync(join(root, "node_modules/@effect/platform/package.json"), "utf8"))
  const range: string = manifest.peerDependencies.effect
  const { refuse, accept } = versions.effect
  const of = `@effect/platform ${manifest.version}`
  return [
    ...refuse.filter((version) => semver.satisfies(version, range)).map((version) => `${of} accepts effect ${version}`),
    ...accept
      .filter((version) => semver.gte(version, "3.23.0") && !semver.satisfies(version, range))
      .map((version) => `${of} refuses effect ${version}`)
  ]
}

/** What a checker has to say, where it is not content. */
const checked = (folder: string, name: string, args: ReadonlyArray<string>) =>
  run(folder, bin(name), args).pipe(
    Effect.as([]),
    Effect.catchAll((error) => Effect.succeed([error.message]))
  )

const check = (tarball: Tarball) =>
  Effect.gen(function* () {
    const { file, folder } = tarball
    const modules = filesBelow(join(folder, "dist"))
      .filter((name) => /^[^/]+\.d\.ts$/.test(name) && name !== "index.d.ts")
      .map((name) => name.replace(/\.d\.ts$/, ""))
    const problems = [
      ...(yield* checked(folder, "publint", ["run", file, "--strict"])),
      ...(yield* checked(folder, "attw", [file, "--profile", "esm-only", "--include-entrypoints", ...modules])),
      ...wrongFiles(tarball),
      ...brokenMaps(tarball),
      ...wrongFields(tarball),
      ...wrongPeers(tarball)
    ]
    const entries = modules.length + 1
    if (problems.length === 0) yield* Console.log(`${tarball.manifest.name}: ${entries} entry points, all well`)
    return problems.map((problem) => `${tarball.manifest.name}: ${problem}`)
  })

main(
  Effect.gen(function* () {
    const tarballs = yield* pack(yield* temporaryFolder)
    const problems = yield* Effect.forEach(tarballs, check, { concurrency: 2 })
    const all = [...problems.flat(), ...wrongPlatform()]
    if (all.length > 0) yield* Effect.fail(new Error(all.join("\n")))
  }).pipe(Effect.scoped)
)
