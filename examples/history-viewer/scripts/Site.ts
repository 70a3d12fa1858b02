/** The page, built once and served as a web server would. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { build, preview } from "vite"
import config from "../vite.config.ts"

const quiet = { ...config, configFile: false, logLevel: "warn" } as const

/** Its url. */
export const serve = Effect.gen(function* () {
  const outDir = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "history-viewer-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const options = { ...config.build, outDir, emptyOutDir: true, reportCompressedSize: false }
  yield* Effect.promise(() => build({ ...quiet, build: options }))
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => preview({ ...quiet, build: options, preview: { host: "127.0.0.1", port: 0 } })),
    (server) => Effect.promise(() => server.close())
  )
  const [url = ""] = server.resolvedUrls?.local ?? []
  return url
})
