import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Command } from "@effect/platform"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { FaultServer, MixServer } from "@mix-effect/testing"
import { Chunk, Effect, Fiber, Stream } from "effect"
import { bundle } from "../../../scripts/bundle.ts"

const folder = mkdtempSync(join(tmpdir(), "mix-effect-tail-"))
beforeAll(() => bundle([fileURLToPath(new URL("../src/main.ts", import.meta.url))], folder))
afterAll(() => rmSync(folder, { recursive: true }))

/** The process, and what it says on stderr until it ends. It is killed with the scope. */
const start = (serverUrl: string) =>
  Effect.gen(function* () {
    const tail = yield* Command.make(process.execPath, join(folder, "main.mjs")).pipe(
      Command.env({ MIX_SERVER_URL: serverUrl, no_proxy: "*" }),
      Command.start
    )
    const stderr = yield* tail.stderr.pipe(Stream.decodeText(), Stream.mkString, Effect.fork)
    return { tail, stderr: Fiber.join(stderr) }
  })

describe.concurrent("tail", () => {
  it.scopedLive("shows the last messages, then those that appear, until Ctrl-C", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const say = (text: string) => server.append({ sessionId: "s1", text })
      yield* say("Hello")
      yield* say("two\nlines \u001b[31m")

      const { stderr, tail } = yield* start(server.url)
      const pull = yield* tail.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.rechunk(1), Stream.toPull)
      const line = Effect.map(pull, Chunk.unsafeHead)
      assert.deepStrictEqual([yield* line, yield* line].sort(), ["s1  Hello", "s1  two lines  [31m"])

      yield* say("Is anybody there?")
      assert.strictEqual(yield* line, "s1  Is anybody there?")
      yield* say("Good")
      assert.strictEqual(yield* line, "s1  Good")

      yield* tail.kill("SIGINT")
      assert.strictEqual(yield* tail.exitCode, 0)
      assert.strictEqual(yield* stderr, "")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("159 prints no escape of a user or a server", () =>
    Effect.gen(function* () {
      const hostile = "\u001b]0;title\u0007 \u001b[2J\u009b31m \u202eevil\u2028 \u200b\u{e0041}\r\n$"
      const row = { id: "m1", sessionId: "\u001b[1m\u202es1", role: "user", userInput: hostile }
      const message = { error: { code: 404, message: hostile, type: hostile } }
      // One row, until it was on a page of ten.
      let isShown = false
      const server = yield* FaultServer.serve(({ target }) => {
        if (isShown) return FaultServer.json(message, { status: 404 })
        isShown = target.includes("limit=10&")
        return FaultServer.json(target.endsWith("offset=0") ? [row] : [])
      })
      const { stderr, tail } = yield* start(server.url)
      const stdout = yield* tail.stdout.pipe(Stream.decodeText(), Stream.mkString)
      const shown = stdout + (yield* stderr)
      assert.match(stdout, /^ \[1ms1 {2}.*evil.*\$\n$/u)
      assert.match(yield* stderr, /not found \(404, .*evil.*\$\)\n$/u)
      assert.notMatch(shown.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/u)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("ends quietly when its reader leaves", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 20 } })
      const tail = spawn(process.execPath, [join(folder, "main.mjs")], {
        env: { ...process.env, MIX_SERVER_URL: server.url, no_proxy: "*" }
      })
      let stderr = ""
      tail.stderr.on("data", (text) => {
        stderr += text
      })
      const ended = once(tail, "close")
      yield* Effect.promise(() => once(tail.stdout, "data"))
      tail.stdout.destroy()
      yield* server.append({ sessionId: "s1", text: "Is anybody there?" })
      const [code] = yield* Effect.promise(() => ended)
      assert.deepStrictEqual([code, stderr], [0, ""])
    })
  )

  it.scopedLive("says on stderr what is wrong", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.status(404))
      const { stderr, tail } = yield* start(server.url)
      assert.strictEqual(yield* stderr, "getHistory: not found (404): is the server url that of a Mix backend?\n")
      assert.strictEqual(yield* tail.exitCode, 1)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})
