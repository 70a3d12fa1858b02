// Which HTTP engine the Node client should have: the same service over four of them, against a bare server in a process of
// its own. Rounds alternate, so that a noisy machine is unkind to all alike.
//   node --conditions=@mix-effect/source --import tsx scripts/engines.ts
import { fork } from "node:child_process"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { MessagesService } from "@mix-effect/core"
import { MessagesHttp } from "@mix-effect/http"
import { MixNode } from "@mix-effect/node"
import { type ConfigError, Effect, Layer } from "effect"

const row = (n: number) => ({ id: `id-${n}`, sessionId: "s", role: "user", userInput: "x".repeat(200) })
const bodies: Record<string, string> = {
  "1": JSON.stringify([row(0)]),
  "1000": JSON.stringify(Array.from({ length: 1000 }, (_, n) => row(n)))
}

const serve = () => {
  let connections = 0
  const server = createServer((request, response) => {
    if (request.url === "/connections") {
      response.end(String(connections))
      return
    }
    const body = bodies[new URL(request.url ?? "", "http://h").searchParams.get("limit") ?? ""] ?? "[]"
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body)
  })
  server.on("connection", () => connections++)
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as { port: number }).port))
}

const median = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const bench = async () => {
  const child = fork(fileURLToPath(import.meta.url), ["serve"], { execArgv: process.execArgv })
  const port = await new Promise<number>((resolve) => child.once("message", (port) => resolve(port as number)))
  const options = { serverUrl: `http://127.0.0.1:${port}` }
  const over = (client: Layer.Layer<HttpClient.HttpClient>) => Layer.provide(MessagesHttp.layer(options), client)
  const engines: Record<string, Layer.Layer<MessagesService, ConfigError.ConfigError>> = {
    "MixNode (undici dispatcher)": MixNode.layer(options),
    "FetchHttpClient (global fetch)": over(FetchHttpClient.layer),
    "NodeHttpClient.layerUndici": over(NodeHttpClient.layerUndici),
    "NodeHttpClient.layer (node:http)": over(NodeHttpClient.layer)
  }
  const jobs = {
    "200 calls, one after the other": (messages: MessagesService["Type"]) =>
      Effect.repeatN(messages.getHistory({ limit: 1 }), 199),
    "640 calls, 64 at once": (messages: MessagesService["Type"]) =>
      Effect.forEach(Array.from({ length: 640 }), () => messages.getHistory({ limit: 1 }), {
        concurrency: 64,
        discard: true
      }),
    "30 pages of 1000": (messages: MessagesService["Type"]) => Effect.repeatN(messages.getHistory({ limit: 1000 }), 29)
  }
  const count = async () => Number(await (await fetch(`${options.serverUrl}/connections`)).text())
  const times: Array<{ readonly job: string; readonly engine: string; readonly took: number }> = []
  const connections: Record<string, number> = {}
  for (let round = 0; round < 8; round++) {
    for (const [engine, layer] of Object.entries(engines)) {
      for (const [job, run] of Object.entries(jobs)) {
        const before = await count()
        const start = performance.now()
        await Effect.runPromise(
          Effect.flatMap(MessagesService, (messages) => run(messages) as Effect.Effect<unknown>).pipe(
            Effect.provide(layer)
          )
        )
        const took = performance.now() - start
        // The first rounds warm the compiler up.
        if (round >= 3) times.push({ job, engine, took })
        connections[`${job} ${engine}`] = (await count()) - before
      }
    }
  }
  child.kill()
  for (const job of Object.keys(jobs)) {
    const rows = Object.keys(engines).map((engine) => ({
      engine,
      ms: median(times.filter((time) => time.job === job && time.engine === engine).map(({ took }) => took))
    }))
    const best = Math.min(...rows.map(({ ms }) => ms))
    console.log(`\n${job}`)
    for (const { engine, ms } of rows) {
      const opened = connections[`${job} ${engine}`]
      console.log(
        `  ${engine.padEnd(34)} ${ms.toFixed(0).padStart(5)} ms  ${(ms / best).toFixed(2)} x  ${opened} connections`
      )
    }
  }
}

if (process.argv[2] === "serve") serve()
else await bench()
