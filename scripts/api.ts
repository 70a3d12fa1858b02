// Writes docs/api, a page for each package: what its modules export, with the doc comments and with the types as they are
// published. `npm run api`; a test fails where a page is not what the sources say, so no change of the API goes unseen.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join, relative } from "node:path"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import ts from "typescript"

interface Doc {
  readonly text: string
  readonly tags: ReadonlyArray<{ readonly name: string; readonly text: string }>
}

const parseDoc = (comment: string | undefined): Doc => {
  const lines = (comment ?? "").replace(/^\/\*\*\s*|\s*\*\/$/g, "").replace(/^ *\* ?/gm, "")
  const [text = "", ...tags] = lines.split(/^@(?=\w)/m)
  return {
    text: text.trim(),
    tags: tags.map((tag) => ({ name: /^\w+/.exec(tag)?.[0] ?? "", text: tag.replace(/^\w+\s*/, "").trim() }))
  }
}

const tagged = ({ tags }: Doc, name: string) => tags.filter((tag) => tag.name === name).map(({ text }) => text)

/** A name that a module exports: one thing, or a type and a value. */
interface Export {
  readonly name: string
  readonly category: string
  readonly docs: ReadonlyArray<Doc>
  readonly declarations: ReadonlyArray<string>
}

interface Module {
  readonly name: string
  readonly doc: Doc
  readonly exports: ReadonlyArray<Export>
  /** What is not exported, but stands in the type of what is. */
  readonly hidden: ReadonlyArray<string>
}

interface Package {
  readonly name: string
  readonly doc: Doc
  /** The statements of its index. */
  readonly index: ReadonlyArray<string>
  readonly modules: ReadonlyArray<Module>
}

/** Parts of a type in an order of their own; `undefined` and `null` come last. */
const sorted = (parts: ReadonlyArray<string>) => {
  const key = (part: string) => part.replace(/^(undefined|null)$/, "~$1")
  return [...parts].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

/**
 * The compiler orders what it infers by what it happened to meet first: the members of a union, and with them the
 * properties of a mapped type, which are all read-only here.
 */
const inOrder = (node: ts.Node): string => {
  if (ts.isUnionTypeNode(node)) return sorted(node.types.map(inOrder)).join(" | ")
  const { text } = node.getSourceFile()
  const isMapped =
    ts.isTypeLiteralNode(node) &&
    node.members.every((member) => ts.isPropertySignature(member) && member.modifiers !== undefined)
  const children: Array<ts.Node> = []
  ts.forEachChild(node, (child) => void children.push(child))
  const printed = isMapped ? sorted(children.map(inOrder)) : children.map(inOrder)
  return children.reduceRight(
    (rest, child, index) =>
      text.slice(children[index - 1]?.end ?? node.getStart(), child.getStart()) + printed[index] + rest,
    text.slice(children.at(-1)?.end ?? node.getStart(), node.end)
  )
}

/** As it is published, but for words that say nothing here. What someone wrote down stays in its order. */
const printed = (statement: ts.Statement) =>
  (ts.isVariableStatement(statement) ? inOrder(statement) : statement.getText())
    .replace(/^export /, "")
    .replace(/^declare /, "")
    .replace(/^ +/gm, (indent) => indent.slice(indent.length / 2))

const namesOf = (statement: ts.Statement): ReadonlyArray<string> =>
  ts.isVariableStatement(statement)
    ? statement.declarationList.declarations.map(({ name }) => name.getText())
    : ts.isClassDeclaration(statement) ||
        ts.isInterfaceDeclaration(statement) ||
        ts.isTypeAliasDeclaration(statement) ||
        ts.isFunctionDeclaration(statement)
      ? [statement.name?.text ?? "default"]
      : []

/** The packages of a workspace, and what is wrong with their doc comments: one line for each thing. */
export const read = async (root: string) => {
  const problems: Array<string> = []
  const { config } = ts.readConfigFile(join(root, "tsconfig.check.json"), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root)
  const entries = (folder: string) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name))
  const folders = entries(join(root, "packages"))
  const publicFiles = (folder: string) => entries(join(folder, "src")).filter((file) => file.endsWith(".ts"))
  const program = ts.createProgram(folders.flatMap(publicFiles), {
    ...options,
    noEmit: false,
    declaration: true,
    declarationMap: false
  })
  const checker = program.getTypeChecker()

  const published = new Map<string, ts.SourceFile>()
  /** A source file as it is published: declarations only. */
  const publish = (source: ts.SourceFile): ts.SourceFile => {
    let file = published.get(source.fileName)
    if (file === undefined) {
      let text = ""
      program.emit(source, (_, written) => (text = written), undefined, true)
      file = ts.createSourceFile(source.fileName, text, ts.ScriptTarget.Latest, true)
      published.set(source.fileName, file)
    }
    return file
  }

  const at = (node: ts.Node, what: string) => {
    const source = node.getSourceFile()
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    problems.push(`${relative(root, source.fileName)}:${line + 1}: ${what}`)
  }

  /** The first comment of a file: what its module is about. */
  const docOf = (source: ts.SourceFile): Doc => {
    const doc = parseDoc(/^\/\*\*[\s\S]*?\*\//.exec(source.text)?.[0])
    if (doc.text === "") at(source, "the module has no description")
    if (tagged(doc, "since").length !== 1) at(source, "the module needs one @since")
    return doc
  }

  const exportOf = (symbol: ts.Symbol): Export => {
    const { declarations = [], name } = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    const docs = declarations.map((declaration) => {
      const doc = parseDoc(ts.getJSDocCommentsAndTags(declaration).filter(ts.isJSDoc).at(-1)?.getText())
      if (tagged(doc, "since").length !== 1) at(declaration, `${name} needs one @since`)
      if (tagged(doc, "category").length !== 1) at(declaration, `${name} needs one @category`)
      return doc
    })
    if (docs.every(({ text }) => text === "")) {
      for (const declaration of declarations) at(declaration, `${name} has no description`)
    }
    const statements = [...new Set(declarations.map((declaration) => declaration.getSourceFile()))].flatMap((source) =>
      // What a class extends is a constant of its own there, if it is not a name.
      publish(source).statements.filter((statement) =>
        namesOf(statement).some((n) => n === name || n === `${name}_base`)
      )
    )
    return {
      name: symbol.name,
      category: docs.flatMap((doc) => tagged(doc, "category"))[0] ?? "",
      docs,
      declarations: statements.map(printed)
    }
  }

  const moduleOf = (file: string, name: string): Module => {
    const source = program.getSourceFile(file) as ts.SourceFile
    const symbol = checker.getSymbolAtLocation(source)
    const exports = symbol === undefined ? [] : checker.getExportsOfModule(symbol).map(exportOf)
    const shown = new Set(exports.flatMap(({ declarations }) => declarations))
    return {
      name,
      doc: docOf(source),
      exports: exports.sort((a, b) => (`${a.category} ${a.name}` < `${b.category} ${b.name}` ? -1 : 1)),
      hidden: publish(source)
        .statements.filter((statement) => namesOf(statement).length > 0)
        .map(printed)
        .filter((declaration) => !shown.has(declaration))
    }
  }

  const packageOf = (folder: string): Package => {
    const index = program.getSourceFile(join(folder, "src", "index.ts")) as ts.SourceFile
    return {
      name: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name,
      doc: docOf(index),
      index: index.statements.map((statement) => statement.getText()),
      modules: publicFiles(folder)
        .map((file) => ({ file, name: basename(file, ".ts") }))
        .filter(({ name }) => name !== "index")
        .map(({ file, name }) => moduleOf(file, name))
    }
  }

  const packages: Array<Package> = []
  for (const folder of folders) {
    await setImmediate() // The compiler works for seconds, and others want to be heard meanwhile.
    packages.push(packageOf(folder))
  }
  return { packages, problems }
}

