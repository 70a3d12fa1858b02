// The TypeScript in the project's documents: fenced blocks of Markdown files, and `@example`s of doc comments. All of it is
// compiled, and all of it is run but for blocks marked `no-run`, with Effect 3 and with Effect 4. No well-kept tool does both:
// `typescript-docs-verifier` only type-checks (and takes 37 s), and `@effect/docgen` reads no Markdown and has no server to stand
// in for the documented one.
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { editions, root } from "./tarballs.ts"

export interface Snippet {
  readonly file: string
  /** Of its first line of code, from 1. */
  readonly line: number
  readonly code: string
  readonly run: boolean
  /** The major version of Effect that it is for; both, if it is `undefined`. */
  readonly edition: 3 | 4 | undefined
}

export const isFor = (edition: 3 | 4) => (snippet: Snippet) => (snippet.edition ?? edition) === edition

const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length

/** Fenced blocks marked `ts`; they may stand in a list. One marked `effect-4` takes the place of the block before it. */
const ofMarkdown = (file: string, text: string): ReadonlyArray<Snippet> => {
  const fences = text.matchAll(/^( *)```((?:ts|typescript|tsx)\b.*)\n([\s\S]*?)^\1```$/gm)
  const blocks = [...fences].map((match): Snippet => {
    const [, indent = "", info = "", code = ""] = match
    const line = lineOf(text, match.index) + 1
    if (!/^ts( effect-4)?( no-run)?$/.test(info))
      throw new Error(`${file}:${line - 1}: TypeScript is marked "ts" or "ts no-run", not ${JSON.stringify(info)}`)
    const edition = info.startsWith("ts effect-4") ? 4 : undefined
    return {
      file,
      line,
      code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      run: !info.endsWith("run"),
      edition
    }
  })
  const isReplaced = (index: number) => blocks[index + 1]?.edition === 4
  const all = blocks.map((it, index) => ({ ...it, edition: it.edition ?? (isReplaced(index) ? 3 : undefined) }))
  return [...all, ...ofTables(file, text, all)]
}

/** Tables of `| Effect 3 | Effect 4 |`: the code in a column is a program, below the block before the table. */
const ofTables = (file: string, text: string, blocks: ReadonlyArray<Snippet>): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^\| Effect 3 +\| Effect 4 .*\n.*\n((?:\|.*\n)+)/gm)].flatMap(({ 1: rows = "", index }) =>
    ([3, 4] as const).map((edition) => {
      const first = lineOf(text, index) + 2
      const above = blocks.filter((it) => it.line < first && isFor(edition)(it)).at(-1)?.code ?? ""
      const cell = new RegExp(`^(?:\\|[^|]*){${edition - 3}}\\| *(?:\`([^\`]*)\`)?.*`, "gm")
      const line = first - above.split("\n").length + 1
      return { file, line, code: above + rows.replace(cell, ";$1"), run: false, edition }
    })
  )

/** What stands between an `@example` and the next tag of its comment. */
const ofSource = (file: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^ *\* @example\n([\s\S]*?)(?=^ *\* @|^ *\*\/)/gm)].map((match) => ({
    file,
    line: lineOf(text, match.index) + 1,
    code: (match[1] ?? "").replace(/^ *\* ?/gm, ""),
    run: true,
    edition: undefined
  }))

/** What was installed or made. */
const skipped = /^(node_modules|dist|api|tree|\..*)$/

const files = (root: string, folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [path]
    return skipped.test(entry.name) ? [] : files(root, path)
  })

const ofFile = (root: string) => (file: string) => {
  const read = () => readFileSync(join(root, file), "utf8")
  if (file.endsWith(".md")) return ofMarkdown(file, read())
  return /^packages[\\/][^\\/]+[\\/]src[\\/].*\.ts$/.test(file) ? ofSource(file, read()) : []
}

/** Those of every Markdown file of the workspace, and of the sources of its packages; of those of an edition, if it is given. */
export const collect = (root: string, edition = root): ReadonlyArray<Snippet> => {
  const isPackage = (file: string) => file.startsWith("packages")
  const documents = files(root, ".").filter((file) => !isPackage(file))
  return [...documents.flatMap(ofFile(root)), ...files(edition, ".").filter(isPackage).flatMap(ofFile(edition))]
}

/** Hands over files of snippets at the root of the workspace, where modules are found, and removes them again. */
export const written = async <A>(
  root: string,
  snippets: ReadonlyArray<Snippet>,
  use: (folder: string) => Promise<A>
) => {
  const folder = mkdtempSync(join(root, ".snippets-"))
  try {
    for (const [index, { code }] of snippets.entries()) writeFileSync(join(folder, `snippet-${index}.ts`), code)
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Type-checks snippets. Answers what the compiler says, and a line for each snippet of the other edition that holds here, too.
 */
export const check = (workspace: string, snippets: ReadonlyArray<Snippet>, edition: 3 | 4 = 3) =>
  written(workspace, snippets, async (folder): Promise<ReadonlyArray<string>> => {
    const config = { extends: "../tsconfig.check.json", compilerOptions: { noUnusedLocals: false }, include: ["*.ts"] }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
    const args = [join(root, "node_modules/typescript-7/bin/tsc"), "--pretty", "false"]
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" })
    if (status === null || stderr !== "") throw new Error(`the compiler did not end: ${stderr}`)
    const failing = new Set<Snippet>()
    const told = stdout.split(/\n(?! )/).flatMap((text) => {
      const [place, index, line] = /^snippet-(\d+)\.ts\((\d+),\d+\): error TS\d+: /.exec(text) ?? [""]
      const snippet = snippets[Number(index)]
      if (snippet === undefined) return text === "" ? [] : text
      failing.add(snippet)
      const where = `${snippet.file}:${snippet.line + Number(line) - 1}`
      return isFor(edition)(snippet) ? `${where}: ${text.slice(place.length)}` : []
    })
    const needless = snippets.filter((snippet) => !isFor(edition)(snippet) && !failing.has(snippet))
    const more = needless.map(
      ({ file, line }) => `${file}:${line}: holds for Effect ${edition}, too: one block is enough`
    )
    return [...told, ...more]
  })

// npm run check:snippets: compiles them with Effect 3, and with Effect 4 where that edition is installed.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isInstalled = existsSync(join(editions["effect-4"], "node_modules"))
  if (!isInstalled)
    console.error("The Effect 4 edition is not installed (npm run test:effect-4): no snippet is compiled with it")
  const problems = [...(await check(root, collect(root), 3))]
  if (isInstalled) problems.push(...(await check(editions["effect-4"], collect(root, editions["effect-4"]), 4)))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 || (!isInstalled && process.env.CI !== undefined) ? 1 : 0
}
