import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { draws } from "../../core/test/draws.ts"
import * as MixAgent from "../src/MixAgent.ts"
import * as MixServer from "../src/MixServer.ts"
import {
  call,
  comparable,
  countingSleeps,
  eventually,
  exchange,
  fixture,
  fixtureHead,
  head,
  openStream,
  post
} from "./MixServerClient.ts"

const sales = "7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11"
const covers = "b1a4e0f2-93d7-4f8e-8d0f-5b6a2e9c7d22"
const answerId = "f207c9d3-3be6-4c82-9d9c-51303f2e6d06"
const target = `/api/sessions/${sales}/messages`

const serve = (options?: MixServer.Options) =>
  Effect.tap(MixServer.serve(options), (server) => server.createSession({ id: sales }))

/** Calls the assistant's and the user's row by the ids of a sample. */
const renamed = (text: string, server: MixServer.Running, from = sales) =>
  Effect.gen(function* () {
    const { body } = yield* call(server, `/api/sessions/${from}/messages`)
    const rows: ReadonlyArray<{ readonly id: string; readonly role: string }> = JSON.parse(body)
    return rows.reduce(
      (changed, { id, role }) =>
        changed.replaceAll(id, role === "user" ? "c4d1b6f0-2e3f-4a77-8f55-6a9b0c1d2e03" : answerId),
      text
    )
  })

/** Pauses of an agent that a test ends. */
const gate = Effect.map(Effect.all([Deferred.make<void>(), Deferred.make<void>()]), ([reached, opened]) => ({
  step: MixAgent.perform(Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(opened))),
  reached: Deferred.await(reached),
  open: Deferred.succeed(opened, undefined)
}))

const headCommand = { command: "head -5 sales.csv" }

