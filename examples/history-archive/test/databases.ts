/** Both databases, for tests that hold for either. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import { Target } from "../src/Database.ts"
import * as Postgres from "./Postgres.ts"

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "history-archive-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export const sqlite = Effect.map(temporaryFolder, (folder) => Target.Sqlite({ path: join(folder, "archive.db") }))

export const postgres = Effect.gen(function* () {
  const server = yield* Postgres.make
  return Target.Postgres({ url: Redacted.make(yield* server.database("archive")) })
}).pipe(Effect.orDie)
