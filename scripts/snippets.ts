// The TypeScript in the project's documents: fenced blocks of Markdown files, and `@example`s of doc comments. All of it is
// compiled, and all of it is run but for blocks marked `no-run`, with Effect 3 and with Effect 4. No well-kept tool does both:
// `typescript-docs-verifier` only type-checks (and takes 37 s), and `@effect/docgen` reads no Markdown and has no server to stand
// in for the documented one.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { bundle } from "./bundle.ts"
import { run } from "./tarballs.ts"

export interface Snippet {
  readonly file: string
  /** Of its first line of code, from 1. */
  readonly line: number
  readonly code: string
  readonly run: boolean
  /** The major version of Effect that it is for, where it does not hold for both. */
  readonly edition?: 3 | 4
}

/** Whether it is for the other major version. */
const isOther = (snippet: Snippet, edition: 3 | 4) => (snippet.edition ?? edition) !== edition

const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length

/** Fenced blocks marked `ts`; they may stand in a list. One marked `effect-4` takes the place of the block before it. */
const ofMarkdown = (file: string, text: string): ReadonlyArray<Snippet> => {
  const fences = text.matchAll(/^( *)```(ts|typescript|tsx)\b( effect-4)?( no-run)?(.*)\n([\s\S]*?)^\1```$/gm)
  const blocks = [...fences].map((match): Snippet => {
    const [, indent = "", language = "", effect4, noRun, rest = "", code = ""] = match
    const line = lineOf(text, match.index) + 1
    if (language + rest !== "ts") {
      throw new Error(
        `${file}:${line - 1}: TypeScript is marked "ts" or "ts no-run", not ${JSON.stringify(language + rest)}`
      )
    }
    const own = effect4 === undefined ? {} : { edition: 4 as const }
    return { file, line, code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""), run: noRun === undefined, ...own }
  })
  const all = blocks.map((block, index) =>
    blocks[index + 1]?.edition === 4 ? { edition: 3 as const, ...block } : block
  )
  return [...all, ...ofTables(file, text, all)]
}

