// Makes the Effect 4 edition of `packages/` and `examples/`: rules.mjs renames, `patches/` holds what else differs, `overlay/`
// holds files that have no counterpart. README.md says how to work with it.
//
//   node editions/effect-4/edition.mjs tree    makes or renews `tree/`
//   node editions/effect-4/edition.mjs save    writes edits of `tree/` back to `patches/` and `overlay/`
//   node editions/effect-4/edition.mjs check   fails where a patch does not fit its source any more
//   node editions/effect-4/edition.mjs count   how many files and lines differ
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { applyPatch, createTwoFilesPatch, formatPatch, parsePatch } from "diff"
import { rename, sources } from "./rules.mjs"

const root = fileURLToPath(new URL("../..", import.meta.url))
const edition = join(root, "editions/effect-4")
const tree = join(edition, "tree")
/** What `tree/` was made of, beside it: edits are told from it. */
const madeOf = join(edition, ".base")

const read = (path) => readFileSync(path, "utf8")

const write = (path, text) => {
  if (existsSync(path) && read(path) === text) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const readIf = (path) => (existsSync(path) ? read(path) : "")

/** Both changes of a text; where they touch the same lines, between `<<<<<<<` and `>>>>>>>`. */
const merge = (mine, before, theirs) => {
  const folder = mkdtempSync(join(tmpdir(), "effect-4-"))
  const files = Object.entries({ mine, before, theirs }).map(([name, text]) => {
    write(join(folder, name), text)
    return name
  })
  const { stdout } = spawnSync("git", ["merge-file", "-p", ...files], { cwd: folder, encoding: "utf8" })
  rmSync(folder, { recursive: true })
  return stdout
}

/** The files of a folder, by their paths in it, without those that tools make; none where there is no folder. */
const filesIn = (folder, at = "") =>
  !existsSync(join(folder, at))
    ? []
    : readdirSync(join(folder, at), { withFileTypes: true }).flatMap((entry) => {
        if (/^(node_modules|dist|\.vite|\.effect)$|\.tsbuildinfo$/.test(entry.name)) return []
        return entry.isDirectory() ? filesIn(folder, join(at, entry.name)) : [join(at, entry.name)]
      })

/** The files of the repository that git knows or would add. Only text can be patched, and nothing else is needed. */
const git = (cwd, ...paths) =>
  execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...paths], { cwd })
    .toString()
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(cwd, path)))

