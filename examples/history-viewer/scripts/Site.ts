/** The page, bundled once and served as a web server would. */
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import { conditions } from "../vite.config.ts"

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** By esbuild: rollup, with which Vite builds, takes ten times as long. */
const bundle = async () => {
  const { outputFiles } = await build({
    entryPoints: [path("src/main.ts")],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2023",
    conditions
  })
  return outputFiles[0]?.contents
}

/** What is served under which path, by the names that index.html uses. */
const files = async () =>
  new Map([
    ["/", { type: "text/html", body: await readFile(path("index.html")) }],
    ["/src/main.ts", { type: "text/javascript", body: await bundle() }],
    ["/src/style.css", { type: "text/css", body: await readFile(path("src/style.css")) }],
    ["/icon.svg", { type: "image/svg+xml", body: await readFile(path("public/icon.svg")) }]
  ])

/** Its url. */
export const serve = Effect.gen(function* () {
  const found = yield* Effect.promise(files)
  const server = yield* Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(({ url = "" }, response) => {
        const file = found.get(url.replace(/\?.*/, ""))
        response
          .writeHead(file === undefined ? 404 : 200, { "content-type": file?.type ?? "text/plain" })
          .end(file?.body)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
