// Looks through the packages of both editions as they are published, and uses them as strangers do: `npm run check:packed`, after
// builds. publint and Are The Types Wrong check the manifests and the types. Neither knows which files belong into a tarball,
// where source maps lead, or what a module costs that is loaded and not used: that is checked here.
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import terser from "@rollup/plugin-terser"
import { rollup } from "rollup"
import { matrix } from "./matrix.ts"
import { type Edition, editions, isEdition, pack, readJson, root, run } from "./tarballs.ts"

/** A tarball, and the folder with what is in it. */
const unpack = (edition: Edition, file: string) => {
  const id = /mix-effect-([a-z]+)-/.exec(basename(file))?.[1] ?? ""
  const folder = join(dirname(file), id)
  mkdirSync(folder)
  execFileSync("tar", ["-xzf", file, "--strip-components=1"], { cwd: folder })
  const manifest: Readonly<Record<string, unknown>> = readJson(folder, "package.json")
  return { id, file, folder, manifest, workspace: editions[edition] }
}

type Tarball = ReturnType<typeof unpack>

const filesBelow = (folder: string): ReadonlySet<string> =>
  new Set(
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
  )

/** The files of a package follow from its sources. */
const wrongFiles = ({ folder, id, workspace }: Tarball): ReadonlyArray<string> => {
  const outputs = [".js", ".js.map", ".d.ts", ".d.ts.map"]
  const sources = [...filesBelow(join(workspace, "packages", id, "src"))]
  const expected = new Set([
    ...["AGENTS.md", "CHANGELOG.md", "LICENSE", "README.md", "package.json"],
    ...sources.map((source) => `src/${source}`),
    ...sources.flatMap((source) => outputs.map((output) => `dist/${source.replace(/\.ts$/, output)}`))
  ])
  const actual = filesBelow(folder)
  return [
    ...[...expected].filter((file) => !actual.has(file)).map((file) => `${file} is missing`),
    ...[...actual].filter((file) => !expected.has(file)).map((file) => `${file} does not belong there`)
  ]
}

/** Each output names its map, and each map the source it was made of. */
const brokenMaps = ({ folder }: Tarball): ReadonlyArray<string> => {
  const actual = filesBelow(folder)
  const outputs = [...actual].filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file))
  return outputs.flatMap((file) => {
    if (!readFileSync(join(folder, file), "utf8").includes(`//# sourceMappingURL=${basename(file)}.map`))
      return [`${file} does not name its source map`]
    const { sourceRoot = "", sources } = readJson(folder, `${file}.map`)
    return (sources as ReadonlyArray<string>)
      .filter((source) => !actual.has(join(dirname(file), sourceRoot, source)))
      .map((source) => `the map of ${file} leads to ${source}, which is not there`)
  })
}

const wrongFields = ({ id, manifest, workspace }: Tarball): ReadonlyArray<string> => {
  const url = "git+https://github.com/mix-effect/mix-effect.git"
  const expected = {
    ...{ license: "MIT", type: "module", sideEffects: false, engines: readJson(workspace, "package.json").engines },
    publishConfig: { access: "public", provenance: true },
    repository: { type: "git", url, directory: `packages/${id}` }
  }
  const text = JSON.stringify({ ...manifest, devDependencies: undefined })
  const foreign = ["workspace:", "catalog:", "@mix-effect/source"].filter((word) => text.includes(word))
  const missing = ["author", "bugs", "description", "homepage", "keywords"].filter((name) => !(name in manifest))
  return [
    ...Object.entries(expected)
      .filter(([name, value]) => JSON.stringify(manifest[name]) !== JSON.stringify(value))
      .map(([name, value]) => `package.json: ${name} should be ${JSON.stringify(value)}`),
    ...missing.map((name) => `package.json: no ${name}`),
    ...foreign.map((word) => `package.json: ${word} means nothing outside the workspace`)
  ]
}

/** Loads every module and uses none: each statement has to prove itself droppable, which esbuild does not try. */
const keptUnused = async ({ folder, id }: Tarball): Promise<ReadonlyArray<string>> => {
  const modules = [...filesBelow(folder)].filter((file) => /^dist\/.*\.js$/.test(file))
  writeFileSync(`${folder}.js`, modules.map((file) => `import "./${id}/${file}"\n`).join(""))
  const bundle = await rollup({
    input: `${folder}.js`,
    external: /^[^./]/,
    treeshake: { moduleSideEffects: (_, external) => !external },
    onwarn: ({ code, message }) => {
      if (code !== "EMPTY_BUNDLE") throw new Error(message)
    }
  })
  // Its types say that it is CommonJS: what is imported is the function itself.
  const minify = (terser as unknown as typeof terser.default)({ module: true, ecma: 2020 })
  const [{ code }] = (await bundle.generate({ format: "es", plugins: [minify] })).output
  return code.length > 500 ? [`${code.length} bytes stay of modules that nobody uses: ${code.slice(0, 500)}`] : []
}

const check = async (tarball: Tarball): Promise<ReadonlyArray<string>> => {
  const { file, folder, manifest } = tarball
  const modules = readdirSync(join(folder, "dist")).flatMap((name) => /^(?!index)(\w+)\.d\.ts$/.exec(name)?.[1] ?? [])
  const said = (name: string, args: ReadonlyArray<string>) =>
    run(folder, join(root, "node_modules/.bin", name), args).then(
      () => [],
      (error: Error) => [error.message]
    )
  const problems = [
    ...(await said("publint", ["run", file, "--strict"])),
    ...(await said("attw", [file, "--profile", "esm-only", "--include-entrypoints", ...modules])),
    ...[wrongFiles, brokenMaps, wrongFields].flatMap((wrong) => wrong(tarball)),
    ...(await keptUnused(tarball))
  ]
  return problems.map((problem) => `${manifest.name}: ${problem}`)
}

// Outside the workspace, so that nothing is found in it by chance.
const folder = mkdtempSync(join(tmpdir(), "mix-effect-"))
try {
  const names = Object.keys(editions).filter(isEdition)
  const packed = await Promise.all(names.map((edition) => pack(edition, join(folder, edition))))
  const tarballs = names.flatMap((edition, index) => packed[index]?.map((file) => unpack(edition, file)) ?? [])
  const problems = (await Promise.all(tarballs.map(check))).flat()
  console.log(`${tarballs.length} packages, their files, maps, manifests and types: ${problems.length} problems`)
  for (const problem of problems.concat(await matrix(folder))) {
    console.error(problem)
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
