// The public API: docs/api holds, for each package, the signatures of what its modules export, as API Extractor reports them.
//   npm run api         builds, and writes the reports
//   npm run check:api   after a build: fails where a report is stale, or a doc comment lacks what ours need
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { Extractor, ExtractorConfig, type ExtractorLogLevel } from "@microsoft/api-extractor"

const root = fileURLToPath(new URL("..", import.meta.url))

/** A part of API Extractor's model of a package. */
interface Item {
  readonly name?: string
  readonly docComment?: string
  readonly members?: ReadonlyArray<Item>
}

const count = (comment: string, tag: string) => comment.split(`@${tag} `).length - 1

/** API Extractor knows no `@since` and no `@category`: each declaration needs one of both, and each name a description. */
const undocumented = (module: Item): ReadonlyArray<string> => {
  const { members = [] } = module
  return [...new Set(members.map(({ name }) => name))].flatMap((name) => {
    const comments = members.filter((item) => item.name === name).map(({ docComment = "" }) => docComment)
    const lacks = (tag: string) => comments.some((comment) => count(comment, tag) !== 1)
    const described = comments.some((comment) => /^\/\*\*[\s*]*[^\s*@]/.test(comment))
    return [
      ...["since", "category"].filter(lacks).map((tag) => `${module.name}.${name} needs one @${tag}`),
      ...(described ? [] : [`${module.name}.${name} has no description`])
    ]
  })
}

/** The report of a built package goes to a folder, or, unless `write`, has to be there. Answers with what is wrong. */
export const report = (folder: string, reports: string, write: boolean): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const name = basename(folder)
  const dist = join(folder, "dist")
  const modules = readdirSync(dist).flatMap((file) => (file.endsWith(".d.ts") ? [file.replace(".d.ts", "")] : []))
  for (const module of modules) {
    const comment = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(join(folder, "src", `${module}.ts`), "utf8"))?.[0] ?? ""
    if (count(comment, "since") !== 1) problems.push(`${module} needs one @since in a comment at its top`)
  }
  const temporary = mkdtempSync(join(tmpdir(), "mix-effect-api-"))
  try {
    const entry = join(temporary, "entry.d.ts")
    const model = join(temporary, "model.json")
    writeFileSync(entry, modules.map((module) => `export * as ${module} from "${dist}/${module}.js"\n`).join(""))
    mkdirSync(reports, { recursive: true })
    const silent = { default: { logLevel: "none" as ExtractorLogLevel } }
    const config = ExtractorConfig.prepare({
      configObjectFullPath: undefined,
      packageJsonFullPath: join(folder, "package.json"),
      configObject: {
        projectFolder: folder,
        mainEntryPointFilePath: entry,
        compiler: {
          overrideTsconfig: {
            compilerOptions: { target: "ES2022", module: "NodeNext", types: ["node"], skipLibCheck: true },
            files: [entry]
          }
        },
        // What is not exported is part of a report too: the fields of a class of `Schema` stand there.
        apiReport: {
          ...{ enabled: true, reportFolder: reports, reportTempFolder: temporary, reportFileName: name },
          includeForgottenExports: true
        },
        newlineKind: "lf",
        docModel: { enabled: true, apiJsonFilePath: model },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent }
      }
    })
    const { apiReportChanged, errorCount } = Extractor.invoke(config, {
      localBuild: write,
      messageCallback: (message) => {
        message.handled = message.logLevel !== "error"
      }
    })
    if (errorCount > 0) problems.push("API Extractor failed; the lines above say why")
    if (apiReportChanged && !write) problems.push(`${relative(root, reports)}/${name}.api.md is stale (npm run api)`)
    const [{ members = [] }] = JSON.parse(readFileSync(model, "utf8")).members as [Item]
    problems.push(...members.filter((module) => module.name !== "index").flatMap(undocumented))
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return problems.map((problem) => `@mix-effect/${name}: ${problem}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const write = !process.argv.includes("--check")
  const problems = readdirSync(join(root, "packages")).flatMap((name) =>
    report(join(root, "packages", name), join(root, "docs/api"), write)
  )
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
