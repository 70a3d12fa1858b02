// The TypeScript in the project's documents: fenced blocks of Markdown files, and `@example`s of doc comments.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"

export interface Snippet {
  /** File and line, as in `README.md:12`. */
  readonly name: string
  readonly code: string
}

const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length

/** Fenced blocks marked `ts`. */
const ofMarkdown = (file: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => ({
    name: `${file}:${lineOf(text, match.index)}`,
    code: match[1] ?? ""
  }))

/** What stands between an `@example` and the next tag of its comment. */
const ofSource = (file: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^ *\* @example\n([\s\S]*?)(?=^ *\* @|^ *\*\/)/gm)].map((match) => ({
    name: `${file}:${lineOf(text, match.index)}`,
    code: (match[1] ?? "").replace(/^ *\* ?/gm, "")
  }))

/** Files below a folder of the workspace, by ending; none where there is no such folder. */
const files = (root: string, folder: string, ending: string, recursive = false): ReadonlyArray<string> =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { encoding: "utf8", recursive })
        .filter((file) => file.endsWith(ending))
        .map((file) => join(folder, file))
    : []

export const collect = (root: string): ReadonlyArray<Snippet> => {
  const below = (folder: string) => readdirSync(join(root, folder)).map((name) => join(folder, name))
  const documents = [".", "docs", ...below("packages"), ...below("examples")].flatMap((dir) => files(root, dir, ".md"))
  const sources = below("packages").flatMap((folder) => files(root, join(folder, "src"), ".ts", true))
  const read = (file: string) => readFileSync(join(root, file), "utf8")
  return [
    ...documents.flatMap((file) => ofMarkdown(file, read(file))),
    ...sources.flatMap((file) => ofSource(file, read(file)))
  ]
}

/** Type-checks snippets as modules at the root of the workspace. Answers one line for each thing wrong. */
export const check = (root: string, snippets: ReadonlyArray<Snippet>): ReadonlyArray<string> => {
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
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText, start }) => {
    const at = file === undefined ? "" : (virtual.get(file.fileName)?.name ?? file.fileName)
    const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
    return `${at} +${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
  })
}
