// The TypeScript in the project's documents: fenced blocks of Markdown files, and `@example`s of doc comments. All of it is
// compiled, and all of it is run but for blocks marked `ts no-run`.
import { fork } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import * as esbuild from "esbuild"
import ts from "typescript"

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

/** What was installed or made; docs/api repeats what stands in the sources. */
const skipped = /^(node_modules|dist|\.git|\.vitest)$/

const files = (root: string, folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [path]
    return skipped.test(entry.name) || path === join("docs", "api") ? [] : files(root, path)
  })

/** Those of every Markdown file of the workspace, and of the sources of its packages. */
export const collect = (root: string): ReadonlyArray<Snippet> =>
  files(root, ".").flatMap((file) => {
    const read = () => readFileSync(join(root, file), "utf8")
    if (file.endsWith(".md")) return ofMarkdown(file, read())
    return /^packages[\\/][^\\/]+[\\/]src[\\/].*\.ts$/.test(file) ? ofSource(file, read()) : []
  })

/** Type-checks snippets as modules at the root of the workspace. Answers one line for each thing wrong. */
export const check = async (root: string, snippets: ReadonlyArray<Snippet>): Promise<ReadonlyArray<string>> => {
  const { config } = ts.readConfigFile(join(root, "tsconfig.check.json"), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root)
  const virtual = new Map(snippets.map((snippet, index) => [join(root, `snippet-${index}.ts`), snippet]))
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false })
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = (file) => virtual.has(file) || fileExists(file)
  host.readFile = (file) => virtual.get(file)?.code ?? readFile(file)
  host.getSourceFile = (file, target) => {
    const snippet = virtual.get(file)
    return snippet === undefined ? getSourceFile(file, target) : ts.createSourceFile(file, snippet.code, target)
  }
  const program = ts.createProgram([...virtual.keys()], { ...options, noUnusedLocals: false }, host)
  const problems: Array<string> = []
  for (const [name, snippet] of virtual) {
    await setImmediate() // The compiler works for seconds, and others want to be heard meanwhile.
    const source = program.getSourceFile(name)
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    for (const { file, messageText, start = 0 } of diagnostics) {
      const line = snippet.line + (file?.getLineAndCharacterOfPosition(start).line ?? 0)
      problems.push(`${snippet.file}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`)
    }
  }
  return problems
}

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
 * and for `MIX_SERVER_URL`. What a snippet exports is run too: effects and streams to their end or for two seconds, with a
 * `MessagesService`; layers are built. Answers one line for each thing that fails; a missing configuration is the reader's
 * business.
 */
export const run = async (
  root: string,
  snippets: ReadonlyArray<Snippet>,
  serverUrl: string
): Promise<ReadonlyArray<string>> => {
  const folder = mkdtempSync(join(tmpdir(), "mix-effect-snippets-"))
  try {
    await esbuild.build({
      entryPoints: [
        { in: join(root, "scripts/snippetsProcess.ts"), out: "main" },
        ...snippets.map((_, index) => ({ in: `snippet:${index}`, out: `snippet-${index}` }))
      ],
      plugins: [
        {
          name: "snippets",
          setup: (build) => {
            build.onResolve({ filter: /^snippet:/ }, ({ path }) => ({ path, namespace: "snippet" }))
            build.onLoad({ filter: /./, namespace: "snippet" }, ({ path }) => ({
              contents: awaited(snippets[Number(path.slice("snippet:".length))]?.code ?? "").replaceAll(
                documented,
                serverUrl
              ),
              loader: "ts",
              resolveDir: root
            }))
          }
        }
      ],
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      target: "node20",
      conditions: ["@mix-effect/source"],
      // Of dependencies that are CommonJS.
      banner: {
        js: 'import { createRequire as $create } from "node:module"; const require = $create(import.meta.url)'
      },
      logLevel: "silent"
    })
    const names = snippets.map(({ file, line }) => `${file}:${line}`)
    return await new Promise((resolve, reject) => {
      const child = fork(join(folder, "main.mjs"), names, {
        env: { ...process.env, MIX_SERVER_URL: serverUrl },
        execArgv: [],
        stdio: ["ignore", "pipe", "pipe", "ipc"]
      })
      let output = ""
      const keep = (data: Buffer) => {
        output = (output + data).slice(-2000)
      }
      child.stdout?.on("data", keep)
      child.stderr?.on("data", keep)
      child.on("error", reject)
      child.on("message", (problems) => resolve(problems as ReadonlyArray<string>))
      child.on("exit", () => resolve([`A snippet ended the process that runs them all:\n${output}`]))
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
