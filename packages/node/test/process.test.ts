/** What only a process of its own can show: how it ends, what imports do, certificates, frozen globals. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"

const root = fileURLToPath(new URL("../../..", import.meta.url))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a module to its end, on sources. It ends by itself, or is killed with the scope. */
const run = (
  source: string,
  more: { flags?: ReadonlyArray<string>; env?: Record<string, string>; cwd?: string } = {}
) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(
      process.execPath,
      [
        "--conditions=@mix-effect/source",
        "--import",
        "tsx",
        ...(more.flags ?? []),
        "--input-type=module",
        "--eval",
        source
      ],
      { cwd: more.cwd ?? path.join(root, "packages/node"), env: { PATH: process.env.PATH, ...more.env } }
    )
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

/** A folder for as long as the scope. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "mix-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

const packages = ["core", "http", "node"]

describe("25 importing", () => {
  for (const name of packages) {
    it.live(`@mix-effect/${name} prints nothing, starts nothing and changes no global`, () =>
      Effect.gen(function* () {
        // Effect and its platform are taken first: what they do is theirs.
        const ended = yield* run(`
          import "effect"
          import "@effect/platform"
          ${name === "node" ? 'import "undici"' : ""}
          const globals = () => Object.getOwnPropertyNames(globalThis).sort().join()
          const before = [globals(), ${handles}.join(), process.eventNames().join()]
          await import("@mix-effect/${name}")
          const after = [globals(), ${handles}.join(), process.eventNames().join()]
          if (JSON.stringify(before) !== JSON.stringify(after)) console.log(before, after)
        `)
        assert.deepStrictEqual(ended, quiet)
      })
    )
  }

  it.live("144 with frozen globals, and with no code from strings", () =>
    Effect.gen(function* () {
      const ended = yield* run(
        `
          const { MixNode } = await import("@mix-effect/node")
          const { MessagesHttp } = await import("@mix-effect/http")
          const { MessagesService } = await import("@mix-effect/core")
          if (![MixNode.layer, MessagesHttp.layer, MessagesService.make].every((f) => typeof f === "function")) throw "?"
          Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Function.prototype)
        `,
        { flags: ["--disallow-code-generation-from-strings"] }
      )
      assert.deepStrictEqual(ended, quiet)
    })
  )

  it.live("144 core and http without process", () =>
    Effect.gen(function* () {
      const ended = yield* run(`
        import "effect"
        import "@effect/platform"
        const { process } = globalThis
        delete globalThis.process
        await import("@mix-effect/core")
        await import("@mix-effect/http")
        globalThis.process = process
      `)
      assert.deepStrictEqual(ended, quiet)
    })
  )

  it.scopedLive("142 two copies of core: the errors and cursors of one are those of the other", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const core = path.join(root, "packages/core")
      fs.cpSync(path.join(core, "src"), path.join(folder, "src"), { recursive: true })
      fs.symlinkSync(path.join(core, "node_modules"), path.join(folder, "node_modules"))
      fs.writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }')
      const ended = yield* run(`
        import { Schema } from "effect"
        const one = await import("@mix-effect/core")
        const two = await import(${JSON.stringify(path.join(folder, "src/index.ts"))})
        if (one.NotFound === two.NotFound) throw "one copy"
        const error = new one.NotFound({ operation: "send" })
        const back = Schema.decodeSync(two.MixError)(Schema.encodeSync(one.MixError)(error))
        if (back.message !== error.message || back._tag !== error._tag) throw "errors differ"
        const stored = { version: 1, position: 3, recent: ["a"], forgot: false, head: ["a"] }
        const cursor = Schema.decodeSync(one.HistoryCursor)(stored)
        if (!Schema.is(Schema.typeSchema(two.HistoryCursor))(cursor)) throw "cursors differ"
        if (JSON.stringify(Schema.encodeSync(two.HistoryCursor)(cursor)) !== JSON.stringify(stored)) throw "encoded otherwise"
        if (one.MessagesService.key !== two.MessagesService.key) throw "tags differ"
      `)
      assert.deepStrictEqual(ended, quiet)
    })
  )
})

const program = (url: string, call: string) => `
  import { MessagesService, SessionId } from "@mix-effect/core"
  import { MixNode } from "@mix-effect/node"
  import { Effect, Stream } from "effect"
  const exit = await Effect.runPromiseExit(
    Effect.flatMap(MessagesService, (messages) => ${call}).pipe(
      Effect.provide(MixNode.layer({ serverUrl: ${JSON.stringify(url)}, requestTimeout: 500, deadline: 1000 }))
    )
  )
  console.log(exit._tag === "Success" ? JSON.stringify(exit.value) : [exit.cause.error._tag, exit.cause.error.code, exit.cause.error.attempts].join())
  // Handles are let go of a turn after they are closed.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  console.log("left open:", ${handles}.join())
`

describe("a process ends by itself", () => {
  for (const [name, reply, call, printed] of [
    ["after a reply", FaultServer.json([]), "messages.getHistory()", /^\[\]/],
    [
      "after many at once",
      FaultServer.json([]),
      "Effect.all(Array.from({ length: 30 }, () => messages.getHistory()), { concurrency: 30, discard: true })",
      /^undefined/
    ],
    ["after a body that stalls", FaultServer.stallMidBody(), "messages.getHistory()", /^RequestTimeout/],
    [
      "after part of a stream",
      FaultServer.json([{ id: "m", sessionId: "s", role: "user", userInput: "" }]),
      "Stream.runHead(messages.streamHistory({ prefetch: 4 })).pipe(Effect.asVoid)",
      /^undefined/
    ]
  ] as const) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const server = yield* FaultServer.serve(reply)
        const ended = yield* run(program(server.url, call))
        assert.strictEqual(ended.code, 0, ended.stderr)
        assert.strictEqual(ended.stderr, "")
        assert.match(ended.stdout, printed)
        assert.match(ended.stdout, /left open: \n$/)
      })
    )
  }
})

describe("98 certificates that are trusted but for one thing", () => {
  for (const [tls, code] of [
    ["selfSigned", ""],
    ["expired", "CERT_HAS_EXPIRED"],
    ["wrongHost", "ERR_TLS_CERT_ALTNAME_INVALID"]
  ] as const) {
    it.scopedLive(tls, () =>
      Effect.gen(function* () {
        const server = yield* FaultServer.serve(FaultServer.json([]), { tls })
        const folder = yield* temporary
        const file = path.join(folder, "ca.pem")
        fs.writeFileSync(file, server.certificate ?? "")
        const ended = yield* run(program(server.url, "messages.getHistory()"), { env: { NODE_EXTRA_CA_CERTS: file } })
        assert.strictEqual(ended.stdout.split("\n")[0], code === "" ? "[]" : `ConnectionError,${code},1`, ended.stderr)
      })
    )
  }
})
