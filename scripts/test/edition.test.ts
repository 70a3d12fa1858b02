/** `npm run check:editions` on a repository of three sources: it passes, and names each thing that is planted. */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, assert, it } from "@effect/vitest"
import { root } from "../tarballs.ts"

const folder = mkdtempSync(join(tmpdir(), "mix-effect-edition-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const edition = join("editions", "effect-4")

const write = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

const check = () => {
  const { status, stderr } = spawnSync(process.execPath, [join(folder, edition, "edition.mjs"), "check"], {
    encoding: "utf8"
  })
  return { status, problems: stderr.split("\n").filter((line) => line.startsWith("packages/")) }
}

it("The edition's check names imports that only the root has, patches that do not fit, and files that are in two places", () => {
  for (const file of ["biome.json", join(edition, "edition.mjs"), join(edition, "rules.mjs")])
    cpSync(join(root, file), join(folder, file))
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
  execFileSync("git", ["init", "--quiet"], { cwd: folder })
  const peerDependencies = { effect: "^4.1.0" }
  write("packages/core/package.json", JSON.stringify({ name: "@mix-effect/core", peerDependencies }))
  write("packages/core/src/A.ts", 'import * as Effect from "effect/Effect"\n\nexport const a = Effect.catchAll\n')
  write("packages/core/src/B.ts", 'import { a } from "./A.ts"\n\nexport const b = [a, 3]\n')
  const patch = (path: string, before: string, after: string) =>
    write(
      join(edition, "patches", `${path}.patch`),
      `--- ${path}\n+++ ${path}\n@@ -3,1 +3,1 @@\n-${before}\n+${after}\n`
    )
  patch("packages/core/src/A.ts", "export const a = Effect.catch", "export const a = Effect.catchCause")
  write(join(edition, "tree/node_modules/effect/package.json"), '{ "exports": { ".": "./dist/index.js" } }')
  write(join(edition, "tree/node_modules/effect/dist/Effect.js"), "")
  assert.deepStrictEqual(check(), { status: 0, problems: [] })

  write(
    "packages/core/src/B.ts",
    'import { a } from "./A.ts"\nexport type * from "undici"\n\nexport const b = [a, 4]\n'
  )
  write("packages/core/src/C.ts", 'export const c = () => import("effect/Micro")\n')
  patch("packages/core/src/B.ts", "export const b = [a, 3]", "export const b = [a]")
  patch("packages/core/src/Gone.ts", "export const gone = 1", "export const gone = 2")
  for (const place of ["", join(edition, "overlay")]) write(join(place, "packages/core/src/D.ts"), "export {}\n")
  assert.deepStrictEqual(check(), {
    status: 1,
    problems: [
      "packages/core/src/B.ts changed where Effect 4 differs:",
      "packages/core/src/Gone.ts is gone; remove editions/effect-4/patches/packages/core/src/Gone.ts.patch",
      "packages/core/src/D.ts has a counterpart, so it needs a patch; remove it from overlay/",
      "packages/core/src/B.ts imports undici, which the edition does not have",
      "packages/core/src/C.ts imports effect/Micro, which the edition does not have"
    ]
  })
})
