import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { fileURLToPath } from "node:url"
import { Command } from "@effect/platform"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { MessagesTest, MixAgent, MixServer } from "@mix-effect/testing"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { bundle } from "../../../scripts/bundle.ts"
import { conversation, open, safe, turn } from "../src/chat.ts"
import * as Terminal from "../src/terminal.ts"

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

  /** A terminal that a test types into, and a wait for what it shows. */
  const typing = Effect.gen(function* () {
    const keys = new PassThrough()
    const screen = new PassThrough()
    let shown = ""
    let check = () => {}
    screen.on("data", (chunk) => {
      shown += String(chunk)
      check()
    })
    const terminal = yield* Terminal.open(keys, screen)
    return {
      terminal,
      type: (text: string) => Effect.sync(() => void keys.write(text)),
      leave: Effect.sync(() => keys.end()),
      shown: () => shown,
      /** Until that is shown, after what was shown before. */
      until: (text: string) =>
        Effect.async<void>((resume) => {
          check = () => {
            const at = shown.indexOf(text)
            if (at < 0) return
            check = () => {}
            shown = shown.slice(at + text.length)
            resume(Effect.void)
          }
          check()
        })
    }
  })

  it.scopedLive("a conversation: empty lines, permissions, Ctrl-C for the agent and then for the program", () =>
    Effect.gen(function* () {
      const { terminal, type, until } = yield* typing
      const chat = yield* Effect.fork(conversation(terminal, Option.none()))
      yield* until("You: ")
      yield* type("  \r")
      yield* until("You: ")
      yield* type("remove it\r")
      yield* until("Bash wants to: rm it. Allow it? [y/N] ")
      yield* type("y\r")
      yield* until("grant\n")
      yield* until("You: ")
      yield* type("again\r")
      yield* until("[y/N] ")
      yield* type("nonsense\r")
      yield* until("deny\n")
      yield* until("You: ")
      yield* type("slow\r")
      yield* until("Working")
      yield* type("\u0003")
      yield* until("(stopped)")
      yield* until("You: ")
      yield* type("broken\r")
      yield* until("the model is down")
      yield* until("You: ")
      yield* type("\u0003")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(chat)))
    }).pipe(
      Effect.provide(
        MessagesTest.layer({
          agent: ({ text }, { askPermission, emit }) =>
            text === "slow"
              ? Effect.zipRight(emit({ _tag: "Text", text: "Working" }), Effect.never)
              : text === "broken"
                ? Effect.fail("the model is down")
                : askPermission({ toolName: "Bash", description: "rm\nit" })
        })
      )
    )
  )

  it.scopedLive("ends with the input, and answers flags that it does not know", () =>
    Effect.gen(function* () {
      const { leave, terminal, until } = yield* typing
      const chat = yield* Effect.fork(conversation(terminal, Option.none()))
      yield* until("You: ")
      yield* leave
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(chat)))
      const { code, stderr, stdout } = yield* run("http://127.0.0.1:9", "--wat")
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /^Unknown option '--wat'.*Usage: chat/)
      assert.lengthOf(stderr.trim().split("\n"), 1)
    }).pipe(Effect.provide(MessagesTest.layer()))
  )
})