/** Tables of `| Effect 3 | Effect 4 |`: the code of a column is a program, below the block before the table. */
const ofTables = (file: string, text: string, blocks: ReadonlyArray<Snippet>): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^\| Effect 3 +\| Effect 4 .*\n.*\n((?:\|.*\n)+)/gm)].flatMap((match) =>
    ([3, 4] as const).map((edition, column) => {
      const line = lineOf(text, match.index) + 2
      const above = blocks.filter((block) => block.line < line && !isOther(block, edition)).at(-1)?.code ?? ""
      const rows = `${match[1]}`.split("\n").map((row) =>
        row
          .split("|")
          [column + 1]?.match(/(?<=`)[^`]+(?=`)/g)
          ?.join("; ")
      )
      return {
        file,
        line: line - above.split("\n").length + 1,
        code: `${above};${rows.join("\n;")}`,
        run: false,
        edition
      }
    })
  )

/** What stands between an `@example` and the next tag of its comment. */
const ofSource = (file: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^ *\* @example\n([\s\S]*?)(?=^ *\* @|^ *\*\/)/gm)].map((match) => ({
    file,
    line: lineOf(text, match.index) + 1,
    code: (match[1] ?? "").replace(/^ *\* ?/gm, ""),
    run: true
  }))

/** What was installed or made. */
const skipped = /^(node_modules|dist|api|tree|\..*)$/

const files = (root: string, folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [path]
    return skipped.test(entry.name) ? [] : files(root, path)
  })

/** Those of the documents of a workspace, and of its packages or an edition of them. */
export const collect = (root: string, edition = root): ReadonlyArray<Snippet> => {
  const isPackage = (file: string) => /^packages[\\/]/.test(file)
  const found = [
    ...files(root, ".").flatMap((file) => (isPackage(file) ? [] : { file, path: join(root, file) })),
    ...files(edition, ".").flatMap((file) => (isPackage(file) ? { file, path: join(edition, file) } : []))
  ]
  return found.flatMap(({ file, path }) => {
    if (file.endsWith(".md")) return ofMarkdown(file, readFileSync(path, "utf8"))
    return /[\\/]src[\\/].*\.ts$/.test(file) && isPackage(file) ? ofSource(file, readFileSync(path, "utf8")) : []
  })
}

/** Hands over files of snippets at the root of the workspace, where modules are found, and removes them again. */
const written = async <A>(root: string, codes: ReadonlyArray<string>, use: (folder: string) => Promise<A>) => {
  const folder = mkdtempSync(join(root, ".snippets-"))
  try {
    for (const [index, code] of codes.entries()) writeFileSync(join(folder, `snippet-${index}.ts`), code)
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Type-checks snippets with the Effect of a workspace. Answers one line for each thing wrong. Snippets for the other major version
 * must not compile: one that does holds for both.
 */
export const check = (
  root: string,
  snippets: ReadonlyArray<Snippet>,
  edition: 3 | 4 = 3
): Promise<ReadonlyArray<string>> =>
  written(
    root,
    snippets.map(({ code }) => code),
    async (folder) => {
      const config = {
        extends: "../tsconfig.check.json",
        compilerOptions: { noUnusedLocals: false },
        include: ["*.ts"]
      }
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
      const args = [join(root, "node_modules/typescript/bin/tsc"), "--pretty", "false"]
      const failure: string = await run(folder, process.execPath, args).then(() => "", String)
      const errors = [...failure.matchAll(/^snippet-(\d+)\.ts\((\d+),\d+\): error TS\d+: (.*(?:\n +.*)*)/gm)]
      if (errors.length === 0 && failure !== "") return [failure]
      return snippets.flatMap((snippet, number) => {
        const own = errors.filter(([, index]) => Number(index) === number)
        if (!isOther(snippet, edition))
          return own.map(([, , line, text]) => `${snippet.file}:${snippet.line + Number(line) - 1}: ${text}`)
        return own.length > 0
          ? []
          : [`${snippet.file}:${snippet.line}: holds for Effect ${edition} as well: one block is enough`]
      })
    }
  )

/** A module is over when what it does at its top level is: `Effect.runPromise` there is waited for. */
const awaited = (code: string): string =>
  ts
    .createSourceFile("snippet.ts", code, ts.ScriptTarget.Latest, true)
    .statements.filter(ts.isExpressionStatement)
    .map(({ expression }) => expression)
    .filter((expression) => !ts.isAwaitExpression(expression))
    .reduceRight(
      (text, { end, pos }) => `${text.slice(0, pos)}\nawait (${text.slice(pos, end)})${text.slice(end)}`,
      code
    )

/** Where documents say that a server is. */
const documented = /https?:\/\/(localhost:80(80|88)|([\w-]+\.)*example\.com)\b/g

/**
 * Runs snippets against the Mix server at a url, all in one other process: it stands for the servers that documents name,
 * and for `MIX_SERVER_URL`. What a snippet exports is run too: effects and streams to their end or for two seconds, with the
 * services of `MixNode`; layers are built. Answers one line for each thing that fails; a missing configuration is the
 * reader's business.
 */
export const runAll = (
  root: string,
  snippets: ReadonlyArray<Snippet>,
  serverUrl: string
): Promise<ReadonlyArray<string>> =>
  written(
    root,
    snippets.map(({ code }) => awaited(code).replaceAll(documented, serverUrl)),
    async (folder) => {
      await bundle([join(root, "scripts/snippetsProcess.ts"), join(folder, "snippet-*.ts")], folder, {
        splitting: true
      })
      const args = ["snippetsProcess.mjs", ...snippets.map(({ file, line }) => `${file}:${line}`)]
      const node = join(root, "node_modules/.bin/node") // Where there is one: Effect 4 requires a newer one than the workspace.
      const output = await run(folder, existsSync(node) ? node : process.execPath, args, {
        MIX_SERVER_URL: serverUrl
      }).catch(String)
      const problems = join(folder, "problems.json")
      if (existsSync(problems)) return JSON.parse(readFileSync(problems, "utf8"))
      return [`A snippet ended the process that runs them all:\n${output.slice(-2000)}`]
    }
  )
