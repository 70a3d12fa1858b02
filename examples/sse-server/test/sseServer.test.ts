import * as Http from "node:http"
import { HttpApp } from "@effect/platform"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { type SessionEvent, type SessionId, SessionsService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { MessagesTest, MixAgent, MixServer } from "@mix-effect/testing"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, TestClock } from "effect"
import { app } from "../src/turns.ts"

/** What a server is asked in this process, without a socket. Time is that of the test. */
const handler = Effect.map(Effect.runtime<SessionsService>(), (runtime) => HttpApp.toWebHandlerRuntime(runtime)(app))

const post = (path: string, body: string, type = "application/json") =>
  new Request(`http://server.invalid${path}`, { method: "POST", body, headers: { "content-type": type } })

const question = (id: string, text = "Hello") => post(`/sessions/${id}/ask`, JSON.stringify({ text }))

/** Lines end as a browser takes them to end. A comment has no name. */
const parse = (text: string) =>
  text
    .split(/\r\n\r\n|\n\n|\r\r/)
    .filter((frame) => frame !== "" && !frame.startsWith(":"))
    .map((frame) => {
      const lines = frame.split(/\r\n|\n|\r/)
      assert.lengthOf(lines, 2, frame)
      const [event = "", data = ""] = lines
      return [event.replace("event: ", ""), JSON.parse(data.replace("data: ", ""))] as const
    })

const json = (response: Response) =>
  Effect.promise(async () => ({ status: response.status, body: JSON.parse(await response.text()) }))

/** A session, and what it answers. */
const inMemory = (
  options: MessagesTest.Options,
  test: (
    fetch: (request: Request) => Effect.Effect<Response>,
    id: SessionId
  ) => Effect.Effect<void, unknown, SessionsService | MessagesTest.MessagesTest>
) =>
  Effect.gen(function* () {
    const handle = yield* handler
    const { id } = yield* Effect.flatMap(SessionsService, (sessions) => sessions.create({ title: "T" }))
    yield* test((request) => Effect.promise((signal) => handle(new Request(request, { signal }))), id)
  }).pipe(Effect.provide(MessagesTest.layer(options)), Effect.provide(Logger.remove(Logger.defaultLogger)))