const fenced = (code: string) => `\`\`\`ts\n${code}\n\`\`\``

/** The inferred type of a schema is long, and says less than the interface of what it decodes to. */
const isLong = (declaration: string) => /^const \w+(?<!_base):/.test(declaration) && declaration.split("\n").length > 12

const signatures = (declarations: ReadonlyArray<string>) => {
  const open = declarations.filter((declaration) => !isLong(declaration))
  return [
    ...(open.length === 0 ? [] : [fenced(open.join("\n\n"))]),
    ...declarations
      .filter(isLong)
      .map(
        (declaration) => `<details><summary>The type of the constant</summary>\n\n${fenced(declaration)}\n\n</details>`
      )
  ]
}

/** Whatever is there of these, a blank line between. */
const paragraphs = (parts: ReadonlyArray<string>) => parts.filter((part) => part !== "").join("\n\n")

const exportSection = ({ category, declarations, docs, name }: Export) =>
  paragraphs([
    `### ${name}`,
    `*${category}, since ${docs.flatMap((doc) => tagged(doc, "since"))[0]}*`,
    ...docs.map(({ text }) => text),
    ...signatures(declarations),
    ...docs.flatMap((doc) => tagged(doc, "example")).map(fenced)
  ])

const moduleSection = ({ doc, exports, hidden, name }: Module) =>
  paragraphs([
    `## ${name}`,
    doc.text,
    ...tagged(doc, "example").map(fenced),
    ...exports.map(exportSection),
    ...(hidden.length === 0 ? [] : [`### Not exported by ${name}, but part of these types`, ...signatures(hidden)])
  ])

/** The page of a package. */
export const page = ({ doc, index, modules, name }: Package) =>
  `${paragraphs([
    `# ${name}`,
    doc.text,
    `Generated by \`npm run api\` from the sources. The package exports, and each module also by its own name, as in \`${name}/${modules[0]?.name}\`:`,
    fenced(index.join("\n")),
    ...modules.map(moduleSection)
  ])}\n`

export const fileOf = ({ name }: Package) => `docs/api/${name.replace("@mix-effect/", "")}.md`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("..", import.meta.url))
  const { packages, problems } = await read(root)
  mkdirSync(join(root, "docs/api"), { recursive: true })
  for (const each of packages) {
    writeFileSync(join(root, fileOf(each)), page(each))
    console.log(`${fileOf(each)}: ${each.modules.flatMap(({ exports }) => exports).length} exports`)
  }
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
