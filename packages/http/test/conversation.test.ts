/** What `SessionsService` asks of the server, and when: over an engine, by `TestClock`. */
import { assert, describe, it } from "@effect/vitest"
import { SessionId, type Sessions, SessionsService } from "@mix-effect/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import { Engine, type MixConfig, RetryPolicy, Services } from "../src/index.ts"
import { recorder } from "./recorder.ts"
import { environment, settle } from "./scripted.ts"

const id = SessionId.make("s1")
const text = "What is it, 8f3a-secret-question?"

interface Status {
  readonly status: number
  readonly body?: string
}

type Replying = Status | { readonly code: string; readonly phase?: "connect" }

const bytes = (text: string) => new TextEncoder().encode(text)
const frame = (event: string, data: object) => bytes(`event: ${event}\ndata: ${JSON.stringify(data)}\nretry: 30000\n\n`)
const connected = frame("connected", { sessionId: id })

/** A server with one session, whose run ends when the test says so. */
const make = (
  options: MixConfig.Options = {},
  answer: (target: string, count: number) => Replying | undefined = () => undefined,
  greeting: ReadonlyArray<Uint8Array> = [connected]
) =>
  Effect.gen(function* () {
    const requests: Array<string> = []
    const posted = yield* Deferred.make<void>()
    let onChunk: ((chunk: Uint8Array) => void) | undefined
    let isSent = false
    let isOver = false
    let finishReason = "end_turn"
    const rows = () =>
      isSent
        ? [
            { id: "m1", sessionId: id, role: "user", userInput: text, content: text, finishReason: "stop" },
            {
              id: "m2",
              sessionId: id,
              role: "assistant",
              userInput: "",
              assistantResponse: isOver ? "42" : undefined,
              content: isOver ? "42" : "",
              ...(isOver && { finishReason, model: "large", inputTokens: 12, outputTokens: 3, cost: 0.5 })
            }
          ]
        : []
    const reply = (target: string): Status => {
      if (target.endsWith("/export")) return { status: 200, body: JSON.stringify({ messages: rows() }) }
      if (target === "GET /api/sessions/s1/messages") return { status: 200, body: JSON.stringify(rows()) }
      if (target === "POST /api/sessions/s1/messages") {
        isSent = true
        Deferred.unsafeDone(posted, Effect.void)
        return { status: 202, body: '{"sessionId":"s1","status":"processing"}' }
      }
      if (target.startsWith("GET /stream/")) return { status: 404, body: "404 page not found" }
      return { status: 200, body: '{"sessionId":"s1","status":"cancelled"}' }
    }
    const engine: Engine.Engine = ({ method, signal, url }, progress) =>
      Effect.suspend(() => {
        const { pathname, search } = new URL(url)
        const target = `${method} ${pathname}${search}`
        requests.push(target)
        const count = requests.filter((one) => one === target).length
        const result = answer(target, count)
        if (result !== undefined && "code" in result) {
          if (result.phase !== undefined) progress.phase = result.phase
          return Effect.fail(new Engine.EngineError({ code: result.code }))
        }
        progress.phase = "body"
        if (target.startsWith("GET /stream?"))
          return Effect.succeed<Engine.Reply>({
            status: 200,
            header: (name) => (name === "content-type" ? "text/event-stream" : undefined),
            body: () => Effect.succeed({ text: "", byteLength: 0 }),
            chunks: (take) =>
              Effect.async((resume) => {
                signal.addEventListener("abort", () => resume(Effect.fail(Engine.failure(signal.reason))))
                onChunk = take
                for (const chunk of greeting) take(chunk)
              })
          })
        const { body = "", status } = result ?? reply(target)
        return Effect.succeed<Engine.Reply>({
          status,
          header: (name) =>
            name === "content-type"
              ? body.startsWith("{") || body.startsWith("[")
                ? "application/json"
                : "text/plain"
              : undefined,
          body: () => Effect.succeed({ text: body, byteLength: body.length }),
          chunks: () => Effect.void
        })
      })
    const context = yield* Services.make(() => Effect.succeed(engine), { serverUrl: "http://mix:8088", ...options })
    const sessions: Sessions = yield* Effect.provide(SessionsService, context)
    return {
      sessions,
      requests,
      posted: Deferred.await(posted),
      exports: () => requests.filter((target) => target.endsWith("/export")).length,
      say: (event: string, data: object) => Effect.sync(() => onChunk?.(frame(event, data))),
      end: (reason = "end_turn") =>
        Effect.sync(() => {
          isOver = true
          finishReason = reason
        })
    }
  }).pipe(Effect.provide(environment()), Effect.withRandom(Random.fixed([0])))

