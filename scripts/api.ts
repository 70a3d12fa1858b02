// The public API: docs/api holds, for each package, the signatures of what its modules export, as API Extractor reports them.
//   npm run api         builds, and writes the reports
//   npm run check:api   after a build: fails where a report is stale, or a doc comment lacks what ours need
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, relative } from "node:path"
import { Extractor, ExtractorConfig, type ExtractorLogLevel } from "@microsoft/api-extractor"

const root = join(import.meta.dirname, "..")

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

/** The report of a built package goes to a folder, or, unless `write`, has to be there. Answers with what is wrong. */
export const report = (folder: string, reports: string, write: boolean): ReadonlyArray<string> => {
  const name = basename(folder)
  const dist = join(folder, "dist")
  const modules = readdirSync(dist).flatMap((file) => (file.endsWith(".d.ts") ? [file.replace(".d.ts", "")] : []))
  const problems = modules.flatMap((module) => {
    const comment = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(join(folder, "src", `${module}.ts`), "utf8"))?.[0] ?? ""
    return has(comment, "since") ? [] : [`${module} needs one @since in a comment at its top`]
  })
  const temporary = mkdtempSync(join(tmpdir(), "mix-effect-api-"))
  const entry = join(temporary, "entry.d.ts")
  const model = join(temporary, "model.json")
  const compilerOptions = { target: "ES2022", module: "NodeNext", types: ["node"], skipLibCheck: true }
  const silent = { default: { logLevel: "none" as ExtractorLogLevel } }
  try {
    writeFileSync(entry, modules.map((module) => `export * as ${module} from "${dist}/${module}.js"\n`).join(""))
    mkdirSync(reports, { recursive: true })
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
        docModel: { enabled: true, apiJsonFilePath: model },
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
    const [{ members }]: [Required<Item>] = JSON.parse(readFileSync(model, "utf8")).members
    problems.push(...members.filter((module) => module.name !== "index").flatMap(undocumented))
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return problems.map((problem) => `@mix-effect/${name}: ${problem}`)
}

if (process.argv[1] === import.meta.filename) {
  for (const name of readdirSync(join(root, "packages"))) {
    for (const problem of report(
      join(root, "packages", name),
      join(root, "docs/api"),
      !process.argv.includes("--check")
    )) {
      console.error(problem)
      process.exitCode = 1
    }
  }
}
