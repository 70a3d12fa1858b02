// The TypeScript in the project's documents: fenced blocks of Markdown files, and `@example`s of doc comments. All of it is
// compiled, and all of it is run but for blocks marked `ts no-run`. No well-kept tool does both: `typescript-docs-verifier` only
// type-checks (and takes 37 s), and `@effect/docgen` reads no Markdown and has no server to stand in for the documented one.
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
}

const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length

/** Fenced blocks marked `ts`; they may stand in a list. */
const ofMarkdown = (file: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^( *)```(ts|typescript|tsx)\b(.*)\n([\s\S]*?)^\1```$/gm)].map((match) => {
    const [, indent = "", language = "", rest = "", code = ""] = match
    const line = lineOf(text, match.index) + 1
    const info = language + rest
    if (info !== "ts" && info !== "ts no-run") {
      throw new Error(`${file}:${line - 1}: TypeScript is marked "ts" or "ts no-run", not ${JSON.stringify(info)}`)
    }
    return { file, line, code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""), run: info === "ts" }
  })

/** What stands between an `@example` and the next tag of its comment. */
const ofSource = (file: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^ *\* @example\n([\s\S]*?)(?=^ *\* @|^ *\*\/)/gm)].map((match) => ({
    file,
    line: lineOf(text, match.index) + 1,
    code: (match[1] ?? "").replace(/^ *\* ?/gm, ""),
    run: true
  }))

/** What was installed or made. */
const skipped = /^(node_modules|dist|api|\..*)$/

const files = (root: string, folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [path]
    return skipped.test(entry.name) ? [] : files(root, path)
  })

/** Those of every Markdown file of the workspace, and of the sources of its packages. */
export const collect = (root: string): ReadonlyArray<Snippet> =>
  files(root, ".").flatMap((file) => {
    const read = () => readFileSync(join(root, file), "utf8")
    if (file.endsWith(".md")) return ofMarkdown(file, read())
    return /^packages[\\/][^\\/]+[\\/]src[\\/].*\.ts$/.test(file) ? ofSource(file, read()) : []
  })

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

/** Type-checks snippets. Answers one line for each thing wrong. */
export const check = (root: string, snippets: ReadonlyArray<Snippet>): Promise<ReadonlyArray<string>> =>
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
      return errors.map(([, index, line, text]) => {
        const snippet = snippets[Number(index)]
        return `${snippet?.file}:${(snippet?.line ?? 0) + Number(line) - 1}: ${text}`
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
      const output = await run(folder, process.execPath, args, { MIX_SERVER_URL: serverUrl }).catch(String)
      const problems = join(folder, "problems.json")
      if (existsSync(problems)) return JSON.parse(readFileSync(problems, "utf8"))
      return [`A snippet ended the process that runs them all:\n${output.slice(-2000)}`]
    }
  )
