import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { SendMessageRequest, SessionId } from "../src/index.ts"
import { arbitraryOf } from "./arbitrary.ts"
import { draws } from "./draws.ts"

const id = SessionId.make("s1")
const encode = Schema.encodeSync(SendMessageRequest)

describe("SendMessageRequest", () => {
  it.each<[string, SendMessageRequest, object]>([
    ["nothing but a text", { id, text: "hello" }, { id: "s1", text: "hello" }],
    ["media", { id, text: "x", media: ["a.png"] }, { id: "s1", text: "x", media: ["a.png"] }],
    ["no media, said so", { id, text: "x", media: [] }, { id: "s1", text: "x", media: [] }],
    ["apps", { id, text: "x", apps: ["app"] }, { id: "s1", text: "x", apps: ["app"] }],
    ["a plan", { id, text: "x", planMode: true }, { id: "s1", text: "x", plan_mode: true }],
    ["no plan, said so", { id, text: "x", planMode: false }, { id: "s1", text: "x", plan_mode: false }],
    [
      "how much to think",
      { id, text: "x", thinkingLevel: "maximum" },
      { id: "s1", text: "x", thinking_level: "maximum" }
    ],
    ["a word of another server", { id, text: "x", thinkingLevel: "z" }, { id: "s1", text: "x", thinking_level: "z" }],
    ["how many steps", { id, text: "x", maxSteps: 3 }, { id: "s1", text: "x", max_steps: 3 }],
    [
      "everything",
      { id, text: "x", media: ["m"], apps: ["a"], planMode: true, thinkingLevel: "off", maxSteps: 1 },
      { id: "s1", text: "x", media: ["m"], apps: ["a"], plan_mode: true, thinking_level: "off", max_steps: 1 }
    ]
  ])("encodes %s as that and no other key", (_, request, wire) => {
    assert.deepStrictEqual<unknown>(encode(request), wire)
  })

  it("puts no key on the wire for a value that is undefined", () => {
    const nothing = { media: undefined, apps: undefined, planMode: undefined }
    const wire = JSON.stringify(encode({ id, text: "x", ...nothing, thinkingLevel: undefined, maxSteps: undefined }))
    assert.strictEqual(wire, `{"id":"s1","text":"x"}`)
  })

  it("keeps a text as it is, white space, slashes and controls included", () => {
    for (const text of [" ", "/help", "a\u0000b", "\u2028", "😀", "<&>"]) {
      assert.strictEqual(encode({ id, text }).text, text)
    }
  })

  it("comes back from its wire form as it was", () => {
    const decode = Schema.decodeUnknownSync(SendMessageRequest)
    FastCheck.assert(
      FastCheck.property(arbitraryOf(SendMessageRequest), (request) => {
        assert.deepStrictEqual(decode(encode(request)), request)
      }),
      { numRuns: draws(100, 500), seed: 20_250_925 }
    )
  })
})
