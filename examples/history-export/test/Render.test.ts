import { assert, describe, it } from "@effect/vitest"
import { type BackendMessage, MessageId, SessionId } from "@mix-effect/core"
import * as Option from "effect/Option"
import * as Render from "../src/Render.ts"

const message = (fields: Partial<BackendMessage>): BackendMessage => ({
  id: MessageId.make("m1"),
  sessionId: SessionId.make("s1"),
  role: "user",
  userInput: "Hello",
  ...fields
})

describe("Render", () => {
  it("makes a text of others harmless", () => {
    const esc = "\u001b"
    assert.strictEqual(Render.harmless(`${esc}[2J${esc}]0;title\u0007red`), "␛[2J␛]0;title␇red")
    assert.strictEqual(Render.harmless("one\r\ntwo\tthree\u2028four\u0085five"), "one two three four five")
    assert.strictEqual(Render.harmless("\u0000\u007f\u009b31m\u202eevil"), "␀␡\ufffd31m\ufffdevil")
    assert.strictEqual(
      Render.harmless("a\u200eb\u200bc\u061cd\ufeffe\u{e0041}f"),
      "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"
    )
    assert.strictEqual(Render.harmless("half \ud83d, whole 👩‍💻"), "half \ufffd, whole 👩‍💻")
  })

  it("clips to columns, not to characters", () => {
    assert.strictEqual(Render.clip("exactly", 7), "exactly")
    assert.strictEqual(Render.clip("one too many", 11), "one too ma…")
    assert.strictEqual(Render.clip("日本語", 6), "日本語")
    assert.strictEqual(Render.clip("日本語", 5), "日本…")
    assert.strictEqual(Render.clip("👩‍💻👩‍💻👩‍💻", 4), "👩‍💻…")
    assert.strictEqual(Render.clip("e\u0301a\u0300o\u0302", 2), "e\u0301…")
  })

  it("shows one message as one line", () => {
    assert.strictEqual(Render.historyLine(message({ userInput: "a\nb" }), Option.none()), "s1  a b")
    assert.strictEqual(Render.historyLine(message({ userInput: "x".repeat(99) }), Option.some(10)), "s1  xxxxx…")
    assert.strictEqual(Render.sessionLine(message({}), Option.none()), "user       Hello")
    assert.strictEqual(
      Render.sessionLine(message({ role: "assistant", userInput: "Yes.", assistantResponse: "Yes." }), Option.none()),
      "assistant  Yes."
    )
    assert.strictEqual(Render.sessionLine(message({ role: "tool", userInput: "" }), Option.none()), "tool")
  })

  it("names the tools that were called", () => {
    const call = { id: "t1", name: "Ba\u001bsh", input: "{}", type: "tool_use", finished: true }
    const row = message({ role: "assistant", userInput: "", toolCalls: [call, { ...call, name: "edit" }] })
    assert.strictEqual(Render.sessionLine(row, Option.none()), "assistant  [Ba␛sh, edit]")
  })

  it("keeps the line breaks of a reply", () => {
    assert.deepStrictEqual(Render.reply(message({ assistantResponse: "a\r\nb\n\u001bc" })), ["a", "b", "␛c"])
    assert.deepStrictEqual(Render.reply(message({})), ["(a reply without text)"])
  })
})
