/** The editions against each other, each as a process: what one saves the other reads, and servers cannot tell them apart. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { MixAgent, MixServer } from "@mix-effect/testing"
import { Effect, FastCheck } from "effect"
import { draws } from "../../../packages/core/test/draws.ts"
import { bundle } from "../../bundle.ts"
import { type Edition, editions, editionNames as names, run } from "../../tarballs.ts"

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

/** JSON has neither all numbers nor bigints. */
const casesFile = (cases: ReadonlyArray<unknown>) => {
  const path = join(folder, `${Math.random()}.json`)
  const tagged = (_: string, value: unknown) => {
    if (typeof value === "bigint") return { bigint: String(value) }
    const isJson = typeof value !== "number" || (Number.isFinite(value) && !Object.is(value, -0))
    return isJson ? value : { number: Object.is(value, -0) ? "-0" : String(value) }
  }
  writeFileSync(path, JSON.stringify(cases, tagged))
  return path
}

/** The text of a `ConfigError` begins with the name of its class in Effect 4. */
const plain = (said: unknown) => (typeof said === "string" ? said.replace(/^ConfigError(?=\()/, "") : said)

/** Both editions say the same of what is drawn. */
const alike = (command: string, drawn: FastCheck.Arbitrary<unknown>) =>
  Effect.gen(function* () {
    const cases = FastCheck.sample(drawn, draws(300, 5000))
    const [three, four] = yield* both(command, casesFile(cases))
    for (const [index, said] of three.entries())
      assert.deepStrictEqual(plain(four[index]), said, inspect(cases[index], { depth: 9 }))
    const said = new Set<unknown>(three.map((said: unknown) => JSON.stringify(said)))
    // What is drawn is neither all good nor all bad.
    assert.isTrue(said.has("null") || said.has('"direct"'))
    assert.isAbove(said.size, 1)
  })

const numbers = FastCheck.oneof(
  FastCheck.integer({ min: -2, max: 9 }),
  FastCheck.double(),
  FastCheck.constantFrom(Number.NaN, -0, 0.1, 1e-9, 2 ** 31 - 1, 2 ** 31)
)

/** Good and bad. Objects, as in `{ seconds: 5 }`, are durations in Effect 4 only. */
const durations = FastCheck.oneof(
  numbers,
  FastCheck.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
  FastCheck.array(numbers, { maxLength: 3 }),
  FastCheck.tuple(
    FastCheck.constantFrom("5", "-5", "1.5", "-0", "1e3", "", " 5", "Infinity"),
    FastCheck.constantFrom(" millis", " seconds", " day", " nanos", "  minutes", "hours", " parsec", "")
  ).map((parts) => parts.join("")),
  FastCheck.constantFrom("-Infinity", "soon", null)
)

/** Some fields, or one alone: of many, one is always bad. */
const someOf = (fields: Readonly<Record<string, FastCheck.Arbitrary<unknown>>>) =>
  FastCheck.oneof(
    FastCheck.record(fields, { requiredKeys: [] }),
    ...Object.entries(fields).map(([name, value]) => FastCheck.record({ [name]: value }))
  )

const drawnOptions = someOf({
  serverUrl: FastCheck.oneof(
    FastCheck.constantFrom(
      "http://mix",
      "https://mix:8088/a//b/",
      "mix",
      "http://u:p@mix",
      "http://mix?q",
      "http://mix:0"
    ),
    FastCheck.webUrl({ withQueryParameters: true }),
    FastCheck.string()
  ),
  headers: FastCheck.oneof(
    FastCheck.dictionary(FastCheck.constantFrom("x-team", "Host", "a b", "__proto__"), FastCheck.string()),
    FastCheck.constantFrom(null, [], "x")
  ),
  bearerToken: FastCheck.constantFrom(null, "not redacted"),
  ...{ requestTimeout: durations, sendTimeout: durations, deadline: durations },
  maxResponseBytes: FastCheck.oneof(numbers, FastCheck.constant("1")),
  tracePropagation: FastCheck.constantFrom(true, false, 1),
  baseUrl: FastCheck.constant("http://mix")
})

const drawnPolicies = someOf({
  ...{ initialInterval: durations, maxInterval: durations, maxElapsedTime: durations },
  curve: FastCheck.constantFrom("exponential", "polynomial", "linear"),
  exponent: FastCheck.oneof(numbers, FastCheck.constant("2")),
  retryConnectionErrors: FastCheck.boolean(),
  statusCodes: FastCheck.oneof(
    FastCheck.array(FastCheck.constantFrom("429", "5XX", "4xx", "999", 503, ""), { maxLength: 3 }),
    FastCheck.constantFrom("5XX", null)
  ),
  retries: FastCheck.constant(3)
})

const hosts = FastCheck.oneof(
  FastCheck.constantFrom("mix.example.com", "MIX.example.com.", "a.mix.example.com", "bücher.example", "localhost"),
  FastCheck.constantFrom("127.0.0.1", "10.0.0.7", "[::1]", "[fe80::1]", "0x7f.1")
)

const drawnProxies = FastCheck.tuple(
  FastCheck.tuple(
    FastCheck.constantFrom("http", "https"),
    hosts,
    FastCheck.constantFrom("", ":80", ":443", ":8088")
  ).map(([scheme, host, port]) => `${scheme}://${host}${port}`),
  someOf(
    Object.fromEntries([
      ...["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"].map((name) => [
        name,
        FastCheck.oneof(
          FastCheck.constantFrom(
            "",
            "  ",
            "http://proxy:3128",
            " proxy:3128 ",
            "https://u:p%40@proxy",
            "http://u:%@proxy"
          ),
          FastCheck.constantFrom("socks5://proxy", "proxy", "http://proxy/path", "http://proxy:0", "http://[::1]:3128"),
          FastCheck.string()
        )
      ]),
      ...["NO_PROXY", "no_proxy"].map((name) => [
        name,
        FastCheck.array(
          FastCheck.oneof(
            hosts,
            FastCheck.constantFrom("", "*", ".example.com", "<-loopback>", "10.0.0.0/8", "mix.example.com:443")
          ),
          { maxLength: 4 }
        ).chain((entries) => FastCheck.constantFrom(",", ", ", ";", " ").map((separator) => entries.join(separator)))
      ])
    ])
  )
)

describe("Both editions", () => {
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

  it.scopedLive("hand walks to and fro, and lose and repeat nothing", () =>
    Effect.gen(function* () {
      const plans = FastCheck.sample(
        FastCheck.record({
          seed: FastCheck.record({
            random: FastCheck.integer({ min: 1, max: 2 ** 31 }),
            sessions: FastCheck.integer({ min: 1, max: 5 }),
            messages: FastCheck.integer({ min: 0, max: 60 })
          }),
          pageSize: FastCheck.integer({ min: 1, max: 25 }),
          legs: FastCheck.array(
            FastCheck.record({
              edition: FastCheck.constantFrom(...names),
              pages: FastCheck.integer({ min: 1, max: 4 })
            }),
            {
              minLength: 2,
              maxLength: 4
            }
          ),
          appended: FastCheck.boolean()
        }),
        draws(12, 60)
      )
      const walks = yield* Effect.forEach(plans, (plan) =>
        Effect.gen(function* () {
          const server = yield* MixServer.serve({ seed: plan.seed })
          const sessionId = yield* server.createSession()
          const whole = yield* Effect.promise(() => fetch(`${server.url}/api/messages/history?limit=1000`))
          const there = ((yield* Effect.promise(() => whole.json())) as ReadonlyArray<{ id: string }>).map(
            ({ id }) => id
          )
          return { ...plan, server, sessionId, there, ids: [] as string[], from: undefined as string | undefined }
        })
      )
      // One process of each edition goes on with all the walks that it was drawn for. The last leg has no end.
      for (let leg = 0; leg < 5; leg++) {
        yield* Effect.forEach(
          names,
          (edition) =>
            Effect.gen(function* () {
              const mine = walks.filter(({ legs }) => (legs[leg]?.edition ?? (leg === 4 ? "effect-4" : "")) === edition)
              const cases = mine.map(({ from, legs, pageSize, server }) => ({
                ...{ url: server.url, pageSize, from },
                pages: legs[leg]?.pages ?? 1000
              }))
              const told = yield* tell(edition, "walks", casesFile(cases))
              for (const [index, walk] of mine.entries()) {
                assert.isUndefined(told[index].error)
                walk.ids.push(...told[index].ids)
                walk.from = told[index].cursor ?? walk.from
                const { appended, server, sessionId } = walk
                if (appended) yield* server.append({ sessionId, role: "user", text: "meanwhile" })
              }
            }),
          { concurrency: 2 }
        )
      }
      for (const { ids, legs, there } of walks) {
        const wasThere = new Set(there)
        assert.deepStrictEqual(
          ids.filter((id) => wasThere.has(id)),
          there,
          JSON.stringify(legs)
        )
        assert.strictEqual(new Set(ids).size, ids.length)
      }
    })
  )

  it.live("decide alike by which proxy requests go", () => alike("proxies", drawnProxies))

  it.live("refuse the same options, with the same words", () => alike("options", drawnOptions))

  it.live("refuse the same policies, with the same words", () => alike("policies", drawnPolicies))

  it.live("refuse the same deadlines, with the same words", () => alike("deadlines", durations))

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
