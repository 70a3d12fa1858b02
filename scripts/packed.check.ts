// Looks through the packages of both editions as they are published, and uses them as strangers do: `npm run check:packed`, after
// builds. publint and Are The Types Wrong check the manifests and the types. Neither knows which files belong into a tarball,
// where source maps lead, or what a module costs that is loaded and not used: that is checked here.
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import terser from "@rollup/plugin-terser"
import { rollup } from "rollup"
import { describeProjects } from "./matrix.ts"
import { editionNames, editions, pack, readJson, root, run } from "./tarballs.ts"

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))

/** The files of a package follow from its sources. The build divides the code of internal modules as it likes. */
const checkFiles = (folder: string, sources: string) => {
  const types = [".d.ts", ".d.ts.map"]
  const outputsOf = (source: string) => (source.startsWith("internal/") ? types : [".js", ".js.map", ...types])
  const expected = filesBelow(sources).flatMap((source) => [
    `src/${source}`,
    ...outputsOf(source).map((output) => `dist/${source.replace(/\.ts$/, output)}`)
  ])
  const others = ["AGENTS.md", "CHANGELOG.md", "LICENSE", "README.md", "package.json"]
  const files = filesBelow(folder).filter((file) => !/^dist\/internal\/\w+\.js(\.map)?$/.test(file))
  assert.deepStrictEqual([...files].sort(), [...expected, ...others].sort())
}

/** Each output names its map, and each map the source it was made of. */
const checkMaps = (folder: string) => {
  for (const file of filesBelow(folder).filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file))) {
    const text = readFileSync(join(folder, file), "utf8")
    assert.include(text, `//# sourceMappingURL=${basename(file)}.map`, file)
    const map = readJson(folder, `${file}.map`)
    for (const source of map.sources)
      assert.ok(existsSync(join(folder, dirname(file), map.sourceRoot ?? "", source)), `${file} is made of ${source}`)
  }
}

const checkManifest = (folder: string, workspace: string) => {
  const manifest = readJson(folder, "package.json")
  const url = "git+https://github.com/mix-effect/mix-effect.git"
  const expected = {
    ...{ license: "MIT", type: "module", sideEffects: false, engines: readJson(workspace, "package.json").engines },
    publishConfig: { access: "public", provenance: true },
    repository: { type: "git", url, directory: `packages/${basename(folder)}` }
  }
  assert.deepStrictEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, manifest[name]])), expected)
  for (const name of ["author", "bugs", "description", "homepage", "keywords"]) assert.ok(manifest[name], name)
  // These mean nothing outside the workspace.
  const text = JSON.stringify({ ...manifest, devDependencies: undefined })
  assert.notMatch(text, /workspace:|catalog:|@mix-effect\/source/)
}

/** Loads every module and uses none: each statement has to prove itself droppable, which esbuild does not try. */
const checkUnused = async (folder: string) => {
  const modules = filesBelow(folder).filter((file) => /^dist\/.*\.js$/.test(file))
  writeFileSync(`${folder}.js`, modules.map((file) => `import "./${basename(folder)}/${file}"\n`).join(""))
  const bundle = await rollup({
    input: `${folder}.js`,
    external: /^[^./]/,
    treeshake: { moduleSideEffects: (_, external) => !external },
    onwarn: ({ code, message }) => assert.strictEqual(code, "EMPTY_BUNDLE", message)
  })
  // Its types say that it is CommonJS: what is imported is the function itself.
  const minify = (terser as unknown as typeof terser.default)({ module: true, ecma: 2020 })
  const [{ code }] = (await bundle.generate({ format: "es", plugins: [minify] })).output
  assert.isAtMost(code.length, 500, `what stays of modules that nobody uses: ${code.slice(0, 500)}`)
}

// Outside the workspace, so that nothing is found in it by chance.
const folder = mkdtempSync(join(tmpdir(), "mix-effect-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

for (const edition of editionNames) {
  const packed = await pack(edition, join(folder, edition))
  describe.each(Object.entries(packed))(`${edition}, %s`, (name, file) => {
    const at = join(folder, edition, basename(name))
    mkdirSync(at)
    execFileSync("tar", ["-xzf", file, "--strip-components=1"], { cwd: at })
    const tool = (name: string, ...args: ReadonlyArray<string>) => run(at, join(root, "node_modules/.bin", name), args)
    it("publint", () => tool("publint", "run", file, "--strict"))
    it("Are The Types Wrong", () => {
      const modules = readdirSync(join(at, "dist")).flatMap((name) => /^(?!index)(\w+)\.d\.ts$/.exec(name)?.[1] ?? [])
      return tool("attw", file, "--profile", "esm-only", "--include-entrypoints", ...modules)
    })
    it("files", () => checkFiles(at, join(editions[edition], "packages", basename(name), "src")))
    it("source maps", () => checkMaps(at))
    it("manifest", () => checkManifest(at, editions[edition]))
    it("droppable", () => checkUnused(at))
  })
  describeProjects(folder, edition, packed)
}
