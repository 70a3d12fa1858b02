// Runs an example by its name, for `npm run example`.
import { existsSync, readdirSync } from "node:fs"

const mainOf = (name: string) => new URL(`../examples/${name}/src/main.ts`, import.meta.url)
// The page is no program: `npm run viewer` shows it.
const names = readdirSync(new URL("../examples", import.meta.url)).filter(
  (name) => name !== "history-viewer" && existsSync(mainOf(name))
)

/** What follows the name is the example's own. */
const [name = ""] = process.argv.splice(2, 1)
if (names.includes(name)) await import(mainOf(name).href)
else {
  console.error(`npm run example NAME, where NAME is one of: ${names.join(", ")}`)
  process.exitCode = 2
}