describe("MixServer stream, bytes", () => {
  it.scoped("begins with the head and the frame of the sample", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const stream = yield* openStream(server, sales)
      const sample = fixtureHead("69-http-sse-head.http")
      assert.deepStrictEqual(head(stream.response), sample)
      assert.strictEqual(stream.response.headers.connection, "keep-alive")
      const [, chunk = ""] = fixture("69-http-sse-head.http").split("\r\n\r\n60\r\n")
      assert.strictEqual(stream.text(), chunk.split("\r\n")[0])
    })
  )

  it.scoped("rejects a stream of no session with an empty body", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      for (const query of ["", "?sessionId=", "?sessionid=x"]) {
        const response = yield* call(server, `/stream${query}`)
        assert.deepStrictEqual(head(response), fixtureHead("70-http-sse-400-empty.http"))
        assert.strictEqual(response.body, "")
      }
    })
  )

  it.scoped("tells of an unknown session with a 200, one error and the end", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const stream = yield* openStream(server, "nope")
      assert.strictEqual(yield* stream.ended, "complete")
      assert.strictEqual(stream.response.status, 200)
      assert.strictEqual(stream.text(), fixture("51-sse-invalid-session.txt"))
      assert.strictEqual(yield* server.streamCount(), 0)
    })
  )

  it.scoped("writes an exchange of Sept 25, 2025", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        agent: [
          [
            MixAgent.think("User wants totals."),
            MixAgent.say("I'll read ", "the file first."),
            MixAgent.call({
              name: "bash",
              id: "toolu_01HqR8mB2v",
              input: JSON.stringify(headCommand),
              duration: "46 seconds",
              permission: {
                id: "9a0b1c2d-0000-4000-8000-00000000000a",
                description: "Execute command: head -5 sales.csv",
                path: "/data",
                params: headCommand
              }
            }),
            MixAgent.say("EMEA leads with 41% <b>(R&D)</b>.")
          ]
        ]
      })
      const stream = yield* openStream(server, sales)
      const taken = yield* post(server, `/stream/${sales}/message`, { content: '{"text":"Totals?"}' })
      assert.strictEqual(taken.body, fixture("15-stream-message-200-broadcasted.json"))
      yield* stream.awaitEvent("permission")
      const grant = yield* post(server, "/api/permissions/9a0b1c2d-0000-4000-8000-00000000000a/grant", "")
      assert.strictEqual(
        grant.body,
        '{"id":"9a0b1c2d-0000-4000-8000-00000000000a","message":"Permission granted successfully","status":"granted"}\n'
      )
      yield* stream.awaitEvent("tool_execution_start")
      yield* TestClock.adjust("45 seconds")
      yield* stream.awaitEvent("heartbeat")
      yield* TestClock.adjust("1 second")
      yield* stream.awaitEvent("complete")
      yield* server.awaitIdle
      // The sample's clock is another one, and so is the thinking of its last turn.
      const text = (yield* renamed(stream.text(), server)).replace("in 46s", "in 12.482ms")
      const sample = fixture("50-sse-seed-exchange.txt").replace(
        ',"reasoning":"User wants totals.","reasoningDuration":2',
        ""
      )
      assert.strictEqual(text, sample)
    })
  )

  it.scoped("writes an exchange of Feb 2026, with the noise of other sessions", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        generation: "2026-02",
        agent: (_, running) => [
          MixAgent.think("User wants totals."),
          MixAgent.call({
            name: "Bash",
            id: "toolu_01A",
            input: ['{"command":"hea', 'd -2 sales.csv"}'],
            duration: "8 millis"
          }),
          MixAgent.perform(
            Effect.asVoid(running.createSession({ id: covers, title: "Covers", createdAt: 1_771_232_400 }))
          ),
          MixAgent.say("EMEA leads.")
        ]
      })
      const stream = yield* openStream(server, sales)
      assert.strictEqual((yield* post(server, target, { text: "Summarise sales.csv by region" })).status, 202)
      yield* stream.awaitEvent("tool_execution_start")
      yield* TestClock.adjust("8 millis")
      yield* stream.awaitEvent("complete")
      yield* server.deleteSession(covers)
      yield* stream.awaitEvent("session_deleted")
      yield* TestClock.adjust("45 seconds")
      yield* stream.awaitEvent("heartbeat")
      const ours = yield* renamed(stream.text().replace("in 8ms", "in 8.1ms"), server)
      // In the sample the other session is made while the tool runs: without ids the frames are the same ones.
      const frames = (text: string) =>
        text
          .split("\n\n")
          .map((frame) => frame.replace(/^id: \d+\n/, ""))
          .sort()
      assert.deepStrictEqual(frames(ours), frames(fixture("53-sse-feb2026-exchange.txt")))
      assert.deepStrictEqual(
        stream.frames().map(({ id }) => id),
        stream.frames().map((_, index) => index + 1)
      )
    })
  )

  it.scoped("writes a rate limit, and an error twice", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        generation: "2025-10-10",
        agent: [[MixAgent.rateLimited({ attempt: 2 }), MixAgent.silence]]
      })
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* stream.awaitEvent("rate_limit_error")
      yield* post(server, `/api/sessions/${sales}/cancel`, "")
      yield* stream.awaitEvent("error", 2)
      assert.strictEqual(stream.text(), fixture("52-sse-202-era-errors-duplicated.txt"))
    })
  )

  it.scoped("shows the export, the session and its rows as recorded in Nov 2025", () =>
    Effect.gen(function* () {
      const id = "07a7d0fe-c229-4129-83a0-8aeb1f3efb5b"
      const server = yield* MixServer.serve({
        generation: "2025-11-06",
        agent: [
          [
            MixAgent.say("Let me check 0."),
            MixAgent.call({ name: "bash", id: "toolu_2", input: '{"command":"echo hi"}' }),
            MixAgent.say("Answer to TOOL please <b>&</b>"),
            MixAgent.use({ inputTokens: 10, outputTokens: 7, cost: 0.00027 }),
            MixAgent.retitle("A title for: TOOL please")
          ]
        ]
      })
      const at = Date.parse("2026-11-26T11:59:31Z")
      yield* TestClock.setTime(at)
      yield* server.createSession({ id, title: "first" })
      yield* post(server, `/api/sessions/${id}/messages`, { text: "TOOL please" })
      yield* server.awaitIdle
      const list = yield* call(server, `/api/sessions/${id}/messages`)
      const ours: ReadonlyArray<{ readonly id: string }> = JSON.parse(list.body)
      const theirs: ReadonlyArray<{ readonly id: string }> = JSON.parse(fixture("84-list-session-nov2025.json"))
      const named = (text: string) =>
        ours.reduce((changed, row, index) => changed.replaceAll(row.id, theirs[index]?.id ?? ""), text)
      assert.strictEqual(named(list.body), fixture("84-list-session-nov2025.json"))
      const exported = yield* call(server, `/api/sessions/${id}/export`)
      assert.strictEqual(named(exported.body), fixture("82-export-200.json"))
      const sessions = yield* call(server, "/api/sessions")
      assert.strictEqual(sessions.body, fixture("83-sessions-list-nov2025.json"))
      assert.strictEqual((yield* call(server, "/api/sessions/nobody/export")).status, 404)
    })
  )
})

