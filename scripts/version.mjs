// Writes the version of the packages into the source that tells it to servers. `changeset version` changes manifests alone.
import { readFileSync, writeFileSync } from "node:fs"

const { version } = JSON.parse(readFileSync("packages/node/package.json", "utf8"))
const file = "packages/node/src/internal/version.ts"
writeFileSync(file, readFileSync(file, "utf8").replace(/"[^"]*"\n$/, `"${version}"\n`))
