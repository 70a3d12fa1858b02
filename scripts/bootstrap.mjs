// Runs a command of this workspace, or of the Effect 4 edition, on a machine that has only node and npm:
//   node scripts/bootstrap.mjs vitest run
//   node scripts/bootstrap.mjs --effect-4 vitest run
// Dependencies are installed first, by the pnpm that package.json pins, fetched through npx. When they are newer than
// the lockfile nothing is installed. The edition is made first too, and has a Node.js of its own.
import { spawn } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const isEffect4 = process.argv[2] === "--effect-4"
const workspace = isEffect4 ? join(root, "editions/effect-4/tree") : root
const [command, ...args] = process.argv.slice(isEffect4 ? 3 : 2)

/** npm describes itself to its children in these variables; pnpm would take them for its own settings. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name))
)

/** Runs to the end and answers with the exit code. Ctrl-C reaches the child through the terminal: the child decides. */
const run = (cwd, file, argv, stdio) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, argv, { cwd, env, stdio, shell: process.platform === "win32" })
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

/** What comes before a command talks on stderr: the command's own output stays alone on stdout. */
const prepare = async (cwd, file, ...argv) => {
  const code = await run(cwd, file, argv, ["ignore", 2, 2])
  if (code === 0) return
  console.error(`${argv.join(" ")} failed; the lines above say why.`)
  process.exit(code)
}

const install = async (cwd) => {
  const modified = (path) => statSync(join(cwd, path), { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (modified("node_modules/.modules.yaml") >= modified("pnpm-lock.yaml")) return
  const pin = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8")).packageManager.split("+")[0]
  console.error(`Installing dependencies with ${pin} (first run only) ...`)
  await prepare(cwd, "npx", "--yes", pin, "install", "--frozen-lockfile", "--loglevel=error")
}

await install(root)
if (isEffect4) {
  await prepare(root, process.execPath, "editions/effect-4/edition.mjs", "tree")
  await install(workspace)
}
env.PATH = join(workspace, "node_modules", ".bin") + delimiter + (env.PATH ?? "")
process.exitCode = await run(workspace, command, args, "inherit")