describe("MixServer stream, behaviour", () => {
  it.scoped("shows rows over time, as the export tells them apart", () =>
    Effect.gen(function* () {
      const [writing, running, answering] = yield* Effect.all([gate, gate, gate])
      const server = yield* serve({
        generation: "2025-11-06",
        agent: [
          [
            MixAgent.say("Let me check 0."),
            writing.step,
            MixAgent.call({ name: "bash", duration: "3 seconds" }),
            running.step,
            MixAgent.say("Answer"),
            answering.step
          ]
        ]
      })
      const seen = Effect.gen(function* () {
        const { messages } = JSON.parse((yield* call(server, `/api/sessions/${sales}/export`)).body)
        return messages.map(
          ({ content, finishReason = "-", toolCalls = [] }: Record<string, string> & { toolCalls?: Array<object> }) =>
            [content, toolCalls.length, finishReason].join("/")
        )
      })
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "q" })
      yield* writing.reached
      assert.deepStrictEqual(yield* seen, ["q/0/stop", "/0/-"])
      yield* writing.open
      yield* stream.awaitEvent("tool_execution_start")
      assert.deepStrictEqual(yield* seen, ["q/0/stop", "Let me check 0./1/tool_use"])
      yield* TestClock.adjust("3 seconds")
      yield* running.reached
      assert.deepStrictEqual(yield* seen, ["q/0/stop", "Let me check 0./1/tool_use", "/0/stop", "/0/-"])
      yield* running.open
      yield* answering.reached
      assert.deepStrictEqual((yield* seen).at(-1), "/0/-")
      yield* answering.open
      yield* stream.awaitEvent("complete")
      // At the moment of `complete` all of it is final.
      assert.deepStrictEqual((yield* seen).at(-1), "Answer/0/end_turn")
    })
  )

  it.scoped("blocks a tool until its permission is answered, and ends the run with a denial", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        generation: "2026-02",
        agent: [[MixAgent.call({ name: "Bash", permission: {} }), MixAgent.say("Done.")]]
      })
      const stream = yield* openStream(server, sales)
      const ask = Effect.gen(function* () {
        const asked = stream.events().filter((event) => event === "permission").length
        yield* post(server, target, { text: "a" })
        yield* stream.awaitEvent("permission", asked + 1)
        return JSON.parse(
          stream
            .frames()
            .filter(({ event }) => event === "permission")
            .at(-1)?.data ?? ""
        )
      })
      const first = yield* ask
      assert.deepStrictEqual(
        [first.sessionId, first.toolName, first.action, first.path, first.params],
        [sales, "Bash", "execute", "/", {}]
      )
      // Anything can be granted; only what is asked for has an effect.
      assert.strictEqual((yield* post(server, "/api/permissions/nothing/grant", "")).status, 200)
      assert.strictEqual(yield* server.runCount, 1)
      const denied = yield* post(server, `/api/permissions/${first.id}/deny`, "")
      assert.strictEqual(JSON.parse(denied.body).status, "denied")
      yield* server.awaitIdle
      yield* stream.awaitEvent("error")
      assert.strictEqual(stream.frames().at(-1)?.data, '{"error":"Permission denied"}')
      const second = yield* ask
      assert.notStrictEqual(second.id, first.id)
      yield* post(server, `/api/permissions/${second.id}/grant`, "")
      yield* server.awaitIdle
      const { messages } = JSON.parse((yield* call(server, `/api/sessions/${sales}/export`)).body)
      assert.deepStrictEqual(
        messages.map(({ finishReason, role }: Record<string, string>) => `${role}:${finishReason}`),
        [
          "user:stop",
          "assistant:permission_denied",
          "tool:stop",
          "user:stop",
          "assistant:tool_use",
          "tool:stop",
          "assistant:end_turn"
        ]
      )
    })
  )

  it.scoped("goes on after the end of a turn when a callback has something to say", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        generation: "2025-11-06",
        agent: [[MixAgent.say("one"), MixAgent.callback("check"), MixAgent.say("two")]]
      })
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* stream.awaitEvent("complete")
      assert.deepStrictEqual(stream.events(), [
        "connected",
        "user_message_created",
        "content",
        "user_message_created",
        "content",
        "complete"
      ])
      const { messages } = JSON.parse((yield* call(server, `/api/sessions/${sales}/export`)).body)
      assert.deepStrictEqual(
        messages.map(({ content, finishReason }: Record<string, string>) => `${content}:${finishReason}`),
        ["a:stop", "one:end_turn", "check:stop", "two:end_turn"]
      )
    })
  )

  it.scoped("attaches results, tokens and cost in Feb 2026", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        generation: "2026-02",
        agent: [
          [
            MixAgent.call(
              { name: "Bash", id: "t1", result: "ok" },
              { name: "ReadText", id: "t2", result: "no such file", isError: true }
            ),
            MixAgent.say("Done."),
            MixAgent.use({ inputTokens: 5, outputTokens: 3, cost: 0.5 })
          ]
        ]
      })
      yield* post(server, target, { text: "a", thinking_level: "medium", max_steps: 3 })
      yield* server.awaitIdle
      const rows = JSON.parse((yield* call(server, target)).body)
      const shared = { type: "tool_use", finished: true, input: "{}" }
      assert.deepStrictEqual(rows[1].toolCalls, [
        { id: "t1", name: "Bash", ...shared, result: "ok" },
        { id: "t2", name: "ReadText", ...shared, result: "no such file", isError: true }
      ])
      const { cost, inputTokens, model, outputTokens } = rows[3]
      assert.deepStrictEqual([inputTokens, outputTokens, cost, model], [5, 3, 0.5, "claude-4-sonnet"])
      const session = JSON.parse((yield* call(server, `/api/sessions/${sales}`)).body)
      assert.deepStrictEqual([session.promptTokens, session.completionTokens, session.cost], [5, 3, 0.5])
    })
  )

  it.scoped("refuses what a generation does not know, and takes what it knows", () =>
    Effect.gen(function* () {
      const status = (generation: MixServer.Generation, body: object) =>
        Effect.flatMap(serve({ generation }), (server) =>
          Effect.map(post(server, target, body), ({ status }) => status)
        )
      const all = [
        ["2025-09-25", 200, 400, 400],
        ["2025-09-26", 400, 400, 400],
        ["2025-10-10", 400, 400, 400],
        ["2025-11-06", 400, 202, 400],
        ["2026-02", 400, 202, 202]
      ] as const
      for (const [generation, media, level, steps] of all) {
        assert.strictEqual(yield* status(generation, { text: "a", media: [] }), media, generation)
        assert.strictEqual(yield* status(generation, { text: "a", thinking_level: "off" }), level, generation)
        assert.strictEqual(yield* status(generation, { text: "a", max_steps: 1 }), steps, generation)
      }
      assert.strictEqual(yield* status("2026-02", { text: "a", thinking_level: "much" }), 400)
      assert.strictEqual(yield* status("2026-02", { text: "a", max_steps: 1.5 }), 400)
      assert.strictEqual(yield* status("2026-02", { text: "a", max_steps: "1" }), 400)
    })
  )

  it.scoped("tells all streams of a session, and those only", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation: "2025-10-10" })
      yield* server.createSession({ id: covers })
      const [one, two, other] = yield* Effect.all([
        openStream(server, sales),
        openStream(server, sales),
        openStream(server, covers)
      ])
      assert.deepStrictEqual([yield* server.streamCount(sales), yield* server.streamCount()], [2, 3])
      yield* post(server, target, { text: "a" })
      yield* one.awaitEvent("complete")
      yield* two.awaitEvent("complete")
      assert.strictEqual(one.text(), two.text())
      assert.deepStrictEqual(other.events(), ["connected"])
      yield* server.createSession({ id: "new", title: "New" })
      for (const stream of [one, two, other]) yield* stream.awaitEvent("session_created")
      yield* other.close
      yield* eventually(Effect.map(server.streamCount(), (count) => count === 2))
    })
  )

  it.scoped("doubles the events of runs that overlap, and completes each once", () =>
    Effect.gen(function* () {
      const [first, second] = yield* Effect.all([gate, gate])
      const server = yield* serve({
        generation: "2025-11-06",
        agent: [
          [first.step, MixAgent.say("one")],
          [second.step, MixAgent.say("two"), MixAgent.perform(first.open)]
        ]
      })
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* first.reached
      yield* post(server, target, { text: "b" })
      yield* second.reached
      yield* second.open
      yield* server.awaitIdle
      yield* stream.awaitEvent("complete", 2)
      const count = (text: string) => stream.frames().filter(({ data }) => data.includes(text)).length
      assert.strictEqual(count('"type":"content","content":"two"'), 2)
      assert.strictEqual(count('"type":"complete"'), 2)
    })
  )

  it.scoped("cancels the newest run only", () =>
    Effect.gen(function* () {
      const [first, second] = yield* Effect.all([gate, gate])
      const server = yield* serve({ generation: "2025-11-06", agent: [[first.step], [second.step]] })
      yield* post(server, target, { text: "a" })
      yield* first.reached
      yield* post(server, target, { text: "b" })
      yield* second.reached
      yield* post(server, `/api/sessions/${sales}/cancel`, "")
      yield* eventually(Effect.map(server.runCount, (count) => count === 1))
      yield* first.open
      yield* server.awaitIdle
      const { messages } = JSON.parse((yield* call(server, `/api/sessions/${sales}/export`)).body)
      assert.deepStrictEqual(
        messages.map(({ finishReason }: { readonly finishReason?: string }) => finishReason),
        ["stop", "end_turn", "stop", "canceled"]
      )
      // Nothing runs, and nobody minds.
      assert.strictEqual((yield* post(server, "/api/sessions/nobody/cancel", "")).status, 200)
    })
  )

  it.scoped("goes on in a session that was deleted, and then fails twice", () =>
    Effect.gen(function* () {
      const deleted = yield* gate
      const server = yield* serve({
        generation: "2025-11-06",
        agent: [[MixAgent.say("a"), deleted.step, MixAgent.say("b"), MixAgent.say("c")]]
      })
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* deleted.reached
      yield* server.deleteSession(sales)
      yield* deleted.open
      yield* stream.awaitEvent("error", 2)
      assert.deepStrictEqual(stream.events().slice(2), [
        "content",
        "session_deleted",
        "content",
        "content",
        "error",
        "error"
      ])
      assert.deepStrictEqual(yield* server.sessions, [])
      assert.strictEqual(yield* server.streamCount(sales), 1)
    })
  )

  it.scoped("beats every 45 seconds, and is cut off after ten minutes", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const stream = yield* openStream(server, sales)
      yield* TestClock.adjust("44 seconds")
      assert.deepStrictEqual(stream.events(), ["connected"])
      yield* TestClock.adjust("1 second")
      yield* stream.awaitEvent("heartbeat")
      assert.strictEqual(stream.frames()[1]?.text, 'id: 2\nevent: heartbeat\ndata: {"type":"ping"}\nretry: 45000\n\n')
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* stream.ended, "cut")
      yield* eventually(Effect.map(server.streamCount(), (count) => count === 0))
      const short = yield* MixServer.serve({ streamLifetime: "1 second" })
      yield* short.createSession({ id: sales })
      const other = yield* openStream(short, sales)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* other.ended, "cut")
    })
  )

  it.scoped("drops what a slow reader has no room for, without a gap in the ids", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation: "2025-10-10", streamBuffer: 10 })
      const slow = yield* openStream(server, sales)
      yield* slow.pause
      const sent = 400
      for (let index = 0; index < sent; index++) {
        yield* server.emit("content", { type: "content", content: `${index} ${"x".repeat(50_000)}` }, sales)
      }
      yield* slow.resume
      yield* server.emit("end", {}, sales)
      const fast = yield* openStream(server, sales)
      // The buffer is empty once an event comes through again.
      yield* eventually(
        Effect.as(server.emit("mark", {}, sales), undefined).pipe(
          Effect.map(() => slow.events().includes("mark") && fast.events().includes("mark"))
        )
      )
      const contents = slow.events().filter((event) => event === "content").length
      assert.isAbove(contents, 10)
      assert.isBelow(contents, sent)
      assert.deepStrictEqual(
        slow.frames().map(({ id }) => id),
        slow.frames().map((_, index) => index + 1)
      )
    })
  )
})

