import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { MessageId, type SessionEvent } from "../../src/index.ts"
import * as Turn from "../../src/internal/conversation/turn.ts"
import { draws } from "../draws.ts"

const make = (fence: ReadonlyArray<string> = [], extended = false) =>
  Turn.make({ text: "Hello", extended, fence: new Set(fence) })

/** `u1 Hello`, `a2 tool_use t1`, `a3`: rows as the export has them. */
const rows = (...lines: ReadonlyArray<string>): ReadonlyArray<Turn.Row> =>
  lines.map((line) => {
    const [id = "", word, call] = line.split(" ")
    if (id.startsWith("u")) return { id, role: "user", content: word, finishReason: "stop" }
    if (id.startsWith("t")) return { id, role: "tool", content: "", finishReason: "stop" }
    return {
      id,
      role: "assistant",
      content: "",
      ...(word !== undefined && { finishReason: word }),
      ...(call !== undefined && { toolCalls: [{ id: call }] })
    }
  })

const ids = (look: Turn.Look) => (look._tag === "Unseen" ? "-" : `${look._tag} ${look.ids.join()}`)

describe("turn", () => {
  it("uses nothing of Effect, for an edition for Effect 4 to share", () => {
    const folder = new URL("../../src/internal/conversation/", import.meta.url)
    const files = readdirSync(folder)
    assert.isAbove(files.length, 2)
    for (const file of files) {
      const imports = readFileSync(new URL(file, folder), "utf8").match(/^import (?!type).*$/gm)
      assert.isNull(imports, file)
    }
  })

  it("follows a run as a server was seen to write it", () => {
    const rules = make()
    const states = [
      [[], "-"],
      [["u1 Hello", "a2"], "Running u1,a2"],
      [["u1 Hello", "a2 tool_use"], "Running u1,a2"],
      [["u1 Hello", "a2 tool_use", "t3"], "Running u1,a2,t3"],
      [["u1 Hello", "a2 tool_use", "t3", "a4"], "Running u1,a2,t3,a4"],
      [["u1 Hello", "a2 tool_use", "t3", "a4 end_turn"], "Done u1,a2,t3,a4"]
    ] as const
    for (const [lines, expected] of states) assert.strictEqual(ids(rules.read(rows(...lines))), expected)
  })

  it("nothing before the fence is ever an answer", () => {
    const rules = make(["u1", "a2"])
    assert.strictEqual(ids(rules.read(rows("u1 Hello", "a2 end_turn"))), "-")
    assert.strictEqual(ids(rules.read(rows("u1 Hello", "a2 end_turn", "u3 Hello"))), "Running u3")
    // A row of a crashed server waits for ever, and takes none of ours.
    const crashed = make(["u1", "a2"])
    for (const old of ["a2", "a2 tool_use"]) {
      const look = crashed.read(rows("u1 Before", old, "u3 Hello", "a4 tool_use", "t5", "a6 end_turn"))
      assert.strictEqual(ids(look), "Done u3,a4,t5,a6")
    }
  })

  it("knows its own row by the event, or by the text", () => {
    const rules = make()
    assert.strictEqual(ids(rules.read(rows("u1 Other", "a2 end_turn"))), "-")
    rules.hear({ _tag: "MessageCreated", messageId: MessageId.make("u1"), text: "Other" })
    assert.strictEqual(ids(rules.read(rows("u1 Other", "a2 end_turn"))), "-")
    rules.hear({ _tag: "MessageCreated", messageId: MessageId.make("u5"), text: "Hello" })
    assert.strictEqual(ids(rules.read(rows("u3 Hello", "a4 end_turn", "u5 Hello", "a6 end_turn"))), "Done u5,a6")
    // In plan mode the server adds to the text.
    assert.strictEqual(ids(make([], true).read(rows("u1 Hello<system-reminder>", "a2 end_turn"))), "Done u1,a2")
    assert.strictEqual(ids(make().read(rows("u1 Hello<system-reminder>", "a2 end_turn"))), "-")
  })

  it("tells runs apart by what they wait for, and holds together what nobody can tell apart", () => {
    const look = (...lines: ReadonlyArray<string>) => ids(make().read(rows(...lines)))
    // Somebody else asks before, after, and while ours runs.
    assert.strictEqual(look("u1 Other", "a2 end_turn", "u3 Hello", "a4 end_turn"), "Done u3,a4")
    assert.strictEqual(look("u1 Hello", "a2 end_turn", "u3 Other", "a4"), "Done u1,a2")
    assert.strictEqual(
      look("u1 Hello", "a2 tool_use", "u3 Other", "a4 end_turn", "t5", "a6 end_turn"),
      "Done u1,a2,t5,a6"
    )
    assert.strictEqual(look("u1 Hello", "a2", "u3 Other", "a4 end_turn"), "Running u1,a2")
    // Both call tools: whose the row is that comes then, no row says.
    const both = ["u1 Hello", "a2 tool_use", "u3 Other", "a4 tool_use", "t5", "a6 end_turn"]
    assert.strictEqual(look(...both), "Running u1,a2,u3,a4,t5,a6")
    assert.strictEqual(look(...both, "t7", "a8 end_turn"), "Done u1,a2,u3,a4,t5,a6,t7,a8")
    assert.strictEqual(
      look("u1 Other", "a2 tool_use", "u3 Hello", "a4 tool_use", "t5", "a6 end_turn", "t7", "a8 end_turn"),
      "Done u3,a4,t5,a6,t7,a8"
    )
  })

  it("an event ends nothing, and what failed before the run began was another", () => {
    const rules = make()
    const failed = (message: string): SessionEvent => ({ _tag: "Failed", message })
    assert.isTrue(rules.hear(failed("the second of the last run")))
    assert.strictEqual(ids(rules.read(rows("u1 Hello", "a2"))), "Running u1,a2")
    assert.isFalse(rules.hear({ _tag: "MessageCreated", messageId: MessageId.make("u1"), text: "Hello" }))
    assert.isUndefined(rules.failure())
    assert.isTrue(rules.hear(failed("the first")))
    assert.isTrue(rules.hear(failed("the first, in other words")))
    assert.strictEqual(rules.failure()?.message, "the first")
  })

  it("with callbacks the turn goes to the row that `complete` names", () => {
    const all = rows("u1 Hello", "a2 end_turn", "u3 Callback", "a4 end_turn")
    const rules = make()
    assert.isUndefined(rules.extend(all, ["u1", "a2"]))
    rules.hear({ _tag: "Completed", messageId: MessageId.make("a4") })
    assert.deepStrictEqual(rules.extend(all, ["u1", "a2"]), ["u1", "a2", "u3", "a4"])
    const deaf = make()
    deaf.hear({ _tag: "Reconnected" })
    assert.isTrue(deaf.gap())
    assert.deepStrictEqual(deaf.extend(all, ["u1", "a2"]), ["u1", "a2"])
  })

  it("whatever order rows of several clients come in, ours are all there and nothing is given before they are done", () => {
    /** Runs of one to three turns, written in any order. */
    const run = FastCheck.array(FastCheck.boolean(), { maxLength: 2 })
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(run, { minLength: 1, maxLength: 3 }),
        FastCheck.array(FastCheck.nat(2), { maxLength: 60 }),
        (runs, order) => {
          let next = 0
          const written: Array<{ id: string; role: string; content: string; finishReason?: string; run: number }> = []
          const step = runs.map((turns, index) => {
            const push = (role: string, content = "") => {
              const row = { id: `${role}${++next}`, role, content, run: index }
              written.push(row)
              return row as (typeof written)[number]
            }
            return (function* () {
              push("user", index === 0 ? "Hello" : `Other ${index}`).finishReason = "stop"
              for (const _ of turns) {
                const row = push("assistant")
                yield
                row.finishReason = "tool_use"
                yield
                push("tool").finishReason = "stop"
              }
              const last = push("assistant")
              yield
              last.finishReason = "end_turn"
            })()
          })
          const rules = make()
          const done = new Set<number>()
          for (const which of [...order, ...Array.from({ length: 60 }, (_, index) => index)]) {
            const index = which % runs.length
            if (step[index]?.next().done) done.add(index)
            const look = rules.read(written)
            if (look._tag !== "Done") continue
            assert.isTrue(done.has(0))
            const own = written.filter((row) => row.run === 0).map(({ id }) => id)
            assert.includeMembers([...look.ids], own)
            assert.strictEqual(look.ids[0], own[0])
            if (runs.length === 1) assert.deepStrictEqual([...look.ids], own)
          }
          assert.strictEqual(rules.read(written)._tag, "Done")
        }
      ),
      { numRuns: draws(50, 2000) }
    )
  })
})
