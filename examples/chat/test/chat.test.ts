import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Command } from "@effect/platform"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { MessagesTest, MixAgent, MixServer } from "@mix-effect/testing"
import { Effect, Option, Stream } from "effect"
import { bundle } from "../../../scripts/bundle.ts"
import { open, safe, turn } from "../src/chat.ts"

const folder = mkdtempSync(join(tmpdir(), "mix-effect-chat-"))
beforeAll(() => bundle([fileURLToPath(new URL("../src/main.ts", import.meta.url))], folder))
afterAll(() => rmSync(folder, { recursive: true }))

const run = (serverUrl: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const chat = yield* Command.make(process.execPath, join(folder, "main.mjs"), ...args).pipe(
      Command.env({ MIX_SERVER_URL: serverUrl, no_proxy: "*" }),
      Command.start
    )
    const [stdout, stderr, code] = yield* Effect.all(
      [
        chat.stdout.pipe(Stream.decodeText(), Stream.mkString),
        chat.stderr.pipe(Stream.decodeText(), Stream.mkString),
        chat.exitCode
      ],
      { concurrency: 3 }
    )
    return { stdout, stderr, code: Number(code) }
  }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

describe("chat", () => {
  it("shows nothing that a terminal would obey", () => {
    assert.strictEqual(safe("a\u001b[31m\u0007\u009b\u202e\nb\tc"), "a [31m   \nb\tc")
  })

  it.effect("shows a turn: text, tool calls and the answer that the pieces do not have", () =>
    Effect.gen(function* () {
      const { id } = yield* open(Option.none())
      let output = ""
      const write = (text: string) =>
        Effect.sync(() => {
          output += text
        })
      yield* turn(id, "Hello", write, () => Effect.succeed("deny"))
      assert.strictEqual(output, "Let me see.\n> Bash ls\n< Bash completed\nYou said: deny\n")
      const { id: resumed } = yield* open(Option.some(id))
      assert.strictEqual(resumed, id)
      const unknown = yield* Effect.flip(open(Option.some("no")))
      assert.strictEqual(unknown._tag, "NotFound")
    }).pipe(
      Effect.provide(
        MessagesTest.layer({
          agent: (_, { askPermission, emit }) => {
            const call = { _tag: "ToolCall", id: "t1", name: "Bash", input: "ls" } as const
            return emit({ _tag: "Text", text: "Let me see." }).pipe(
              Effect.zipRight(emit({ ...call, status: "writing" })),
              Effect.zipRight(emit({ ...call, status: "ready" })),
              Effect.zipRight(emit({ ...call, status: "running" })),
              Effect.zipRight(emit({ ...call, status: "completed" })),
              Effect.zipRight(askPermission()),
              Effect.map((answer) => `You said: ${answer}`)
            )
          }
        })
      )
    )
  )

  it.scopedLive("asks once where nobody can type, of old servers and new", () =>
    Effect.gen(function* () {
      for (const generation of ["2025-10-10", "2026-02"] as const) {
        const server = yield* MixServer.serve({ generation, agent: () => [MixAgent.say("One \u001b[2J", "file.")] })
        const { code, stderr, stdout } = yield* run(server.url, "--once", "What files?")
        assert.deepStrictEqual({ code, stderr, stdout }, { code: 0, stderr: "", stdout: "One  [2Jfile.\n" })
      }
    })
  )
})
