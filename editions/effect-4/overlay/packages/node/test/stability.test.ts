/**
 * What the packages take of Effect 4 is tagged `@stability stable` in its sources, module by module and export by export: other
 * parts may break in a minor version.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const effect = join(dirname(createRequire(import.meta.url).resolve("effect/package.json")), "src")

/** The modules of Effect that a package's own sources import, and the names that they use of each. */
const used = async (name: string) => {
  const entry = join(root, "packages", name, "src/index.ts")
  const { metafile } = await build({
    ...{ absWorkingDir: root, bundle: true, write: false, metafile: true, format: "esm", platform: "node" },
    entryPoints: [entry],
    conditions: ["@mix-effect/source"],
    external: ["effect", "effect/*", "undici"],
    logLevel: "silent"
  })
  const modules = new Map<string, Set<string>>()
  for (const path of Object.keys(metafile.inputs)) {
    const source = readFileSync(join(root, path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "")
    for (const [, what = "", module = ""] of source.matchAll(/^import (?:type )?([^"]*) from "effect\/([^"]*)"/gm)) {
      const names = modules.get(module) ?? new Set()
      modules.set(module, names)
      const [, namespace] = /^\* as (\w+)$/.exec(what) ?? []
      if (namespace === undefined) for (const [name] of what.matchAll(/\b(?!type\b)\w+/g)) names.add(name)
      else
        for (const [, name = ""] of source.matchAll(new RegExp(`(?<![\\w.])${namespace}\\.(\\w+)`, "g")))
          names.add(name)
    }
  }
  return modules
}

/** What of a module is not tagged as stable. */
const unstable = (module: string, names: ReadonlySet<string>) => {
  const source = readFileSync(join(effect, `${module}.ts`), "utf8")
  const tag = (doc: string) => /@stability (\w+)/.exec(doc)?.[1] ?? "untagged"
  /** Of an export: what stands before it, back to the last comment. */
  const tagOf = (name: string) => {
    const declared = new RegExp(
      `\\n(export (?:abstract )?(const|function|class|interface|type) ${name}\\b|  \\w+ as ${name}\\n)`
    )
    const before = source.slice(0, Math.max(0, declared.exec(source)?.index ?? 0))
    return tag(before.slice(before.lastIndexOf("/**")))
  }
  const tags = [[module, tag(source)], ...[...names].map((name) => [`${module}.${name}`, tagOf(name)])]
  return tags.filter(([, tag]) => tag !== "stable").map(([what, tag]) => `${what} is ${tag}`)
}

for (const name of ["core", "node", "browser"]) {
  it(`${name} is made of what is stable in Effect`, async () => {
    const modules = await used(name)
    assert.isAbove(modules.size, 10)
    assert.deepStrictEqual(
      [...modules].flatMap(([module, names]) => unstable(module, names)),
      []
    )
  })
}
