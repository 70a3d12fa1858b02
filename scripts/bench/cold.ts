// Programs that are measured from the start of their process: what the SDK costs to load, and to call once.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as esbuild from "esbuild"

export const peers = "import effect, platform"
export const sdk = "sdk, first call"

const call = "const url = process.argv[2]"
const useSdk = `import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import * as Effect from "effect/Effect"`

const code = {
  [peers]: "",
  node: "",
  "import undici, first call": `import { request } from "undici"
${call}
const { body } = await request(url + "/api/messages/history?limit=1")
JSON.parse(await body.text())`,
  "import effect, platform, undici": "",
  "import sdk": useSdk,
  [sdk]: `${useSdk}
${call}
const program = Effect.flatMap(MessagesService, (messages) => messages.getHistory({ limit: 1 }))
await Effect.runPromise(Effect.provide(program, MixNode.layer({ serverUrl: url })))`
}

export type ProgramName = keyof typeof code

export const programs = Object.keys(code) as ReadonlyArray<ProgramName>

const finish = `
const ms = performance.now()
const { system, user } = process.cpuUsage()
console.log(JSON.stringify({ ms, cpuMs: (system + user) / 1000, heaps: [], peakRss: 0 }))
`

/** The modules of other packages that Node loads with the built packages of the SDK, as they are imported. */
const foreignImports = async (folder: string): Promise<ReadonlyArray<string>> => {
  const found = new Set<string>()
  await esbuild.build({
    stdin: { contents: useSdk, resolveDir: folder },
    bundle: true,
    format: "esm",
    platform: "node",
    // Unused imports are loaded too.
    ignoreAnnotations: true,
    write: false,
    plugins: [
      {
        name: "foreign",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^[^./]/ }, ({ kind, path }) => {
            if (path.startsWith("@mix-effect/")) return undefined
            if (kind === "import-statement" && !path.startsWith("node:")) found.add(path)
            return { external: true, path }
          })
      }
    ]
  })
  return [...found].sort()
}

export const file = (name: ProgramName) => `cold-${programs.indexOf(name)}.mjs`

export const write = async (folder: string): Promise<void> => {
  const foreign = await foreignImports(folder)
  const importing = (paths: ReadonlyArray<string>) => paths.map((path) => `import "${path}"`).join("\n")
  const all = {
    ...code,
    [peers]: importing(foreign.filter((path) => /^(effect|@effect\/platform)(\/|$)/.test(path))),
    "import effect, platform, undici": importing(foreign)
  }
  for (const name of programs) writeFileSync(join(folder, file(name)), all[name] + finish)
}
