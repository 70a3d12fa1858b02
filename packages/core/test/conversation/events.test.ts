import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { MessageId, SessionEvent } from "../../src/index.ts"
import * as Events from "../../src/internal/conversation/events.ts"
import * as Sse from "../../src/internal/conversation/sse.ts"
import { draws } from "../draws.ts"
import { exchanges, streams } from "./recorded.ts"

const id = "7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11"

const decode = (frames: ReadonlyArray<Sse.Frame>, session = id) => {
  const read = Events.make(session, Duration.seconds)
  return frames.map(read).filter((event) => event !== undefined)
}

const stream = (index: number) => decode(Sse.make().push(streams[index]?.text ?? ""))

const one = (event: string, data: unknown) => decode([{ event, data: JSON.stringify(data) }])[0]

const tools = (events: ReadonlyArray<SessionEvent>) =>
  events.flatMap((event) =>
    event._tag === "ToolCall" ? [`${event.id} ${event.name} ${event.status} ${event.input}`] : []
  )

describe("events", () => {
  it("reads an exchange of Sept 25, 2025", () => {
    const events = stream(0)
    assert.deepStrictEqual(
      events.map(({ _tag }) => _tag),
      [
        "Connected",
        "Thinking",
        "Text",
        "Text",
        "ToolCall",
        "ToolCall",
        "PermissionRequested",
        "ToolCall",
        "ToolCall",
        "ToolCall",
        "Text",
        "Completed"
      ]
    )
    assert.deepStrictEqual(tools(events), [
      "toolu_01HqR8mB2v bash writing ",
      "toolu_01HqR8mB2v bash ready ",
      "toolu_01HqR8mB2v bash running ",
      "toolu_01HqR8mB2v bash completed ",
      'toolu_01HqR8mB2v bash completed {"command":"head -5 sales.csv"}'
    ])
    assert.deepInclude(events, {
      _tag: "PermissionRequested",
      id: "9a0b1c2d-0000-4000-8000-00000000000a",
      toolName: "bash",
      description: "Execute command: head -5 sales.csv",
      action: "execute",
      path: "/data",
      params: { command: "head -5 sales.csv" }
    })
    assert.deepStrictEqual(events.at(-1), {
      _tag: "Completed",
      text: "EMEA leads with 41% <b>(R&D)</b>.",
      messageId: "f207c9d3-3be6-4c82-9d9c-51303f2e6d06"
    } as SessionEvent)
  })

  it("reads an exchange of Feb 2026", () => {
    const events = stream(3)
    assert.deepStrictEqual(tools(events), [
      "toolu_01A Bash writing ",
      'toolu_01A Bash writing {"command":"hea',
      'toolu_01A Bash writing {"command":"head -2 sales.csv"}',
      'toolu_01A Bash ready {"command":"head -2 sales.csv"}',
      'toolu_01A Bash running {"command":"head -2 sales.csv"}',
      'toolu_01A Bash completed {"command":"head -2 sales.csv"}'
    ])
    assert.deepStrictEqual(
      events.flatMap((event) => (event._tag === "Other" ? [event.event] : [])),
      ["session_created", "session_deleted"]
    )
    assert.deepInclude(events, {
      _tag: "Text",
      text: "EMEA leads.",
      messageId: MessageId.make("f207c9d3-3be6-4c82-9d9c-51303f2e6d06")
    })
  })

  it("a rate limit ends nothing; an unknown session is a failure", () => {
    assert.deepStrictEqual(
      stream(2).map(({ _tag }) => _tag),
      ["Connected", "Other", "Failed", "Failed"]
    )
    assert.deepStrictEqual(stream(1), [{ _tag: "Failed", message: "Invalid session ID: nope" }])
  })

  it("reads every exchange that was recorded", () => {
    for (const { frames: recorded, name, session } of exchanges) {
      // The recording cuts very long lines.
      const frames = recorded.filter(({ data }) => data.endsWith("}"))
      const events = decode(frames, session)
      assert.isTrue(Schema.is(Schema.Array(Schema.typeSchema(SessionEvent)))(events), name)
      assert.notInclude(
        events.map(({ _tag }) => _tag),
        "Other",
        name
      )
      const last = events.filter(({ _tag }) => _tag === "Completed").at(-1)
      const streamed = events.flatMap((event) => (event._tag === "Text" ? [event.text] : [])).join("")
      if (last?._tag === "Completed" && last.text !== undefined && !/ [/!]/.test(name))
        assert.isTrue(streamed.endsWith(last.text), name)
    }
  })

  it("the status of a tool call never goes back, and what says nothing new is left out", () => {
    const start = { event: "tool_use_start", data: '{"id":"t","name":"Bash"}' }
    const complete = { event: "tool_use_parameter_streaming_complete", data: '{"id":"t","name":"Bash","input":"{}"}' }
    const running = { event: "tool_execution_start", data: '{"toolCallId":"t","toolName":""}' }
    const failed = { event: "tool_execution_complete", data: '{"toolCallId":"t","toolName":"","success":false}' }
    const late = { event: "tool_use_parameter_delta", data: '{"toolCallId":"t","input":"{}"}' }
    assert.deepStrictEqual(
      tools(decode([start, start, complete, late, complete, running, failed, running, failed, start])),
      ["t Bash writing ", "t Bash ready {}", "t Bash running {}", "t Bash failed {}"]
    )
    // Whatever was missed, what is known is told.
    assert.deepStrictEqual(tools(decode([failed, complete])), ["t  failed ", "t Bash failed {}"])
    assert.deepStrictEqual(tools(decode([{ event: "tool_parameter_delta", data: '{"toolCallId":"t","input":"{"}' }])), [
      "t  writing {"
    ])
  })

  it("events of other sessions, unknown ones and mangled ones are Other; heartbeats are nothing", () => {
    assert.deepStrictEqual(one("permission", { id: "p", sessionId: "another" })?._tag, "Other")
    assert.deepStrictEqual(one("notification", { a: 1 }), { _tag: "Other", event: "notification", data: { a: 1 } })
    assert.deepStrictEqual(one("content", { content: 7 }), { _tag: "Other", event: "content", data: { content: 7 } })
    assert.deepStrictEqual(one("complete", { messageId: [] })?._tag, "Other")
    assert.deepStrictEqual(one("tool", { name: "bash" })?._tag, "Other")
    assert.deepStrictEqual(one("user_message_created", { content: "hi" })?._tag, "Other")
    assert.deepStrictEqual(one("content", null)?._tag, "Other")
    assert.isUndefined(one("heartbeat", { type: "ping" }))
    assert.deepStrictEqual(decode([{ event: "content", data: '{"content' }]), [
      { _tag: "Other", event: "content", data: '{"content' }
    ])
  })

  it("optional fields may be null, and more fields may come", () => {
    assert.deepStrictEqual(one("complete", { content: null, messageId: null, done: true, extra: {} }), {
      _tag: "Completed"
    })
    assert.deepStrictEqual(one("error", { error: "no", retryAfter: 60 }), {
      _tag: "Failed",
      message: "no",
      retryAfter: Duration.seconds(60)
    })
    assert.deepStrictEqual(one("error", {}), { _tag: "Failed", message: "" })
  })

  it("whatever a server writes is an event", () => {
    const names = FastCheck.constantFrom(
      ...[...exchanges, { frames: streams.flatMap(({ text }) => Sse.make().push(text)) }].flatMap(({ frames }) =>
        frames.map(({ event }) => event)
      ),
      "tool_parameter_delta"
    )
    const field = FastCheck.oneof(FastCheck.string(), FastCheck.anything(), FastCheck.constant(id))
    const data = FastCheck.oneof(
      FastCheck.string(),
      FastCheck.json(),
      FastCheck.dictionary(
        FastCheck.constantFrom(
          "id",
          "toolCallId",
          "name",
          "input",
          "content",
          "messageId",
          "sessionId",
          "error",
          "success"
        ),
        field
      ).map((fields) => JSON.stringify(fields, (_, value) => (typeof value === "bigint" ? String(value) : value)))
    )
    const isEvent = Schema.is(Schema.typeSchema(SessionEvent))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(FastCheck.record({ event: names, data })), (frames) => {
        for (const event of decode(frames)) assert.isTrue(isEvent(event))
      }),
      { numRuns: draws(200, 5000) }
    )
  })

  it("remembers a bounded number of tool calls", () => {
    const read = Events.make(id, Duration.seconds)
    const start = (call: number) =>
      read({ event: "tool_use_start", data: JSON.stringify({ id: `t${call}`, name: "Bash" }) })
    for (let call = 0; call < 10_000; call++) start(call)
    assert.isUndefined(start(9999))
    assert.deepStrictEqual(tools([start(0) as SessionEvent]), ["t0 Bash writing "])
  })
})
