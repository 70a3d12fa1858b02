// The public API: docs/api holds, for each package, the signatures of what its modules export, as API Extractor reports them.
//   npm run api         builds, and writes the reports
//   npm run check:api   after a build: fails where a report is stale, or a doc comment lacks what ours need
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, relative } from "node:path"
import { CompilerState, Extractor, ExtractorConfig, type ExtractorLogLevel } from "@microsoft/api-extractor"
import { root } from "./tarballs.ts"

/** A part of API Extractor's model of a package. */
interface Item {
  readonly name: string
  readonly docComment?: string
  readonly members?: ReadonlyArray<Item>
}

const has = (comment: string, tag: string) => comment.split(`@${tag} `).length === 2

/** API Extractor knows no `@since` and no `@category`: each declaration needs one of both, and each name a description. */
const undocumented = ({ members = [], name: module }: Item): ReadonlyArray<string> =>
  [...new Set(members.map(({ name }) => name))].flatMap((name) => {
    const comments = members.filter((item) => item.name === name).map(({ docComment = "" }) => docComment)
    const lacking = ["since", "category"].filter((tag) => !comments.every((comment) => has(comment, tag)))
    const described = comments.some((comment) => /^\/\*\*[\s*]*[^\s*@]/.test(comment))
    return [
      ...lacking.map((tag) => `${module}.${name} needs one @${tag}`),
      ...(described ? [] : [`${module}.${name} has no description`])
    ]
  })

/** Modules without the comment at their top that says since when they are there. */
const untitled = (folder: string, modules: ReadonlyArray<string>): ReadonlyArray<string> =>
  modules.flatMap((module) => {
    const comment = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(join(folder, "src", `${module}.ts`), "utf8"))?.[0] ?? ""
    return has(comment, "since") ? [] : [`${module} needs one @since in a comment at its top`]
  })

/** The report of a built package, as API Extractor is to make it, and the names of its modules. */
const prepare = (folder: string, reports: string, temporary: string) => {
  const name = basename(folder)
  const dist = join(folder, "dist")
  const modules = readdirSync(dist).flatMap((file) => (file.endsWith(".d.ts") ? [file.replace(".d.ts", "")] : []))
  const entry = join(temporary, `${name}.d.ts`)
  writeFileSync(entry, modules.map((module) => `export * as ${module} from "${dist}/${module}.js"\n`).join(""))
  const compilerOptions = { target: "ES2022", module: "NodeNext", types: ["node"], skipLibCheck: true }
  const silent = { default: { logLevel: "none" as ExtractorLogLevel } }
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, "package.json"),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: entry,
      compiler: { overrideTsconfig: { compilerOptions, files: [entry] } },
      // What is not exported is part of a report too: the fields of a class of `Schema` stand there.
      apiReport: {
        ...{ enabled: true, reportFolder: reports, reportTempFolder: temporary, reportFileName: name },
        includeForgottenExports: true
      },
      newlineKind: "lf",
      docModel: { enabled: true, apiJsonFilePath: join(temporary, `${name}.json`) },
      tsdocMetadata: { enabled: false },
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent }
    }
  })
  return { name, folder, modules, config }
}

/** The reports of built packages go to a folder, or, unless `write`, have to be there. Answers with what is wrong. */
export const report = (folders: ReadonlyArray<string>, reports: string, write: boolean): ReadonlyArray<string> => {
  const temporary = mkdtempSync(join(tmpdir(), "mix-effect-api-"))
  try {
    mkdirSync(reports, { recursive: true })
    const packages = folders.map((folder) => prepare(folder, reports, temporary))
    const additionalEntryPoints = packages.map(({ config }) => config.mainEntryPointFilePath)
    let compilerState: CompilerState | undefined
    return packages.flatMap(({ config, folder, modules, name }) => {
      // One for all: reading the types of Effect takes longer than all that follows.
      compilerState ??= CompilerState.create(config, { additionalEntryPoints })
      const { apiReportChanged, errorCount } = Extractor.invoke(config, {
        compilerState,
        localBuild: write,
        messageCallback: (message) => {
          message.handled = message.logLevel !== "error"
        }
      })
      const [{ members }]: [Required<Item>] = JSON.parse(readFileSync(config.apiJsonFilePath, "utf8")).members
      const problems = [
        ...untitled(folder, modules),
        ...(errorCount > 0 ? ["API Extractor failed; the lines above say why"] : []),
        ...(apiReportChanged && !write ? [`${relative(root, reports)}/${name}.api.md is stale (npm run api)`] : []),
        ...members.filter((module) => module.name !== "index").flatMap(undocumented)
      ]
      return problems.map((problem) => `@mix-effect/${name}: ${problem}`)
    })
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  const folders = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name))
  const problems = report(folders, join(root, "docs/api"), !process.argv.includes("--check"))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}
