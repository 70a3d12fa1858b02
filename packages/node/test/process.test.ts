/** What only a process of its own can show: how it ends, what imports do, certificates, frozen globals. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import { bundle } from "../../../scripts/bundle.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mix-effect-process-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

/**
 * What the programs import, bundled once: a process starts in a tenth of the time that it takes on sources. Everything is kept,
 * also what a bundler may drop; a module that two of them use is loaded once. undici stays where it is, so that one test can
 * replace it.
 */
beforeAll(async () => {
  const core = path.join(root, "packages/core")
  const copy = path.join(folder, "copy")
  fs.cpSync(path.join(core, "src"), path.join(copy, "src"), { recursive: true })
  fs.symlinkSync(path.join(core, "node_modules"), path.join(copy, "node_modules"))
  const names = ["effect", "@effect/platform", "@mix-effect/core", "@mix-effect/http", "@mix-effect/node"]
  const modules = new Map(names.map((name) => [name, name]))
  modules.set("another-core", path.join(copy, "src/index.ts"))
  const found = path.join(folder, "node_modules")
  await bundle(Object.fromEntries([...modules].map(([name, from]) => [`${name}/index`, from])), found, {
    absWorkingDir: path.join(root, "packages/node"),
    entryNames: "[dir]/[name]",
    external: ["undici"],
    ignoreAnnotations: true,
    splitting: true
  })
  for (const name of modules.keys())
    fs.writeFileSync(path.join(found, name, "package.json"), '{ "exports": "./index.mjs" }')
  fs.symlinkSync(path.join(root, "packages/node/node_modules/undici"), path.join(found, "undici"))
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a module to its end. It ends by itself, or is killed with the scope. */
const run = (source: string, more: { flags?: ReadonlyArray<string>; env?: Record<string, string> } = {}) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, [...(more.flags ?? []), "--input-type=module", "--eval", source], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...more.env }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (text) => {
      stdout += text
    })
    child.stderr.on("data", (text) => {
      stderr += text
    })
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const quiet: Ended = { code: 0, stdout: "", stderr: "" }

/** What keeps a process alive, beyond its own pipes. */
const handles = `process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|MessagePort|CloseReq|FSReq.*)$/.test(name))`

/** Effect, its platform and the engine are loaded first: what they do is theirs. */
const dependencies = `
  import "effect"
  import "@effect/platform"
  import "undici"
`

describe("25 importing", () => {
  it.live("prints nothing, starts nothing and changes no global", () =>
    Effect.gen(function* () {
      const ended = yield* run(`${dependencies}
        const globals = () => Object.getOwnPropertyNames(globalThis).sort().join()
        const state = () => JSON.stringify([globals(), ${handles}, process.eventNames().map(String)])
        for (const name of ["core", "http", "node"]) {
          const before = state()
          await import("@mix-effect/" + name)
          if (state() !== before) console.log(name, before, state())
        }
      `)
      assert.deepStrictEqual(ended, quiet)
    })
  )

  it.live("144 with frozen globals, and with no code from strings", () =>
    Effect.gen(function* () {
      const ended = yield* run(
        `${dependencies}
          Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Function.prototype)
          const { MixNode } = await import("@mix-effect/node")
          const { MessagesHttp } = await import("@mix-effect/http")
          const { MessagesService } = await import("@mix-effect/core")
          if (![MixNode.layer, MessagesHttp.layer, MessagesService.make].every((f) => typeof f === "function")) throw "?"
        `,
        { flags: ["--disallow-code-generation-from-strings"] }
      )
      assert.deepStrictEqual(ended, quiet)
    })
  )

  it.live("144 core and http without process", () =>
    Effect.gen(function* () {
      const ended = yield* run(`${dependencies}
        const { process } = globalThis
        delete globalThis.process
        await import("@mix-effect/core")
        await import("@mix-effect/http")
        globalThis.process = process
      `)
      assert.deepStrictEqual(ended, quiet)
    })
  )

  it.live("142 two copies of core: the errors and cursors of one are those of the other", () =>
    Effect.gen(function* () {
      const ended = yield* run(`
        import { Schema } from "effect"
        const one = await import("@mix-effect/core")
        const two = await import("another-core")
        if (one.NotFound === two.NotFound) throw "one copy"
        const error = new one.NotFound({ operation: "send" })
        const back = Schema.decodeSync(two.MixError)(Schema.encodeSync(one.MixError)(error))
        if (back.message !== error.message || back._tag !== error._tag) throw "errors differ"
        const present = { open: ["a"], settled: [], whole: false }
        const stored = { version: 2, position: 3, forgot: false, fromHead: false, present }
        const place = { recent: ["a"], open: 1, sessions: [["s", ["a"]]] }
        const cursor = Schema.decodeUnknownSync(one.HistoryCursor)({ ...stored, ...place })
        if (!Schema.is(Schema.typeSchema(two.HistoryCursor))(cursor)) throw "cursors differ"
        const sorted = (cursor) => JSON.stringify(Object.entries(cursor).sort())
        if (sorted(Schema.encodeSync(two.HistoryCursor)(cursor)) !== sorted({ ...stored, ...place })) throw "encoded otherwise"
        if (one.MessagesService.key !== two.MessagesService.key) throw "tags differ"
      `)
      assert.deepStrictEqual(ended, quiet)
    })
  )
})

