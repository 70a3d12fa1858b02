// Runs a command of this workspace on a machine that has only node and npm:
//   node scripts/bootstrap.mjs vitest run
// Dependencies are installed first, by the pnpm that package.json pins, fetched through npx. When they are newer than
// the lockfile nothing is installed.
import { spawn } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const [command, ...args] = process.argv.slice(2)

/** npm describes itself to its children in these variables; pnpm would take them for its own settings. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name))
)
env.PATH = join(root, "node_modules", ".bin") + delimiter + (env.PATH ?? "")

const modified = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Runs to the end and answers with the exit code. Ctrl-C reaches the child through the terminal: the child decides. */
const run = (file, argv, stdio) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, argv, { cwd: root, env, stdio, shell: process.platform === "win32" })
    const forward = (signal) => child.kill(signal)
    const ignore = () => {}
    process.on("SIGTERM", forward)
    process.on("SIGINT", ignore)
    child.on("error", reject)
    child.on("exit", (code, signal) => {
      process.off("SIGTERM", forward)
      process.off("SIGINT", ignore)
      resolve(signal === null ? code : 128 + (signal === "SIGINT" ? 2 : 15))
    })
  })

if (modified("node_modules/.modules.yaml") < modified("pnpm-lock.yaml")) {
  const pin = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("+")[0]
  console.error(`Installing dependencies with ${pin} (first run only) ...`)
  // pnpm talks on stdout; the command's own output must stay alone there.
  const installed = await run("npx", ["--yes", pin, "install", "--frozen-lockfile"], ["ignore", 2, 2])
  if (installed !== 0) {
    console.error("Installing dependencies failed; the lines above say why.")
    process.exit(installed)
  }
}
process.exitCode = await run(command, args, "inherit")