describe("MixAgent", () => {
  it.scoped("plays a demo: words, a tool, and a permission before something is deleted", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation: "2026-02", agent: MixAgent.demo })
      const stream = yield* openStream(server, sales)
      const ask = (text: string, last: string) =>
        Effect.gen(function* () {
          const done = stream.events().filter((event) => event === last).length
          yield* post(server, target, { text })
          // Time passes only while the agent waits for it.
          while (stream.events().filter((event) => event === last).length === done) {
            yield* TestClock.adjust("1 second")
            yield* eventually(Effect.succeed(true))
          }
        })
      yield* ask("What is here?", "complete")
      assert.include(stream.frames().at(-1)?.data, '"content":"You said: What is here?"')
      yield* ask("Delete the report", "permission")
      const { id } = JSON.parse(stream.frames().at(-1)?.data ?? "")
      yield* post(server, `/api/permissions/${id}/deny`, "")
      yield* stream.awaitEvent("error")
      const rows: ReadonlyArray<{ readonly assistantResponse?: string }> = JSON.parse(
        (yield* call(server, target)).body
      )
      assert.strictEqual(rows[3]?.assistantResponse, "You said: What is here?")
    })
  )

  it.scoped("says in the log that a script failed, and ends its run", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => void lines.push(message))
      yield* Effect.gen(function* () {
        const server = yield* serve({
          generation: "2025-11-06",
          agent: () => {
            throw new Error("broken test")
          }
        })
        assert.strictEqual((yield* post(server, target, { text: "a" })).status, 202)
        yield* server.awaitIdle
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.include(String(lines[0]), "the agent's script failed")
    })
  )
})

