/** The editions against each other, each as a process: what one saves the other reads, and servers cannot tell them apart. */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { MixAgent, MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import { bundle } from "../bundle.ts"
import { type Edition, editions, editionNames as names, run } from "../tarballs.ts"

/** Node.js of the Effect 4 edition, which the other runs on as well: `User-Agent` says which it is. */
const node = join(editions["effect-4"], "node_modules/.bin/node")
const folder = mkdtempSync(join(tmpdir(), "mix-effect-editions-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a command of an edition, and answers with the last line that it printed; others are logs. */
const tell = (edition: Edition, ...args: ReadonlyArray<string>) =>
  Effect.map(
    Effect.promise(() => run(folder, node, [join(folder, edition, "edition.mjs"), ...args], env)),
    (printed) => JSON.parse(printed.split("\n").at(-1) ?? "")
  )

const env = { MIX_SERVER_URL: "https://mix.example.com/prefix/", MIX_BEARER_TOKEN: "secret", NO_COLOR: "1" }

const both = (...args: ReadonlyArray<string>) =>
  Effect.all(
    names.map((edition) => tell(edition, ...args)),
    { concurrency: 2 }
  )

/** One edition begins and the other goes on, both ways. */
const pairs = [
  ["effect-3", "effect-4"],
  ["effect-4", "effect-3"]
] as const

const seed = { random: 7, sessions: 3, messages: 45 }

const agent: MixAgent.Agent = () => [
  MixAgent.call({ name: "Bash", input: ["{}"], permission: { description: "rm", path: "/data" } }),
  MixAgent.say("Done.")
]

/** The requests that clients send to a port, with the server behind it, as bytes of raw sockets. */
const wiretap = (port: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly requests: () => ReadonlyArray<string>; readonly close: () => void }>(
      (resume) => {
        const connections: Array<Array<Buffer>> = []
        const sockets = new Set<Net.Socket>()
        const server = Net.createServer((client) => {
          const chunks: Array<Buffer> = []
          connections.push(chunks)
          const upstream = Net.connect(port, "127.0.0.1")
          for (const socket of [client, upstream]) {
            sockets.add(socket)
            socket.on("error", () => {})
          }
          client.on("data", (chunk: Buffer) => chunks.push(chunk))
          client.pipe(upstream).pipe(client)
          client.on("close", () => upstream.destroy())
        }).listen(0, "127.0.0.1", () => {
          const { port } = server.address() as Net.AddressInfo
          const split = (bytes: string): ReadonlyArray<string> => {
            if (bytes === "") return []
            const head = bytes.slice(0, bytes.indexOf("\r\n\r\n") + 4)
            const length = head.length + Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0)
            return [bytes.slice(0, length).replaceAll(`:${port}`, ":PORT"), ...split(bytes.slice(length))]
          }
          resume(
            Effect.succeed({
              url: `http://127.0.0.1:${port}`,
              requests: () => connections.flatMap((chunks) => split(Buffer.concat(chunks).toString("latin1"))),
              close: () => {
                for (const socket of sockets) socket.destroy()
                server.close()
              }
            })
          )
        })
      }
    ),
    ({ close }) => Effect.sync(close)
  )

const isInstalled = existsSync(node)

it.skipIf(isInstalled || process.env.CI === undefined)("The Effect 4 edition is there (npm run test:effect-4)", () => {
  assert.fail("it is not installed")
})

describe.skipIf(!isInstalled)("Both editions", () => {
  beforeAll(() =>
    Promise.all(
      names.map((edition) =>
        bundle([join(editions[edition], "scripts/test/editions/edition.ts")], join(folder, edition))
      )
    )
  )

  it.live("export the same names, with the same keys of services", () =>
    Effect.gen(function* () {
      const [three, four] = yield* both("names")
      assert.strictEqual(three.Core.MessagesService, "@mix-effect/core/MessagesService")
      assert.deepStrictEqual(four, three)
    })
  )

  it.live("read the same variables, and have the same defaults", () =>
    Effect.gen(function* () {
      const [three, four] = yield* both("config")
      assert.include(three, { serverUrl: "https://mix.example.com/prefix", requestTimeout: 30_000 })
      assert.deepStrictEqual(four, three)
    })
  )

  it.scopedLive("write errors as the same JSON, and read each other's", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed })
      const { cursor } = yield* tell("effect-3", "walk", server.url, "2")
      const [three, four] = yield* both("errors", cursor)
      assert.isAbove(three.length, 25)
      assert.deepStrictEqual(four, three)
      const texts = three.map(({ json }: { readonly json: object }) => JSON.stringify(json))
      const [readByThree, readByFour] = yield* both("read", ...texts)
      assert.deepStrictEqual(readByThree, three)
      assert.deepStrictEqual(readByFour, three)
    })
  )

  it.scopedLive("walk on from each other's cursors, and from those of errors", () =>
    Effect.gen(function* () {
      for (const [one, other] of pairs) {
        const server = yield* MixServer.serve({
          seed,
          faults: ({ query }) =>
            Effect.succeed(query.get("offset")?.startsWith("3") ? MixServer.Fault.Respond({ status: 503 }) : undefined)
        })
        const whole = yield* Effect.promise(() => fetch(`${server.url}/api/messages/history?limit=1000`))
        const ids = ((yield* Effect.promise(() => whole.json())) as ReadonlyArray<{ id: string }>).map(({ id }) => id)
        const begun = yield* tell(one, "walk", server.url, "2")
        const failed = yield* tell(other, "walk", server.url, "9", begun.cursor)
        assert.strictEqual(JSON.parse(failed.error)._tag, "ServerError")
        yield* server.setFaults(undefined)
        const rest = yield* tell(one, "walk", server.url, "9", JSON.stringify(JSON.parse(failed.error).cursor))
        assert.isUndefined(rest.error)
        assert.isAbove(failed.ids.length, 0)
        assert.deepStrictEqual([...begun.ids, ...failed.ids, ...rest.ids], ids)
      }
    })
  )

  it.scopedLive("follow from each other's presents", () =>
    Effect.gen(function* () {
      for (const [one, other] of pairs) {
        const server = yield* MixServer.serve({ seed })
        const cursor = yield* tell(one, "now", server.url)
        const sessionId = yield* server.createSession()
        const id = yield* server.append({ sessionId, role: "user", text: "new" })
        assert.deepStrictEqual(yield* tell(other, "follow", server.url, "1", cursor), [id])
      }
    })
  )

  it.scopedLive("send the same bytes for every operation", () =>
    Effect.gen(function* () {
      for (const generation of ["2025-09-25", "2026-02"] as const) {
        const sent = yield* Effect.forEach(
          names,
          (edition) =>
            Effect.scoped(
              Effect.gen(function* () {
                const server = yield* MixServer.serve({ seed, generation, agent })
                const tap = yield* wiretap(Number(new URL(server.url).port))
                yield* tell(edition, "calls", tap.url, generation)
                const requests = tap.requests().map((request) => request.replace(/mix-effect\/[\d.]+/, "mix-effect"))
                // How often a turn is looked at is a matter of time.
                return [...new Set(requests)].sort()
              })
            ),
          { concurrency: 2 }
        )
        const [three = [], four] = sent
        assert.isAbove(three.length, 40)
        assert.deepStrictEqual(four, three)
      }
    })
  )
})
