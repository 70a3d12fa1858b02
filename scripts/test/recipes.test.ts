/** The recipes of docs/node.md, each run against what it is for. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Certificate from "../../packages/testing/src/internal/faultServer/certificate.ts"
import { collect, isFor } from "../snippets.ts"
import { root } from "../tarballs.ts"
import { runAll } from "./runSnippets.ts"

const folder = mkdtempSync(join(tmpdir(), "mix-effect-recipes-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const recipes = collect(root).filter((snippet) => snippet.file === join("docs", "node.md") && isFor(3)(snippet))

/** The only recipe with these words, its exported layer used for a call. */
const recipe = (words: string, replacements: Readonly<Record<string, string>> = {}) => {
  const found = recipes.filter(({ code }) => code.includes(words))
  assert.lengthOf(found, 1, words)
  const [snippet] = found
  let code = `${snippet?.code}`
  for (const [from, to] of Object.entries(replacements)) {
    assert.include(code, from)
    code = code.replaceAll(from, to)
  }
  if (code.includes("export const MessagesLive")) {
    code += `
import { MessagesService } from "@mix-effect/core"
import * as $Effect from "effect/Effect"
await $Effect.runPromise($Effect.provide($Effect.flatMap(MessagesService, (messages) => messages.getHistory()), MessagesLive))
`
  }
  return { file: "docs/node.md", line: snippet?.line ?? 0, code, run: true, edition: undefined }
}

/** Runs them, all in one process: none may fail. */
const runs = (...snippets: ReadonlyArray<ReturnType<typeof recipe>>) =>
  Effect.map(
    Effect.promise(() => runAll(root, snippets, "http://127.0.0.1:9")),
    (problems) => assert.deepStrictEqual(problems, [])
  )

/** A server that listens until the scope closes, and what it was asked. */
const listening = <S extends Net.Server>(server: S, where: string | number) =>
  Effect.acquireRelease(
    Effect.async<S>((resume) => {
      server.on("connection", (socket: Net.Socket) => socket.unref())
      server.listen(where, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const answering =
  (seen: Array<Http.IncomingMessage>) => (request: Http.IncomingMessage, response: Http.ServerResponse) => {
    seen.push(request)
    response.setHeader("content-type", "application/json").end("[]")
  }

const portOf = (server: Net.Server) => (server.address() as Net.AddressInfo).port

/** A SOCKS 5 proxy without authentication, by which every name leads to 127.0.0.1. */
const socks = (targets: Array<string>) =>
  Net.createServer((client) => {
    client.once("data", () => {
      client.write(Uint8Array.of(5, 0))
      client.once("data", (request: Buffer) => {
        const host = request.subarray(5, 5 + (request[4] as number)).toString()
        const port = request.readUInt16BE(request.length - 2)
        targets.push(`${host}:${port}`)
        const server = Net.connect(port, "127.0.0.1", () => {
          client.write(Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0))
          server.pipe(client).pipe(server)
        })
        server.on("error", () => client.destroy())
        client.on("error", () => server.destroy())
      })
    })
  })

describe("Recipes of docs/node.md", () => {
  it.scopedLive("an authority, a client certificate, a unix socket, a SOCKS proxy, an interceptor, MockAgent", () =>
    Effect.gen(function* () {
      const own = Certificate.make("selfSigned")
      const client = Certificate.make("selfSigned")
      const paths: Record<string, string> = {}
      for (const [name, pem] of Object.entries({
        "ca.pem": own.cert,
        "client.pem": client.cert,
        "client.key": client.key
      })) {
        paths[`/etc/mix/${name}`] = join(folder, name)
        writeFileSync(join(folder, name), pem)
      }
      const seen = { ca: [], client: [], unix: [], plain: [] } as Record<string, Array<Http.IncomingMessage>>
      const ca = yield* listening(Https.createServer(own, answering(seen.ca as [])), 0)
      const mutual = yield* listening(
        Https.createServer(
          { ...own, ca: client.cert, requestCert: true, rejectUnauthorized: true },
          answering(seen.client as [])
        ),
        0
      )
      yield* listening(Http.createServer(answering(seen.unix as [])), join(folder, "mix.sock"))
      const plain = yield* listening(Http.createServer(answering(seen.plain as [])), 0)
      const targets: Array<string> = []
      const proxy = yield* listening(socks(targets), 0)
      const at = (server: Net.Server) => ({ "https://mix.example.com": `https://localhost:${portOf(server)}` })
      const { "/etc/mix/ca.pem": authority } = paths

      yield* runs(
        recipe("acquireRelease", { ...at(ca), "/etc/mix/ca.pem": authority as string }),
        recipe("client.key", { ...at(mutual), ...paths }),
        recipe("socketPath", { "/run/mix.sock": join(folder, "mix.sock") }),
        recipe("Socks5ProxyAgent", {
          "127.0.0.1:1080": `127.0.0.1:${portOf(proxy)}`,
          "http://mix.example.com": `http://mix.invalid:${portOf(plain)}`
        }),
        recipe("withRequestId", { "http://localhost:8088": `http://127.0.0.1:${portOf(plain)}` }),
        recipe("MockAgent")
      )
      assert.deepStrictEqual(
        Object.values(seen).map((requests) => requests.map(({ method, url }) => `${method} ${url}`)),
        [1, 1, 1, 2].map((count) => new Array<string>(count).fill("GET /api/messages/history"))
      )
      assert.deepStrictEqual(targets, [`mix.invalid:${portOf(plain)}`])
      const ids = seen.plain?.map(({ headers }) => headers["x-request-id"]).filter((id) => id !== undefined)
      assert.lengthOf(ids ?? [], 1)
      assert.strictEqual(seen.unix?.[0]?.headers.host, "localhost")
    })
  )

  it.scopedLive("msw", () => runs(recipe("setupServer")))

  it.scopedLive("nock", () => runs(recipe("nock.disableNetConnect")))
})