const pieces = FastCheck.array(FastCheck.string({ unit: "binary", minLength: 1, maxLength: 6 }), { maxLength: 4 })

const steps: FastCheck.Arbitrary<MixAgent.Script> = FastCheck.array(
  FastCheck.oneof(
    pieces.map((all) => MixAgent.say(...all)),
    pieces.map((all) => MixAgent.think(...all)),
    FastCheck.record({ known: FastCheck.boolean(), isError: FastCheck.boolean() }).map((use) =>
      MixAgent.call({ name: "bash", ...use }, { name: "edit", input: ["{", "}"] })
    )
  ),
  { maxLength: 6 }
)

describe("MixServer runs", () => {
  const generations = ["2025-09-25", "2025-09-26", "2025-10-10", "2025-11-06", "2026-02"] as const

  it.scoped.each(generations)("of any script agree in events, rows and export: %s", (generation) =>
    Effect.gen(function* () {
      let script: MixAgent.Script = []
      const server = yield* MixServer.serve({ generation, agent: () => script })
      const check = (drawn: MixAgent.Script) =>
        Effect.gen(function* () {
          script = drawn
          const id = yield* server.createSession()
          const stream = yield* openStream(server, id)
          if (generation === "2025-09-25") yield* post(server, `/stream/${id}/message`, { content: '{"text":"a"}' })
          else yield* post(server, `/api/sessions/${id}/messages`, { text: "a" })
          yield* stream.awaitEvent("complete")
          const { body } = yield* call(server, `/api/sessions/${id}/messages`)
          const rows: ReadonlyArray<{ id: string; role: string; assistantResponse?: string; reasoning?: string }> =
            JSON.parse(body)
          const assistants = rows.filter(({ role }) => role === "assistant")
          const heard = (name: string) =>
            stream
              .frames()
              .flatMap(({ data, event }) => (event === name ? [JSON.parse(data)] : []))
              .map(({ content }) => content)
              .join("")
          assert.strictEqual(heard("content"), assistants.map((row) => row.assistantResponse ?? "").join(""))
          assert.strictEqual(heard("thinking"), assistants.map((row) => row.reasoning ?? "").join(""))
          const last = assistants.at(-1)
          const done = JSON.parse(stream.frames().at(-1)?.data ?? "")
          assert.deepStrictEqual([done.content, done.messageId], [last?.assistantResponse, last?.id])
          const { messages } = JSON.parse((yield* call(server, `/api/sessions/${id}/export`)).body)
          const reasons = messages.map(({ finishReason }: Record<string, string>) => finishReason)
          assert.strictEqual(reasons.at(-1), "end_turn")
          assert.isTrue(reasons.slice(0, -1).every((reason: string) => reason === "stop" || reason === "tool_use"))
        }).pipe(Effect.scoped)
      const count = draws(3, 40)
      yield* Effect.forEach(FastCheck.sample(steps, count), check, { discard: true })
      const ids = yield* server.messages
      assert.lengthOf(new Set(ids), ids.length)
    })
  )
})

