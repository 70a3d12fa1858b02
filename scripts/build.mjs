// Builds every package: `pnpm run build`. Outputs are made anew, since the compiler leaves those of deleted sources behind.
import { spawnSync } from "node:child_process"
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const packages = fileURLToPath(new URL("../packages", import.meta.url))
for (const name of readdirSync(packages)) rmSync(join(packages, name, "dist"), { recursive: true, force: true })
const { status } = spawnSync("tsc", ["-b"], { stdio: "inherit", cwd: join(packages, ".."), shell: true })
process.exitCode = status ?? 1
