import { assert, describe, it } from "@effect/vitest"
import { MessagesService, SessionId } from "@mix-effect/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import { MessagesHttp } from "../src/index.ts"
import { type Recorded, recorder } from "./recorder.ts"
import { metrics } from "./renderings.ts"
import {
  environment,
  fault,
  get,
  json,
  never,
  noJitter,
  passing,
  row,
  scripted,
  sessionId,
  status,
  withService
} from "./scripted.ts"

const attributesOf = (span: Recorded) => Object.fromEntries(span.attributes)

const observed = <E>(
  script: Parameters<typeof scripted>[0],
  call: Parameters<typeof withService<unknown, E, never>>[1],
  options?: Parameters<typeof withService>[2]
) =>
  Effect.gen(function* () {
    const { spans, tracer } = recorder()
    const exit = yield* passing(
      noJitter(Effect.exit(Effect.withTracer(withService(scripted(script), call, options), tracer)))
    )
    return { spans, exit }
  })

describe("18 spans", () => {
  it.effect("503 then 200: one INTERNAL span around two CLIENT spans, resend_count on the second only", () =>
    Effect.gen(function* () {
      const { spans } = yield* observed([status(503), json([])], (messages) => messages.getHistory({ limit: 2 }))
      assert.deepStrictEqual(
        spans.map(({ kind, name }) => [kind, name]),
        [
          ["internal", "MessagesService.getHistory"],
          ["client", "GET /api/messages/history"],
          ["client", "GET /api/messages/history"]
        ]
      )
      const [call, first, second] = spans as [Recorded, Recorded, Recorded]
      for (const attempt of [first, second]) {
        assert.strictEqual(Option.getOrThrow(attempt.parent), call)
      }
      const common = {
        "http.request.method": "GET",
        "server.address": "localhost",
        "server.port": 8088,
        "url.full": "http://localhost:8088/api/messages/history?limit=2",
        "url.template": "/api/messages/history"
      }
      assert.deepStrictEqual(attributesOf(first), {
        ...common,
        "http.response.status_code": 503,
        "error.type": "503"
      })
      assert.deepStrictEqual(attributesOf(second), {
        ...common,
        "http.request.resend_count": 1,
        "http.response.status_code": 200
      })
      assert.isTrue(call.ended !== undefined && Exit.isSuccess(call.ended))
      assert.isTrue(first.ended !== undefined && Exit.isFailure(first.ended))
      assert.isTrue(second.ended !== undefined && Exit.isSuccess(second.ended))
    })
  )

  it.effect("a send is a POST, with the session's id in url.full only", () =>
    Effect.gen(function* () {
      const { spans } = yield* observed(
        json(row),
        (messages) => messages.send({ id: SessionId.make("a b"), text: "Hello" }),
        { serverUrl: "https://h.example/mix" }
      )
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["MessagesService.send", "POST /api/sessions/{id}/messages"]
      )
      assert.deepStrictEqual(attributesOf(spans[1] as Recorded), {
        "http.request.method": "POST",
        "server.address": "h.example",
        "server.port": 443,
        "url.full": "https://h.example/mix/api/sessions/a%20b/messages",
        "url.template": "/api/sessions/{id}/messages",
        "http.response.status_code": 200
      })
    })
  )

  it.effect("error.type is the status, or the error's tag where there is none", () =>
    Effect.gen(function* () {
      for (const [answer, type, code] of [
        [status(404), "404", 404],
        [fault("ENOTFOUND"), "ConnectionError", undefined],
        [never, "RequestTimeout", undefined],
        [{ body: "" }, "ResponseDecodeError", 200]
      ] as const) {
        const { spans } = yield* observed(answer, (messages) => messages.getHistory())
        const attributes = attributesOf(spans.at(-1) as Recorded)
        assert.strictEqual(attributes["error.type"], type)
        assert.strictEqual(attributes["http.response.status_code"], code)
      }
    })
  )

  it.effect("an interrupted call ends its spans", () =>
    Effect.gen(function* () {
      const { spans, tracer } = recorder()
      const fiber = yield* Effect.fork(Effect.withTracer(get(scripted(never)), tracer))
      yield* TestClock.adjust(5)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(spans.length, 2)
      for (const span of spans) assert.isTrue(span.ended !== undefined && Exit.isInterrupted(span.ended))
      assert.strictEqual(attributesOf(spans[1] as Recorded)["error.type"], "interrupted")
    })
  )

  it.live("spans begin and end by the wall clock", () =>
    Effect.gen(function* () {
      const { spans, tracer } = recorder()
      const before = Date.now()
      yield* Effect.withTracer(get(scripted(json([]))), tracer)
      const after = Date.now()
      assert.strictEqual(spans.length, 2)
      for (const { status } of spans) {
        if (status._tag !== "Ended") return assert.fail("it has not ended")
        const [start, end] = [status.startTime, status.endTime].map((time) => Number(time / 1_000_000n))
        // Effect counts nanoseconds on from the time at which it was loaded.
        assert.closeTo(start ?? 0, before, 1000)
        assert.closeTo(end ?? 0, after, 1000)
        assert.isTrue(status.endTime >= status.startTime)
      }
    })
  )

  it.effect("what is not sent has no CLIENT span", () =>
    Effect.gen(function* () {
      const { spans } = yield* observed(json([]), (messages) => messages.getHistory({ limit: 0 }))
      assert.deepStrictEqual(
        spans.filter(({ kind }) => kind === "client"),
        []
      )
    })
  )

  it.effect("neither credentials nor texts stand in any span", () =>
    Effect.gen(function* () {
      const canary = "canary-19fe"
      const { spans } = yield* observed(
        json({ ...row, userInput: canary, assistantResponse: canary }),
        (messages) => messages.send({ id: sessionId, text: canary }),
        { bearerToken: Redacted.make(canary), headers: { "x-a": canary } }
      )
      for (const span of spans) {
        assert.notInclude(JSON.stringify([span.name, [...span.attributes]]), canary)
      }
    })
  )

  it.effect("148 a tracer that throws does the call no harm", () =>
    Effect.gen(function* () {
      const throwing = Tracer.make({
        span: () => {
          throw new Error("the tracer is broken")
        },
        context: (f) => f()
      })
      const half = recorder()
      const brokenSpans = Tracer.make({
        span: (...args) =>
          Object.assign(half.tracer.span(...args), {
            attribute: () => {
              throw new Error("the span is broken")
            },
            end: () => {
              throw new Error("the span is broken")
            }
          }),
        context: (f) => f()
      })
      for (const tracer of [throwing, brokenSpans]) {
        for (const tracePropagation of [false, true]) {
          const server = scripted(json([]))
          const call = get(server, { tracePropagation })
          assert.deepStrictEqual(yield* Effect.withTracer(call, tracer), [])
          assert.strictEqual(server.requests.length, 1)
        }
      }
    })
  )
})