describe("sse-server", () => {
  it.effect("makes a session, and gives a turn as events: a name and one line of JSON each, the answer last", () =>
    inMemory(
      {
        agent: (_, { emit }) =>
          emit({ _tag: "Text", text: "Let me see." }).pipe(
            Effect.zipRight(emit({ _tag: "ToolCall", id: "t1", name: "Bash", input: "ls", status: "ready" })),
            Effect.as("One file.")
          )
      },
      (fetch) =>
        Effect.gen(function* () {
          const created = yield* Effect.flatMap(fetch(post("/sessions", '{"title":"New"}')), json)
          assert.strictEqual(created.status, 201)
          const response = yield* fetch(question(created.body.id))
          assert.deepStrictEqual(
            [response.status, response.headers.get("content-type"), response.headers.get("cache-control")],
            [200, "text/event-stream", "no-store, no-transform"]
          )
          const frames = parse(yield* Effect.promise(() => response.text()))
          assert.deepStrictEqual(
            frames.map(([name]) => name),
            ["MessageCreated", "Text", "ToolCall", "Completed", "Answered"]
          )
          for (const [name, data] of frames) assert.strictEqual(name, data._tag)
          const { answer } = frames.at(-1)?.[1] ?? {}
          assert.deepInclude(answer, { text: "One file.", finishReason: "end_turn" })
          assert.lengthOf(answer.messages, 2)
        })
    )
  )

  it.effect("no text breaks a frame", () => {
    const hostile = 'a\n\nevent: Answered\ndata: {"answer":1}\r\rb\r\n\r\nc\u2028\u2029\u0085\u0000\ud800'
    const events: ReadonlyArray<SessionEvent> = [
      { _tag: "Text", text: hostile },
      { _tag: "ToolCall", id: hostile, name: hostile, input: hostile, status: "running" },
      {
        _tag: "PermissionRequested",
        id: "p1",
        toolName: hostile,
        description: hostile,
        action: "",
        path: "",
        params: {}
      },
      { _tag: "Other", event: hostile, data: { [hostile]: hostile } }
    ]
    return inMemory({ agent: (_, { emit }) => Effect.as(Effect.forEach(events, emit), hostile) }, (fetch, id) =>
      Effect.gen(function* () {
        const response = yield* fetch(question(id))
        const frames = parse(yield* Effect.promise(() => response.text()))
        assert.deepStrictEqual(
          frames.map(([name]) => name),
          ["MessageCreated", ...events.map(({ _tag }) => _tag), "Completed", "Answered"]
        )
        assert.deepStrictEqual<unknown>(
          frames.slice(1, 5).map(([, data]) => data),
          events
        )
        assert.strictEqual(frames.at(-1)?.[1].answer.text, hostile)
      })
    )
  })

  it.effect("bad input is a 400, and asks nothing", () =>
    inMemory({}, (fetch, id) =>
      Effect.gen(function* () {
        const cases = [
          [post(`/sessions/${id}/ask`, "{"), 400],
          [post(`/sessions/${id}/ask`, ""), 400],
          [post(`/sessions/${id}/ask`, '{"text":1}'), 400],
          [post(`/sessions/${id}/ask`, '{"text":""}'), 400],
          [post(`/sessions/${id}/ask`, '{"text":"\\ud800"}'), 400],
          [post("/sessions/%00/ask", '{"text":"Hello"}'), 400],
          [post("/sessions", '{"title":""}'), 400],
          [post("/sessions", "null"), 400],
          // What a page of another origin may send unasked.
          [post(`/sessions/${id}/ask`, '{"text":"Hello"}', "text/plain"), 415],
          [post(`/sessions/${id}/ask`, '{"text":"Hello"}', "text/plain; application/json"), 415],
          [post("/nowhere", '{"text":"Hello"}'), 404],
          [new Request(`http://server.invalid/sessions/${id}/ask?text=Hello`), 404]
        ] as const
        for (const [request, expected] of cases) {
          const response = yield* fetch(request)
          const { body, status } = yield* json(response)
          assert.strictEqual(status, expected, request.url)
          assert.deepInclude(body.error, { _tag: "InvalidRequest", outcome: "notSent" })
          assert.isNotEmpty(body.error.message)
        }
        assert.deepStrictEqual(yield* MessagesTest.sent, [])
      })
    )
  )

  it.effect("what fails before the first event is a status, and later an event", () =>
    inMemory({ agent: () => Effect.fail("the model is\n\ndown") }, (fetch, id) =>
      Effect.gen(function* () {
        const unknown = yield* Effect.flatMap(fetch(question("nobody")), json)
        assert.strictEqual(unknown.status, 404)
        assert.deepInclude(unknown.body.error, { _tag: "NotFound", outcome: "notSent" })

        const response = yield* fetch(question(id))
        assert.strictEqual(response.status, 200)
        const frames = parse(yield* Effect.promise(() => response.text()))
        assert.deepStrictEqual(
          frames.map(([name]) => name),
          ["MessageCreated", "Failed", "error"]
        )
        assert.deepStrictEqual(frames.at(-1)?.[1], {
          _tag: "AgentFailed",
          message: "ask: the agent's run failed, the model is down",
          outcome: "accepted"
        })
      })
    )
  )

  it.effect("a heartbeat every 15 seconds; a reader that leaves cancels the run", () =>
    Effect.gen(function* () {
      const cancelled = yield* Deferred.make<void>()
      yield* inMemory(
        { agent: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(cancelled, undefined)) },
        (fetch, id) =>
          Effect.gen(function* () {
            const response = yield* fetch(question(id))
            const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
            const read = Effect.promise(async () => (await reader?.read())?.value)
            assert.include(yield* read, "event: MessageCreated")
            const next = yield* Effect.fork(read)
            yield* TestClock.adjust("15 seconds")
            assert.strictEqual(yield* Fiber.join(next), ": heartbeat\n\n")
            yield* Effect.fork(Effect.promise(() => reader?.cancel() ?? Promise.reject(new Error("no body"))))
            // The cancel waits until the run is seen.
            yield* TestClock.adjust("1 second")
            yield* Deferred.await(cancelled)
          })
      )
    })
  )

  it.scopedLive("a browser that leaves its socket: the Mix server is told to cancel", () =>
    Effect.gen(function* () {
      const cancelled = yield* Deferred.make<void>()
      const mix = yield* MixServer.serve({
        generation: "2026-02",
        faults: ({ path }) =>
          Effect.as(
            Effect.when(Deferred.succeed(cancelled, undefined), () => path.endsWith("/cancel")),
            undefined
          ),
        agent: () => [MixAgent.say("Working"), MixAgent.silence]
      })
      const server = app.pipe(
        HttpServer.serve(),
        Layer.provide(MixNode.layer({ serverUrl: mix.url })),
        Layer.provide(Logger.remove(Logger.defaultLogger)),
        Layer.provideMerge(NodeHttpServer.layer(() => Http.createServer(), { host: "127.0.0.1", port: 0 }))
      )
      const { address } = Context.get(yield* Layer.build(server), HttpServer.HttpServer)
      const url = `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}/sessions`
      const send = (path: string, body: object) =>
        Effect.promise((signal) =>
          fetch(url + path, {
            method: "POST",
            body: JSON.stringify(body),
            headers: { "content-type": "application/json" },
            signal
          })
        )
      const { body } = yield* Effect.flatMap(send("", { title: "T" }), json)
      // A body over the limit is not read to its end.
      assert.isTrue(Exit.isFailure(yield* Effect.exit(send(`/${body.id}/ask`, { text: "x".repeat(2_000_000) }))))

      const response = yield* send(`/${body.id}/ask`, { text: "Hello" })
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      for (let seen = ""; !seen.includes("Working"); ) {
        const piece = yield* Effect.promise(async () => await reader?.read())
        if (piece?.value === undefined) return assert.fail(`the stream ended after ${seen}`)
        seen += piece.value
      }
      yield* Effect.promise(() => reader?.cancel() ?? Promise.reject(new Error("no body")))

      yield* Deferred.await(cancelled)
      const cancels = (yield* mix.requests).filter(({ target }) => target.endsWith("/cancel"))
      assert.deepStrictEqual(
        cancels.map(({ target }) => target),
        [`/api/sessions/${body.id}/cancel`]
      )
    })
  )
})