describe("ask", () => {
  it.effect("no waiting stands between `complete` and the answer: one export and one list", () =>
    Effect.gen(function* () {
      const { end, posted, requests, say, sessions } = yield* make()
      const fiber = yield* Effect.fork(sessions.ask({ id, text }))
      yield* settle
      yield* posted
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      const before = requests.length
      yield* end()
      yield* say("complete", { content: "42", messageId: "m2", done: true })
      // The clock stands still.
      assert.strictEqual((yield* Fiber.join(fiber)).text, "42")
      assert.sameMembers(requests.slice(before), ["GET /api/sessions/s1/export", "GET /api/sessions/s1/messages"])
    })
  )

  it.effect(
    "while the stream is well, at most one export every two seconds, less and less often, and nothing else",
    () =>
      Effect.gen(function* () {
        const { exports, requests, say, sessions } = yield* make()
        const fiber = yield* Effect.fork(sessions.ask({ id, text }))
        yield* settle
        const atOnce = exports()
        assert.isAtMost(atOnce, 1)
        const before = requests.length
        let last = atOnce
        const perMinute: Array<number> = []
        for (let minute = 0; minute < 5; minute++) {
          const from = exports()
          for (let second = 0; second < 60; second += 2) {
            yield* say("content", { content: "x", assistantMessageId: "m2" })
            yield* TestClock.adjust("2 seconds")
            assert.isAtMost(exports() - last, 1)
            last = exports()
          }
          perMinute.push(exports() - from)
        }
        assert.deepStrictEqual(perMinute.slice(1), [12, 12, 12, 12])
        assert.isAbove(perMinute[0] ?? 0, 12)
        assert.deepStrictEqual(new Set(requests.slice(before)), new Set(["GET /api/sessions/s1/export"]))
        yield* Fiber.interrupt(fiber)
      })
  )

  it.effect("interrupted while its send backs off: at once, nothing is sent any more, nothing is cancelled", () =>
    Effect.gen(function* () {
      const { requests, sessions } = yield* make({}, (target) =>
        target === "POST /api/sessions/s1/messages" ? { code: "ECONNREFUSED", phase: "connect" } : undefined
      )
      const fiber = yield* Effect.fork(sessions.ask({ id, text }))
      yield* settle
      yield* TestClock.adjust("20 millis")
      const posts = () => requests.filter((target) => target.startsWith("POST")).length
      assert.isAtLeast(posts(), 1)
      const before = posts()
      // The clock stands still: an interruption that waited would hang here.
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(posts(), before)
    })
  )

  it.effect("its failure keeps neither credentials nor the question out of what the server said", () =>
    Effect.gen(function* () {
      const { end, posted, say, sessions } = yield* make({ headers: { "x-key": "k-4711-credential" } })
      const fiber = yield* Effect.fork(Effect.flip(sessions.ask({ id, text })))
      yield* settle
      yield* posted
      yield* end("canceled")
      yield* say("error", { error: `overloaded (k-4711-credential) at: ${text}` })
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "AgentFailed")
      assert.include(error.message, "overloaded")
      assert.notInclude(error.message, "4711")
      assert.notInclude(error.message, "secret-question")
    })
  )

  it.effect("is one span, by the names of OpenTelemetry for agents, without a text", () =>
    Effect.gen(function* () {
      const { spans, tracer } = recorder()
      const { end, posted, say, sessions } = yield* make()
      const fiber = yield* Effect.fork(Effect.withTracer(sessions.ask({ id, text }), tracer))
      yield* settle
      yield* posted
      yield* end()
      yield* say("complete", { content: "42", messageId: "m2", done: true })
      yield* Fiber.join(fiber)
      const turn = spans.find(({ name }) => name === "invoke_agent") ?? assert.fail("no span")
      assert.deepStrictEqual(Object.fromEntries(turn.attributes), {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "mix",
        "gen_ai.conversation.id": "s1",
        "server.address": "mix",
        "server.port": 8088,
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.response.model": "large",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "mix.usage.cost": 0.5
      })
      const calls = spans.filter(({ name }) => name === "SessionsService.exportSession")
      assert.isAbove(calls.length, 0)
      for (const call of calls)
        assert.deepStrictEqual(
          Option.map(call.parent, ({ spanId }) => spanId),
          Option.some(turn.spanId)
        )
      // Failures say which.
      const failed = yield* make()
      yield* Effect.withTracer(Effect.flip(failed.sessions.ask({ id: SessionId.make(""), text })), tracer)
      const refused = yield* make({}, (target) => (target.startsWith("POST") ? { status: 401, body: "{}" } : undefined))
      yield* Effect.withTracer(Effect.flip(refused.sessions.ask({ id, text })), tracer)
      assert.strictEqual(
        spans
          .filter(({ name }) => name === "invoke_agent")
          .at(-1)
          ?.attributes.get("error.type"),
        "401"
      )
    })
  )
})