it.effect("without a tracer no span is made, unless requests carry its ids", () =>
  Effect.gen(function* () {
    const made: Array<string> = []
    // The tracer that is there where none was set, watched.
    const unset = yield* Effect.tracer
    const { span } = unset
    yield* Effect.acquireUseRelease(
      Effect.sync(() =>
        Object.assign(unset, {
          span: (...args: Parameters<typeof span>) => {
            made.push(args[0])
            return span.apply(unset, args)
          }
        })
      ),
      () =>
        Effect.gen(function* () {
          yield* get(scripted(json([])))
          assert.deepStrictEqual(made, [])
          yield* get(scripted(json([])), { tracePropagation: true })
          assert.deepStrictEqual(made, ["MessagesService.getHistory", "GET /api/messages/history"])
        }),
      () => Effect.sync(() => Object.assign(unset, { span }))
    )
  })
)

it.effect("where tracing is off no span is made, and requests carry no ids", () =>
  Effect.gen(function* () {
    const { spans, tracer } = recorder()
    const server = scripted(json([]))
    yield* get(server, { tracePropagation: true }).pipe(Effect.withTracerEnabled(false), Effect.withTracer(tracer))
    assert.deepStrictEqual(spans, [])
    assert.deepStrictEqual(server.requests[0]?.headers, { accept: "application/json" })
  })
)

it.effect("the tracer is that of the call, whatever tracer there was when the layer was built", () =>
  Effect.gen(function* () {
    const [atBuild, atCall] = [recorder(), recorder()]
    const layer = MessagesHttp.layer().pipe(Layer.provide(scripted(json([])).layer), Layer.provide(environment()))
    const messages = yield* MessagesService.pipe(Effect.provide(layer), Effect.withTracer(atBuild.tracer))
    yield* messages.getHistory()
    assert.strictEqual(atCall.spans.length, 0)
    yield* Effect.provide(messages.getHistory(), Layer.setTracer(atCall.tracer))
    assert.strictEqual(atBuild.spans.length, 0)
    assert.strictEqual(atCall.spans.length, 2)
  })
)