describe("MixServer stream route of Sept 25, 2025", () => {
  const message = (server: MixServer.Running, content: string) => post(server, `/stream/${sales}/message`, { content })

  it.scoped("is found by a 405, and is gone later", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const probe = yield* call(server, `/stream/${sales}/message`)
      assert.deepStrictEqual([probe.status, probe.headers.allow], [405, "POST"])
      const later = yield* serve({ generation: "2025-10-10" })
      assert.strictEqual((yield* message(later, '{"text":"a"}')).status, 404)
    })
  )

  it.scoped("takes anything that has a content, and drops the stream over what it cannot read", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const empty = yield* message(server, "")
      assert.deepStrictEqual([empty.status, empty.body], [400, fixture("33-stream-message-400.txt")])
      assert.include(comparable(empty.headers), {
        "content-type": "text/plain; charset=utf-8",
        "access-control-allow-headers": "Content-Type",
        "access-control-allow-methods": "POST, OPTIONS"
      })
      assert.strictEqual(
        (yield* call(server, `/stream/${sales}/message`, { method: "POST", body: "{" })).body,
        "Invalid JSON in request body\n"
      )
      const nobody = yield* post(server, "/stream/nobody/message", { content: "x", other: 1 })
      assert.deepStrictEqual([nobody.status, nobody.body], [200, '{"sessionId":"nobody","status":"broadcasted"}\n'])
      for (const content of ["Hello", '{"text":1}', '{"text":"a"} b']) {
        const stream = yield* openStream(server, sales)
        assert.strictEqual((yield* message(server, content)).status, 200)
        assert.strictEqual(yield* stream.ended, "complete", content)
      }
      assert.deepStrictEqual(yield* server.messages, [])
    })
  )

  it.scoped("runs the agent for one of two streams", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const [one, two] = yield* Effect.all([openStream(server, sales), openStream(server, sales)])
      yield* message(server, '{"text":"a"}')
      yield* one.awaitEvent("complete")
      yield* two.awaitEvent("error")
      assert.include(two.text(), "Failed to start agent: session is currently processing another request")
      assert.lengthOf(yield* server.messages, 1)
    })
  )

  it.scoped("works on one message after the other, and prompts for credentials", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const stream = yield* openStream(server, sales)
      for (const text of ["one", "two"]) yield* message(server, JSON.stringify({ text, media: [], plan_mode: false }))
      yield* stream.awaitEvent("complete", 2)
      const completed = stream.frames().flatMap(({ data, event }) => (event === "complete" ? [JSON.parse(data)] : []))
      assert.deepStrictEqual(
        completed.map(({ content }) => content),
        ["You said: one", "You said: two"]
      )
      const locked = yield* serve({ authenticated: false })
      const other = yield* openStream(locked, sales)
      yield* message(locked, '{"text":"a"}')
      yield* other.awaitEvent("error")
      assert.include(other.text(), '"type":"authentication_error"')
    })
  )

  it.scoped("writes nothing for a send without the stream route", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* server.awaitIdle
      yield* server.emit("mark", {})
      yield* stream.awaitEvent("mark")
      assert.deepStrictEqual(stream.events(), ["connected", "mark"])
    })
  )
})