it.live("165 Bun's undici cannot dispatch: a ConfigError when the layer is built, which names what works", () =>
  Effect.gen(function* () {
    const imitation = "data:text/javascript,export class Agent {}; export class ProxyAgent {}"
    const hooks = `export const resolve = (name, context, next) =>
      name === "undici" ? { url: "${imitation}", shortCircuit: true } : next(name, context)`
    const ended = yield* run(`
      import { register } from "node:module"
      import { MessagesService } from "@mix-effect/core"
      import { ConfigProvider, Effect } from "effect"
      register("data:text/javascript,${encodeURIComponent(hooks)}")
      const { MixNode } = await import("@mix-effect/node")
      // Directly, and through a proxy.
      for (const HTTPS_PROXY of ["", "http://proxy.invalid:3128"]) {
        const layer = MixNode.layer({ serverUrl: "https://mix.invalid" })
        const error = await Effect.flip(Effect.provide(MessagesService, layer)).pipe(
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries({ HTTPS_PROXY })))),
          Effect.runPromise
        )
        console.log(error._tag, String(error).replaceAll("\\n", " "))
      }
    `)
    const lines = ended.stdout.trimEnd().split("\n")
    assert.lengthOf(lines, 2, ended.stderr)
    for (const line of lines) assert.match(line, /^ConfigError .*replaces undici.*MixBrowser/)
  })
)

it.scopedLive("165 an environment that cannot be read, as Deno's, is a ConfigError that names the variable", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.json([]))
    const ended = yield* run(`
      import { Config, Effect } from "effect"
      import { MixNode } from "@mix-effect/node"
      import { MessagesService } from "@mix-effect/core"
      const notCapable = (what) =>
        Object.assign(new Error("Requires env access" + what + ", run again with the --allow-env flag"), { name: "NotCapable" })
      const { env } = process
      // Deno gives one variable where it may be read, and the list of all where all may be.
      let denied = /./
      let refuse = (name) => notCapable(' to "' + name + '"')
      const check = (name) => {
        if (typeof name === "string" && denied.test(name)) throw refuse(name)
        return name
      }
      process.env = new Proxy(env, {
        has: (_, name) => check(name) in env,
        get: (_, name) => env[check(name)],
        ownKeys: () => {
          throw notCapable("")
        }
      })
      const get = (layer) =>
        Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(Effect.provide(layer))
      const failure = async (layer) => {
        const error = await Effect.runPromise(Effect.flip(get(layer)))
        console.log(error._tag, String(error).replaceAll("\\n", " "))
      }
      denied = /^MIX_SERVER_URL$/
      await failure(MixNode.layer())
      denied = /_proxy$/i
      await failure(MixNode.layer({ serverUrl: "http://mix.invalid" }))
      denied = /^BACKEND_URL$/
      const configured = MixNode.layerConfig({ serverUrl: Config.string("BACKEND_URL") })
      await failure(configured)
      // What else it says may be anything.
      refuse = () => new Error("canary-7f21")
      await failure(configured)
      // What is not needed is not read.
      denied = /^https_proxy$/i
      console.log(await Effect.runPromise(get(MixNode.layer({ serverUrl: ${JSON.stringify(server.url)} }))))
    `)
    const lines = ended.stdout.trimEnd().split("\n")
    assert.lengthOf(lines, 5, ended.stderr)
    for (const [index, what] of [
      /^ConfigError .*Requires env access to "MIX_SERVER_URL".*--allow-env/,
      /^ConfigError .*Requires env access to "http_proxy".*--allow-env/,
      /^ConfigError .*Requires env access to "BACKEND_URL".*--allow-env/,
      /^ConfigError .*cannot be read/,
      /^\[\]$/
    ].entries())
      assert.match(lines[index] ?? "", what)
    assert.notInclude(ended.stdout + ended.stderr, "canary")
  })
)

