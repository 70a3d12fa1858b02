import { assert, it } from "@effect/vitest"
import { SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { type Engine, MixConfig, Services } from "../src/index.ts"
import { fault, get, json, never, noJitter, passing, row, scripted, status, withService } from "./scripted.ts"

/** What is logged at a level and above. */
const recorder = (level: LogLevel.LogLevel) => {
  const lines: Array<readonly [level: string, message: unknown, annotations: Record<string, unknown>]> = []
  const logger = Logger.make(({ annotations, logLevel, message }) => {
    lines.push([logLevel.label, Array.isArray(message) ? message[0] : message, Object.fromEntries(annotations)])
  })
  const record = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Logger.withMinimumLogLevel(level), Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  return { lines, record }
}

const history = "GET /api/messages/history"

it.effect("each attempt is a Trace line: route, status, bytes, milliseconds, attempt", () =>
  Effect.gen(function* () {
    const { lines, record } = recorder(LogLevel.Trace)
    const server = scripted([{ ...status(503), latency: 40 }, fault("ECONNRESET"), { ...json([row]), latency: 7 }])
    yield* passing(noJitter(record(withService(server, (messages) => messages.getHistory({ limit: 5 })))))
    const bytes = JSON.stringify([row]).length
    assert.deepStrictEqual(
      lines.filter(([level]) => level === "TRACE").map(([, message, annotations]) => [message, annotations]),
      [
        [history, { attempt: 1, "http.response.status_code": 503, "error.type": "503", ms: 40, bytes: 0 }],
        [history, { attempt: 2, "error.type": "ConnectionError", "error.code": "ECONNRESET", ms: 0 }],
        [history, { attempt: 3, "http.response.status_code": 200, ms: 7, bytes }]
      ]
    )
  })
)

it.effect("a time limit and an interruption end an attempt as well", () =>
  Effect.gen(function* () {
    const { lines, record } = recorder(LogLevel.Trace)
    const call = record(get(scripted(never)))
    yield* passing(Effect.exit(MixConfig.withDeadline(call, "3 seconds")))
    const fiber = yield* Effect.fork(call)
    yield* TestClock.adjust(5)
    yield* Fiber.interrupt(fiber)
    assert.deepStrictEqual(
      lines.map(([, , annotations]) => annotations),
      [
        { attempt: 1, "error.type": "RequestTimeout", ms: 3000 },
        { attempt: 1, "error.type": "interrupted", ms: 5 }
      ]
    )
  })
)

it.effect("is off while the minimum level is Debug or higher", () =>
  Effect.gen(function* () {
    const { lines, record } = recorder(LogLevel.Debug)
    yield* record(get(scripted(json([]))))
    assert.deepStrictEqual(lines, [])
  })
)

it.effect("what an engine knows of a connection is in the line", () =>
  Effect.gen(function* () {
    const { lines, record } = recorder(LogLevel.Trace)
    let requests = 0
    const engine: Engine.Engine = (_, progress) => {
      progress.connection = requests++ === 0 ? "new" : "reused"
      return Effect.succeed({
        status: 200,
        header: () => "application/json",
        body: () => Effect.succeed({ text: "[]", byteLength: 2 }),
        chunks: () => Effect.void
      })
    }
    const messages = yield* Services.makeMessages(() => Effect.succeed(engine))
    yield* record(Effect.repeatN(messages.getHistory(), 1))
    assert.deepStrictEqual(
      lines.map(([, , { connection }]) => connection),
      ["new", "reused"]
    )
  })
)

it.effect("holds no header, no text, no id and no query", () =>
  Effect.gen(function* () {
    const canary = "canary-5d1e"
    const { lines, record } = recorder(LogLevel.Trace)
    const id = SessionId.make(`session-${canary}`)
    const message = { ...row, userInput: canary, assistantResponse: canary }
    const answers = [
      json(message, { headers: { "x-echo": canary, "set-cookie": canary } }),
      json([message]),
      status(500, { "content-type": "application/json" }, JSON.stringify({ error: { message: canary, type: canary } })),
      { ...fault("ECONNRESET"), cause: Object.assign(new Error(canary), { code: canary }) }
    ]
    for (const answer of answers) {
      const options = {
        serverUrl: `https://mix.example/${canary}`,
        bearerToken: Redacted.make(canary),
        headers: { "x-a": canary }
      }
      yield* passing(
        record(
          withService(
            scripted(answer),
            (messages) =>
              Effect.all([messages.send({ id, text: canary }), messages.listSession({ id })], { mode: "either" }),
            options
          )
        )
      )
    }
    const traces = lines.filter(([level]) => level === "TRACE")
    assert.isAtLeast(traces.length, 8)
    for (const line of lines) assert.notInclude(JSON.stringify(line), canary)
    assert.include(
      traces.map(([, message]) => message),
      "POST /api/sessions/{id}/messages"
    )
  })
)

it.effect("148 a logger that throws does the call no harm, at Trace and at Debug", () =>
  Effect.gen(function* () {
    const throwing = Logger.make(() => {
      throw new Error("the logger is broken")
    })
    const call = withService(scripted([status(503), json([])]), (messages) => messages.getHistory()).pipe(
      Logger.withMinimumLogLevel(LogLevel.All),
      Effect.provide(Logger.replace(Logger.defaultLogger, throwing))
    )
    assert.deepStrictEqual(yield* passing(noJitter(call)), [])
  })
)