/** What was recorded under a name for one server. */
const measured = (name: string, address: string) =>
  Effect.map(metrics, (found) =>
    found
      .filter((metric) => metric.name === name && metric.labels["server.address"] === address)
      .map(({ labels, state }) => ({ labels, state }))
      .sort((a, b) => (a.state.sum ?? 0) - (b.state.sum ?? 0))
  )

it.effect("retries are counted and written to the log, and the budget is a gauge", () =>
  Effect.gen(function* () {
    const address = "retries.example"
    const lines: Array<unknown> = []
    const logger = Logger.make(({ annotations, logLevel, message }) => {
      lines.push([logLevel.label, message, Object.fromEntries(annotations)])
    })
    const server = scripted([status(503), fault("ECONNRESET"), json([])])
    yield* passing(
      noJitter(withService(server, (messages) => messages.getHistory(), { serverUrl: `http://${address}` }))
    ).pipe(Logger.withMinimumLogLevel(LogLevel.Debug), Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
    const labels = { "server.address": address, "server.port": "80" }
    const retries = yield* measured("mix.client.retries", address)
    assert.sameDeepMembers(
      retries.map(({ labels, state }) => [labels, state.count]),
      [
        [{ "mix.operation": "getHistory", "error.type": "503", ...labels }, 1],
        [{ "mix.operation": "getHistory", "error.type": "ConnectionError", ...labels }, 1]
      ]
    )
    // 500 at first, 5 for each retry, 1 back for the success.
    const [left, ...others] = yield* measured("mix.client.retry_budget", address)
    assert.deepStrictEqual([left?.labels, left?.state.value, others], [labels, 491, []])
    const line = "A request to the Mix backend failed; trying again"
    const delay = Duration.zero
    assert.deepStrictEqual(lines, [
      ["DEBUG", [line], { "mix.operation": "getHistory", "error.type": "503", attempt: 2, delay }],
      ["DEBUG", [line], { "mix.operation": "getHistory", "error.type": "ConnectionError", attempt: 3, delay }]
    ])
  })
)

it.effect("layers of one server share the gauge of the budget: it shows the one that changed last", () =>
  Effect.gen(function* () {
    const address = "shared.example"
    const layer = Layer.fresh(
      MessagesHttp.layer({ serverUrl: `http://${address}` }).pipe(
        Layer.provide(scripted(fault("ECONNRESET")).layer),
        Layer.provide(environment())
      )
    )
    const [first, second] = yield* Effect.all([
      Effect.provide(MessagesService, layer),
      Effect.provide(MessagesService, layer)
    ])
    const labels = { "server.address": address, "server.port": "80" }
    const shows = (left: number) =>
      Effect.map(measured("mix.client.retry_budget", address), (found) =>
        assert.deepStrictEqual(
          found.map(({ labels, state }) => [labels, state.value]),
          [[labels, left]]
        )
      )
    yield* passing(noJitter(Effect.exit(first.getHistory())))
    yield* shows(485)
    yield* passing(noJitter(Effect.exit(first.getHistory())))
    yield* shows(470)
    // A budget of its own, which is the fuller one.
    yield* passing(noJitter(Effect.exit(second.getHistory())))
    yield* shows(485)
  })
)

it.effect("the histogram http.client.request.duration counts each attempt, in seconds", () =>
  Effect.gen(function* () {
    // An address of its own: metrics are kept for the whole process.
    const serverUrl = "http://metrics.example:81"
    const server = scripted([
      { ...status(503), latency: 40 },
      { ...json([]), latency: 2000 }
    ])
    yield* passing(Effect.withRandom(get(server, { serverUrl }), Random.fixed([0])))
    const found = yield* measured("http.client.request.duration", "metrics.example")
    assert.deepStrictEqual(
      found.map(({ labels, state }) => [labels, state.count, state.sum]),
      [
        [
          {
            "http.request.method": "GET",
            "server.address": "metrics.example",
            "server.port": "81",
            "http.response.status_code": "503",
            "error.type": "503"
          },
          1,
          0.04
        ],
        [
          {
            "http.request.method": "GET",
            "server.address": "metrics.example",
            "server.port": "81",
            "http.response.status_code": "200"
          },
          1,
          2
        ]
      ]
    )
    // Those that OpenTelemetry advises, and what is longer.
    assert.deepStrictEqual(
      found[0]?.state.buckets?.map(([boundary]) => boundary),
      [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, Number.POSITIVE_INFINITY]
    )
  })
)