/** Makes calls one after the other, and tells what came of each and what it left open. */
const program = (calls: ReadonlyArray<readonly [url: string, call: string]>) => `
  import { MessagesService } from "@mix-effect/core"
  import { MixNode } from "@mix-effect/node"
  import { Effect, Either, Stream } from "effect"
  const play = async (serverUrl, call) => {
    const layer = MixNode.layer({ serverUrl, requestTimeout: "5 seconds", deadline: "5 seconds" })
    const result = await Effect.runPromise(Effect.either(Effect.flatMap(MessagesService, call).pipe(Effect.provide(layer))))
    // Handles are let go of a turn after they are closed.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    const outcome = Either.match(result, {
      onLeft: (error) => error._tag + " " + error.code + " " + error.attempts,
      onRight: (value) => JSON.stringify(value)
    })
    console.log(outcome, "open:" + ${handles}.join())
  }
  ${calls.map(([url, call]) => `await play(${JSON.stringify(url)}, (messages) => ${call})`).join("\n")}
`

const outcomes = (ended: Ended) => {
  assert.strictEqual(ended.stderr, "")
  assert.strictEqual(ended.code, 0)
  return ended.stdout.trimEnd().split("\n")
}

it.scopedLive("a process ends by itself: no socket and no timer is left", () =>
  Effect.gen(function* () {
    const message = { id: "m", sessionId: "s", role: "user", userInput: "" }
    const plays = yield* Effect.forEach(
      [
        [FaultServer.json([]), "messages.getHistory()", "[]"],
        [
          FaultServer.json([]),
          "Effect.all(Array.from({ length: 30 }, () => messages.getHistory()), { concurrency: 30, discard: true })",
          "undefined"
        ],
        [
          FaultServer.stallMidBody(),
          "Effect.timeout(messages.getHistory(), 300)",
          "TimeoutException undefined undefined"
        ],
        [
          FaultServer.stallBeforeHead,
          "Effect.timeout(messages.getHistory(), 300)",
          "TimeoutException undefined undefined"
        ],
        [FaultServer.status(404), "messages.getHistory()", "NotFound undefined 1"],
        [
          FaultServer.json([message]),
          "Stream.runHead(messages.streamHistory({ prefetch: 4 })).pipe(Effect.asVoid)",
          "undefined"
        ]
      ] as const,
      ([reply, call, outcome]) =>
        Effect.map(FaultServer.serve(reply), ({ url }) => ({ call: [url, call] as const, outcome: `${outcome} open:` }))
    )
    const ended = yield* run(program(plays.map(({ call }) => call)))
    assert.deepStrictEqual(
      outcomes(ended),
      plays.map(({ outcome }) => outcome)
    )
  })
)

describe("98 a certificate that is trusted", () => {
  // One process for each: they have one name, and only one of a name is found.
  for (const [tls, outcome] of [
    ["selfSigned", "[]"],
    ["expired", "ConnectionError CERT_HAS_EXPIRED 1"],
    ["wrongHost", "ConnectionError ERR_TLS_CERT_ALTNAME_INVALID 1"]
  ] as const) {
    it.scopedLive(`${tls}: ${outcome}`, () =>
      Effect.gen(function* () {
        const server = yield* FaultServer.serve(FaultServer.json([]), { tls })
        const file = path.join(folder, `${tls}.pem`)
        fs.writeFileSync(file, server.certificate ?? "")
        const ended = yield* run(program([[server.url, "messages.getHistory()"]]), {
          env: { NODE_EXTRA_CA_CERTS: file }
        })
        assert.deepStrictEqual(outcomes(ended), [`${outcome} open:`])
      })
    )
  }
})