describe("MixServer sessions", () => {
  it.scoped("are made as each generation wants them", () =>
    Effect.gen(function* () {
      const seed = yield* MixServer.serve()
      yield* TestClock.setTime(Date.parse("2025-09-25T09:40:22Z"))
      const old = yield* post(seed, "/api/sessions", { title: "Sales review" })
      const [oldId = ""] = yield* seed.sessions
      assert.strictEqual(
        old.body.replace(oldId, sales).replace("T09:40:22Z", "T15:10:22+05:30"),
        fixture("40-session-201-seed.json")
      )

      const server = yield* MixServer.serve({ generation: "2026-02" })
      yield* TestClock.setTime(Date.parse("2026-02-16T09:00:00Z"))
      const create = (body: object) => post(server, "/api/sessions", { title: "Sales review", ...body })
      const made = yield* create({ browserMode: "local-browser-service" })
      const [id = ""] = yield* server.sessions
      assert.deepStrictEqual([made.status, made.body.replace(id, sales)], [201, fixture("42-session-201-feb2026.json")])
      const refused = (body: object) => Effect.map(create(body), ({ body }) => /for field '(\w+)'/.exec(body)?.[1])
      assert.strictEqual(yield* refused({}), "browserMode")
      assert.strictEqual(yield* refused({ browserMode: "netscape" }), "browserMode")
      const remote = { browserMode: "remote-cdp-websocket" }
      assert.strictEqual(yield* refused(remote), "cdpUrl")
      assert.strictEqual(yield* refused({ ...remote, cdpUrl: "http://x" }), "cdpUrl")
      assert.strictEqual(yield* refused({ browserMode: "local-browser-service", cdpUrl: "ws://x" }), "cdpUrl")
      assert.strictEqual(yield* refused({ browserMode: "local-browser-service", promptMode: "x" }), "promptMode")
      const customSystemPrompt = "x".repeat(50 * 1024 + 1)
      assert.strictEqual(
        yield* refused({ browserMode: "local-browser-service", promptMode: "append", customSystemPrompt }),
        "customSystemPrompt"
      )
      assert.strictEqual(
        yield* refused({ browserMode: "local-browser-service", sessionType: "subagent" }),
        "sessionType"
      )
      const whole = yield* create({
        ...remote,
        cdpUrl: "wss://x",
        modelId: "m",
        provider: "p",
        promptMode: "replace",
        customSystemPrompt,
        callbacks: [{ type: "bash_script" }],
        sessionType: "main"
      })
      const { callbacks, cdpUrl, modelId, provider } = JSON.parse(whole.body)
      assert.deepStrictEqual([cdpUrl, modelId, provider, callbacks], ["wss://x", "m", "p", [{ type: "bash_script" }]])
    })
  )

  it.scoped("of sub-agents are listed on request", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2026-02" })
      yield* server.createSession({ id: "main" })
      yield* server.createSession({ id: "child", parentSessionId: "main" })
      const listed = (query: string) =>
        Effect.map(call(server, `/api/sessions${query}`), ({ body }) =>
          JSON.parse(body).map(({ id, sessionType }: Record<string, string>) => `${id}:${sessionType}`)
        )
      assert.deepStrictEqual(yield* listed(""), ["main:main"])
      assert.deepStrictEqual(yield* listed("?includeSubagents=true"), ["main:main", "child:subagent"])
    })
  )

  it.scoped("are rewound", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation: "2025-10-10" })
      const kept = yield* server.append({ sessionId: sales, text: "kept" })
      yield* server.append({ sessionId: sales, role: "assistant", text: "gone" })
      yield* server.append({ sessionId: sales, text: "gone" })
      const rewind = (id: string, body: object) => post(server, `/api/sessions/${id}/rewind`, body)
      assert.strictEqual((yield* rewind(sales, {})).status, 400)
      assert.strictEqual((yield* rewind("nobody", { messageId: kept })).status, 404)
      assert.strictEqual((yield* rewind(sales, { messageId: "nothing" })).status, 404)
      const done = yield* rewind(sales, { messageId: kept, cleanupMedia: true })
      assert.deepStrictEqual([done.status, JSON.parse(done.body).userMessageCount], [200, 1])
      assert.deepStrictEqual(yield* server.messages, [kept])
    })
  )
})

