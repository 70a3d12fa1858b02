/** What a bundle for browsers holds of this repository, without Effect: what it imports, and which globals it uses. */
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import type { BrowserCommand } from "vitest/node"

/** What browsers do not have, and what a strict policy forbids. */
const candidates = [
  "process",
  "Buffer",
  "global",
  "require",
  "__dirname",
  "__filename",
  "setImmediate",
  "eval",
  "Function"
]

export interface Bundle {
  readonly imports: ReadonlyArray<string>
  /** Those of the candidates that are used. */
  readonly used: ReadonlyArray<string>
}

export const bundle: BrowserCommand<[]> = async (): Promise<Bundle> => {
  const { metafile, outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../../src/index.ts", import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    conditions: ["@mix-effect/source"],
    external: ["effect/*", "@effect/*", "node:*"],
    // Only what is not declared anywhere is replaced.
    define: Object.fromEntries(
      candidates.flatMap((name) => [
        [name, `used_${name}`],
        [`globalThis.${name}`, `used_${name}`]
      ])
    )
  })
  const [output] = Object.values(metafile.outputs)
  const used = outputFiles[0]?.text.matchAll(/\bused_(\w+)/g) ?? []
  return {
    imports: (output?.imports ?? []).map(({ path }) => path),
    used: [...new Set([...used].map(([, name]) => name as string))]
  }
}
