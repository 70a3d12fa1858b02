/** `npm run viewer`: the page in development, and a server to look at. A new message comes every 20 seconds. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { createServer } from "vite"
import config from "../vite.config.ts"
import * as Demo from "./Demo.ts"

const program = Effect.gen(function* () {
  const server = yield* Demo.serve()
  const [sessionId = ""] = yield* server.sessions
  const vite = yield* Effect.acquireRelease(
    Effect.promise(() => createServer({ ...config, configFile: false, server: { host: "127.0.0.1" } })),
    (vite) => Effect.promise(() => vite.close())
  )
  yield* Effect.promise(() => vite.listen())
  const [page = ""] = vite.resolvedUrls?.local ?? []
  console.log(`The page:   ${page}?${new URLSearchParams({ server: server.url })}`)
  console.log(`The server: ${server.url} (made-up messages, in memory)`)
  yield* server
    .append({ sessionId, text: "And one more thing: what changed since last week?" })
    .pipe(Effect.schedule(Schedule.spaced("20 seconds")))
}).pipe(Effect.scoped)

const controller = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort())
await Effect.runPromiseExit(program, { signal: controller.signal })