describe("MixServer hostile controls", () => {
  it.scoped("cuts a stream at any byte of any frame", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation: "2025-11-06" })
      const whole = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* whole.awaitEvent("complete")
      const length = whole.frames()[2]?.text.length ?? 0
      for (const bytes of [0, 1, length - 1, undefined]) {
        yield* server.setStreamFaults(({ event }) =>
          event === "content" ? MixServer.StreamFault.Drop(bytes === undefined ? {} : { bytes }) : undefined
        )
        const stream = yield* openStream(server, sales)
        yield* post(server, target, { text: "a" })
        assert.strictEqual(yield* stream.ended, "cut")
        const before = stream
          .frames()
          .slice(0, 2)
          .reduce((sum, { text }) => sum + text.length, 0)
        assert.strictEqual(stream.text().length - before, bytes ?? length)
        yield* server.awaitIdle
      }
      yield* server.setStreamFaults(({ event }) =>
        event === "complete" ? MixServer.StreamFault.Drop({ bytes: 5, clean: true }) : undefined
      )
      const clean = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      assert.strictEqual(yield* clean.ended, "complete")
      assert.isTrue(clean.text().endsWith("\n\nid: 4"))
      yield* server.setStreamFaults()
      assert.lengthOf((yield* openStream(server, sales)).frames(), 1)
    })
  )

  it.scoped("loses and repeats events", () =>
    Effect.gen(function* () {
      const frames: Array<MixServer.StreamFrame> = []
      const server = yield* serve({
        generation: "2025-11-06",
        agent: [[MixAgent.say("a", "b")]],
        streamFaults: (frame) => {
          frames.push(frame)
          if (frame.event === "user_message_created") return MixServer.StreamFault.Lose()
          return frame.data.includes('"b"') ? MixServer.StreamFault.Repeat() : undefined
        }
      })
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* stream.awaitEvent("complete")
      assert.deepStrictEqual(
        stream.frames().map(({ event, id }) => `${id} ${event}`),
        ["1 connected", "2 content", "3 content", "4 content", "5 complete"]
      )
      assert.deepStrictEqual(
        frames.map(({ connection, event, id, sessionId }) => [sessionId, connection, id, event]),
        [
          [sales, 0, 1, "connected"],
          [sales, 0, 2, "user_message_created"],
          [sales, 0, 2, "content"],
          [sales, 0, 3, "content"],
          [sales, 0, 5, "complete"]
        ]
      )
    })
  )

  it.scoped("loses events at random by a seed", () =>
    Effect.gen(function* () {
      const events = (seed: number) =>
        Effect.gen(function* () {
          const server = yield* serve({
            generation: "2025-11-06",
            agent: [[MixAgent.say(...Array.from({ length: 40 }, () => "x"))]],
            streamFaults: MixServer.loseEvents({ seed, probability: 0.5, keep: ["connected", "complete"] })
          })
          const stream = yield* openStream(server, sales)
          yield* post(server, target, { text: "a" })
          yield* stream.awaitEvent("complete")
          return stream.events()
        })
      const one = yield* events(1)
      assert.deepStrictEqual(yield* events(1), one)
      assert.notDeepEqual(yield* events(2), one)
      assert.isAbove(one.length, 10)
      assert.isBelow(one.length, 40)
    })
  )

  it.scoped("closes all streams, refuses new ones and holds the export back", () =>
    countingSleeps((sleeping) =>
      Effect.gen(function* () {
        const server = yield* serve({ generation: "2025-11-06" })
        const [one, two] = yield* Effect.all([openStream(server, sales), openStream(server, sales)])
        yield* server.closeStreams({ sessionId: "other" })
        assert.strictEqual(yield* server.streamCount(), 2)
        yield* server.closeStreams({ clean: true })
        assert.deepStrictEqual([yield* one.ended, yield* two.ended], ["complete", "complete"])
        const three = yield* openStream(server, sales)
        yield* server.closeStreams()
        assert.strictEqual(yield* three.ended, "cut")
        yield* eventually(Effect.map(server.streamCount(), (count) => count === 0))

        yield* server.setFaults(({ path }) => {
          if (path === "/stream") return Effect.succeed(MixServer.Fault.Reset())
          return path.endsWith("/export")
            ? Effect.delay(Effect.succeed(undefined), "5 seconds")
            : Effect.succeed(undefined)
        })
        assert.strictEqual((yield* Effect.flip(openStream(server, sales))).code, "ECONNRESET")
        const exporting = yield* Effect.fork(call(server, `/api/sessions/${sales}/export`))
        yield* eventually(Effect.map(sleeping, (count) => count > 0))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(exporting)).status, 200)
        yield* server.setFaults()
        assert.deepStrictEqual((yield* openStream(server, sales)).events(), ["connected"])
      })
    )
  )

  it.scoped("crashes and comes back on the same port with what was stored", () =>
    countingSleeps((sleeping) =>
      Effect.gen(function* () {
        const server = yield* serve({
          generation: "2025-11-06",
          agent: [[MixAgent.say("half"), MixAgent.silence], [MixAgent.say("whole")]]
        })
        const stream = yield* openStream(server, sales)
        yield* post(server, target, { text: "a" })
        yield* stream.awaitEvent("content")
        const restarting = yield* Effect.fork(server.restart("30 seconds"))
        assert.strictEqual(yield* stream.ended, "cut")
        assert.strictEqual(yield* server.runCount, 0)
        assert.strictEqual((yield* Effect.flip(call(server, target))).code, "ECONNREFUSED")
        yield* eventually(Effect.map(sleeping, (count) => count > 0))
        yield* TestClock.adjust("30 seconds")
        yield* Fiber.join(restarting)
        const { messages } = JSON.parse((yield* call(server, `/api/sessions/${sales}/export`)).body)
        assert.deepStrictEqual(
          messages.map(({ content, finishReason }: Record<string, string>) => [content, finishReason]),
          [
            ["a", "stop"],
            ["", undefined]
          ]
        )
        const again = yield* openStream(server, sales)
        yield* post(server, target, { text: "b" })
        yield* again.awaitEvent("complete")
        assert.deepStrictEqual([yield* server.runCount, yield* server.streamCount()], [0, 1])
      })
    )
  )

  it.scoped("sends events that no generation knows", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        generation: "2026-02",
        agent: [[MixAgent.emit("notification", { type: "notification", createdAt: 1 }), MixAgent.say("a")]]
      })
      const stream = yield* openStream(server, sales)
      yield* post(server, target, { text: "a" })
      yield* stream.awaitEvent("complete")
      assert.strictEqual(stream.events()[2], "notification")
    })
  )

  it.scoped("leaves nothing behind when its scope closes with streams and runs", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const stream = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* serve({
            generation: "2025-11-06",
            agent: [
              [
                MixAgent.perform(
                  Deferred.succeed(reached, undefined).pipe(
                    Effect.zipRight(Effect.never),
                    Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
                  )
                )
              ]
            ]
          })
          const { received } = yield* exchange(server, "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
          assert.match(received, /^HTTP\/1\.1 400 /)
          yield* post(server, target, { text: "a" })
          yield* Deferred.await(reached)
          return server
        })
      )
      yield* Deferred.await(interrupted)
      assert.strictEqual(yield* stream.runCount, 0)
    })
  )
})
