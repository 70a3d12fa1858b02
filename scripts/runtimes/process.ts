// node process.mjs <urls>
import { MixNode } from "@mix-effect/node"
import { ask, overFetch } from "./program.ts"

await ask({ ...overFetch, MixNode: MixNode.layer }, JSON.parse(process.argv[2] ?? ""))