describe("what must not happen twice", () => {
  const attempt = (effect: (sessions: Sessions) => Effect.Effect<unknown, unknown>, first: Replying, then?: Replying) =>
    Effect.gen(function* () {
      const { requests, sessions } = yield* make({}, (_, count) => (count === 1 ? first : then))
      const fiber = yield* Effect.fork(Effect.either(effect(sessions)))
      yield* TestClock.adjust("1 hour")
      const result = yield* Fiber.join(fiber)
      return { requests, error: Either.isLeft(result) ? (result.left as Record<string, unknown>) : undefined }
    })

  it.effect("a session is made, and a run cancelled, once where it may have arrived, and `outcome` says so", () =>
    Effect.gen(function* () {
      const effects = [
        (sessions: Sessions) => sessions.create({ title: "T" }),
        (sessions: Sessions) => sessions.cancel({ id })
      ]
      // Whatever the policy says.
      const policies = [RetryPolicy.standard, RetryPolicy.fromConfig(), Schedule.recurs(3)]
      for (const [once, policy] of effects.flatMap((once) => policies.map((policy) => [once, policy] as const))) {
        const effect = (sessions: Sessions) =>
          RetryPolicy.withRetryPolicy<Effect.Effect<unknown, unknown>>(once(sessions), policy)
        for (const first of [{ code: "ECONNRESET" }, { status: 502, body: "{}" }, { status: 503, body: "{}" }]) {
          const { error, requests } = yield* attempt(effect, first)
          assert.lengthOf(requests, 1)
          assert.deepInclude(error, { outcome: "unknown", isRetryable: false })
          assert.include(String(error?.message), "may have been")
        }
        // What surely did not arrive is tried again.
        const { requests } = yield* attempt(effect, { code: "ECONNREFUSED", phase: "connect" })
        assert.lengthOf(requests, 2)
      }
    })
  )

  it.effect("a session that the attempt before deleted is deleted; one that never was is NotFound", () =>
    Effect.gen(function* () {
      const remove = (sessions: Sessions) => sessions.delete({ id })
      const twice = yield* attempt(remove, { code: "ECONNRESET" }, { status: 404, body: "{}" })
      assert.deepStrictEqual([twice.requests.length, twice.error], [2, undefined])
      const never = yield* attempt(remove, { status: 404, body: "{}" })
      assert.deepStrictEqual([never.requests.length, never.error?._tag], [1, "NotFound"])
    })
  )

  it.effect("the 500 of Sept 11, 2025 for a session that is not there is NotFound, after one request", () =>
    Effect.gen(function* () {
      const body =
        '{"error":{"code":500,"message":"Internal error during deleting session: sql: no rows in result set","type":"internal_error"}}'
      const { error, requests } = yield* attempt((sessions) => sessions.delete({ id }), { status: 500, body })
      assert.lengthOf(requests, 1)
      assert.strictEqual(error?._tag, "NotFound")
      // Any other 500 is the server's failure, and is tried again.
      const other = yield* attempt((sessions) => sessions.delete({ id }), { status: 500, body: "{}" })
      assert.isAbove(other.requests.length, 1)
    })
  )

  it.effect("a permission is answered by its id, so that a second time changes nothing", () =>
    Effect.gen(function* () {
      const { posted, requests, say, sessions } = yield* make({}, (target, count) =>
        target.startsWith("POST /api/permissions/") && count === 1 ? { code: "ECONNRESET" } : undefined
      )
      const fiber = yield* Effect.fork(sessions.ask({ id, text }, { onPermission: () => Effect.succeed("grant") }))
      yield* settle
      yield* posted
      yield* say("permission", { id: "p1", sessionId: id, toolName: "Bash" })
      yield* TestClock.adjust("10 seconds")
      const answers = requests.filter((target) => target.startsWith("POST /api/permissions/"))
      assert.deepStrictEqual(answers, ["POST /api/permissions/p1/grant", "POST /api/permissions/p1/grant"])
      yield* Fiber.interrupt(yield* Effect.as(Effect.forkDaemon(TestClock.adjust("10 seconds")), fiber))
    })
  )
})

describe("a stream", () => {
  it.effect("whose head comes without its first event was not opened: `requestTimeout` and its retries end it", () =>
    Effect.gen(function* () {
      const { requests, sessions } = yield* make(
        { requestTimeout: "2 seconds", deadline: "5 seconds" },
        () => undefined,
        []
      )
      const fiber = yield* Effect.fork(Effect.flip(sessions.ask({ id, text })))
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error, {
        _tag: "RequestTimeout",
        phase: "body",
        operation: "sessionEvents",
        outcome: "notSent"
      })
      assert.deepStrictEqual(new Set(requests), new Set(["GET /stream?sessionId=s1"]))
    })
  )
})