/** Renames and formats the sources, so that patches hold what is left. Formatting also sorts renamed imports. */
const makeBase = () => {
  const base = new Map(git(root, ...sources).map((path) => [path, rename(path, read(join(root, path)))]))
  const folder = mkdtempSync(join(tmpdir(), "effect-4-"))
  try {
    for (const [path, text] of base) write(join(folder, path), text)
    format(folder)
    return new Map([...base.keys()].map((path) => [path, read(join(folder, path))]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const format = (folder) => {
  const { files, vcs: _, ...config } = JSON.parse(read(join(root, "biome.json")))
  const includes = [...files.includes, "!**/dist"]
  writeFileSync(
    join(folder, "biome.json"),
    JSON.stringify({ ...config, files: { includes }, linter: { enabled: false } })
  )
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome")
  const paths = ["packages", "examples"].filter((path) => existsSync(join(folder, path)))
  execFileSync(process.execPath, [biome, "check", "--write", "--log-level=error", ...paths], {
    cwd: folder,
    stdio: "pipe"
  })
  rmSync(join(folder, "biome.json"))
}

const made = (folder, path) => readIf(join(madeOf, folder, path))

/** All that `tree/` follows from. */
const inputs = () =>
  git(root, ...sources, "editions/effect-4", "biome.json")
    .reduce((hash, path) => hash.update(path).update(read(join(root, path))), createHash("sha256"))
    .digest("hex")

const patchOf = (path) => join(edition, "patches", `${path}.patch`)

const conflict = "<<<<<<< this change of the Effect 4 edition fits no more; make it by hand and remove these lines"

/** The text of the edition, and the hunks of its patch that do not fit: these stand in the text, to be made by hand. */
const patched = (path, text) => {
  if (!existsSync(patchOf(path))) return { text, rejected: [] }
  const [patch] = parsePatch(read(patchOf(path)))
  const rejected = []
  let result = text
  for (const hunk of patch.hunks) {
    const next = applyPatch(result, { ...patch, hunks: [hunk] })
    if (next === false) rejected.push(hunk)
    else result = next
  }
  const lines = result.split("\n")
  for (const { lines: change, newStart } of [...rejected].reverse())
    lines.splice(newStart - 1, 0, conflict, ...change, ">>>>>>>")
  return { text: lines.join("\n"), rejected: rejected.map((hunk) => formatPatch({ ...patch, hunks: [hunk] })) }
}

/** What of `effect` Effect 4 exports; all of it, where the tree is not installed. */
const isExported = (path) => {
  const effect = join(tree, "node_modules/effect")
  if (path === "" || !existsSync(effect)) return true
  const { exports } = JSON.parse(read(join(effect, "package.json")))
  return `.${path}` in exports || existsSync(join(effect, `dist${path}.js`))
}

/**
 * Imports that are found in the root only, where Effect 3 is. No compiler tells: TypeScript looks for them in all folders
 * above.
 */
const strayImports = (files) => {
  const declared = (manifest) => {
    const { name, dependencies, devDependencies, peerDependencies } = JSON.parse(files.get(manifest) ?? "{}")
    return [name, ...Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })]
  }
  const common = new Set(declared("package.json"))
  return [...files].flatMap(([path, text]) => {
    if (!path.endsWith(".ts")) return []
    const own = new Set(declared(`${/^\w+\/[^/]+/.exec(path)?.[0]}/package.json`))
    const imports = text.matchAll(/\b(?:from|import) *\(?"((?:@[\w-]+\/)?[\w-]+)((?:\/[\w./-]+)?)"/g)
    return [...imports]
      .filter(([, name, rest]) => {
        if (own.has(name) || common.has(name)) return name === "effect" && !isExported(rest)
        return existsSync(join(root, "node_modules", name))
      })
      .map(([, name, rest]) => `${path} imports ${name}${rest}, which the edition does not have`)
  })
}

/** Says what does not fit. A patch whose source is gone fits nowhere. */
const complain = (base) => {
  const problems = []
  for (const [path, text] of base) {
    for (const hunk of patched(path, text).rejected) problems.push(`${path} changed where Effect 4 differs:\n${hunk}`)
  }
  for (const patch of filesIn(join(edition, "patches"))) {
    const path = patch.replace(/\.patch$/, "")
    if (!base.has(path)) problems.push(`${path} is gone; remove editions/effect-4/patches/${patch}`)
  }
  for (const path of filesIn(join(edition, "overlay"))) {
    if (base.has(path)) problems.push(`${path} has a counterpart, so it needs a patch; remove it from overlay/`)
  }
  return problems
}

const overlay = () => filesIn(join(edition, "overlay")).map((path) => [path, read(join(edition, "overlay", path))])

const commands = {
  tree: () => {
    const isEdited = () => filesIn(join(madeOf, "tree")).some((path) => readIf(join(tree, path)) !== made("tree", path))
    if (made("", "inputs") === inputs() && !isEdited()) return
    // Nothing that was edited is lost, and new rules hold for it, too.
    if (existsSync(madeOf)) commands.save()
    const base = makeBase()
    const rejects = complain(base)
    const kept = [...base].map(([path, text]) => [path, patched(path, text).text]).filter(([, text]) => text !== "")
    const next = new Map([...kept, ...overlay()])
    const before = new Map(filesIn(join(madeOf, "tree")).map((path) => [path, read(join(madeOf, "tree", path))]))
    for (const path of before.keys()) if (!next.has(path)) rmSync(join(tree, path), { force: true })
    rmSync(madeOf, { recursive: true, force: true })
    for (const [path, text] of base) {
      write(join(madeOf, "source", path), read(join(root, path)))
      write(join(madeOf, "base", path), text)
    }
    for (const [path, text] of next) {
      write(join(tree, path), text)
      write(join(madeOf, "tree", path), text)
    }
    if (rejects.length === 0) write(join(madeOf, "inputs"), inputs())
    else {
      for (const reject of rejects) console.error(reject.split("\n")[0])
      throw new Error(
        "Make these changes in tree/ by hand, where lines with <<<<<<< stand, then run `edition.mjs save`"
      )
    }
  },
  save: () => {
    const fresh = makeBase()
    const known = filesIn(join(madeOf, "base"))
    for (const path of known) {
      // A patch that is not the one `tree/` was made of came with a pull: it holds, and edits are merged into it.
      if (patched(path, made("base", path)).text === made("tree", path)) continue
      const text = fresh.has(path) ? patched(path, fresh.get(path)).text : ""
      const edits = readIf(join(tree, path))
      const merged = edits === made("tree", path) ? text : merge(edits, made("tree", path), text)
      if (merged === "") rmSync(join(tree, path), { force: true })
      else write(join(tree, path), merged)
      write(join(madeOf, "source", path), readIf(join(root, path)))
      write(join(madeOf, "base", path), fresh.get(path) ?? "")
      write(join(madeOf, "tree", path), text)
    }
    const edited = known.filter((path) => made("base", path) !== readIf(join(tree, path)))
    const open = edited.filter((path) => readIf(join(tree, path)).includes("<<<<<<< "))
    if (open.length > 0)
      throw new Error(`Changes are to be made by hand in ${open.join(", ")}: see the lines with <<<<<<<`)
    for (const path of edited)
      if (existsSync(join(tree, path))) write(join(tree, path), rename(path, read(join(tree, path))))
    format(tree)
    for (const path of known) {
      if (!edited.includes(path)) {
        rmSync(patchOf(path), { force: true })
        continue
      }
      // Where the source changed meanwhile, `tree` tells whether the patch still fits.
      const isFresh = fresh.has(path) && read(join(root, path)) === made("source", path)
      const base = isFresh ? fresh.get(path) : made("base", path)
      const text = readIf(join(tree, path))
      if (text === base) rmSync(patchOf(path), { force: true })
      else
        write(patchOf(path), createTwoFilesPatch(path, path, base, text, "", "", { context: 2 }).replace(/^=+\n/, ""))
    }
    // Files of overlay/ that a pull brought or changed are not in `tree/` yet.
    const added = filesIn(tree).filter((path) => !known.includes(path))
    for (const path of filesIn(join(edition, "overlay"))) {
      if (!existsSync(join(tree, path)) && existsSync(join(madeOf, "tree", path)))
        rmSync(join(edition, "overlay", path))
    }
    for (const path of added)
      if (read(join(tree, path)) !== made("tree", path)) write(join(edition, "overlay", path), read(join(tree, path)))
    rmSync(join(madeOf, "tree"), { recursive: true, force: true })
    for (const path of [...known, ...added].filter((path) => existsSync(join(tree, path))))
      write(join(madeOf, "tree", path), read(join(tree, path)))
  },
  check: () => {
    const base = makeBase()
    const files = new Map([...[...base].map(([path, text]) => [path, patched(path, text).text]), ...overlay()])
    const problems = [...complain(base), ...strayImports(files)]
    for (const problem of problems) console.error(problem)
    if (problems.length > 0)
      throw new Error("run `node editions/effect-4/edition.mjs tree`, then as it says (editions/effect-4/README.md)")
  },
  count: () => {
    const base = makeBase()
    const rows = new Map()
    for (const [path, text] of base) {
      const [, folder, part] = /^(packages|examples)\/[^/]+\/(src|test)\//.exec(path) ?? []
      if (folder === undefined) continue
      const name = `${folder} ${part}`
      const row = rows.get(name) ?? { files: 0, patched: 0, lines: 0, removed: 0, added: 0 }
      rows.set(name, row)
      row.files++
      row.lines += text.split("\n").length - 1
      if (!existsSync(patchOf(path))) continue
      row.patched++
      for (const { hunks } of parsePatch(read(patchOf(path))))
        for (const line of hunks.flatMap(({ lines }) => lines)) {
          if (line.startsWith("-")) row.removed++
          if (line.startsWith("+")) row.added++
        }
    }
    console.table(Object.fromEntries(rows))
  }
}

const [name] = process.argv.slice(2)
if (!Object.hasOwn(commands, name ?? "")) throw new Error(`give one of: ${Object.keys(commands).join(", ")}`)
try {
  commands[name]()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
