/** What any `HttpClient` does as an engine, beyond what the operations show. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import type { Progress } from "../src/Engine.ts"
import * as HttpClientEngine from "../src/internal/httpClientEngine.ts"
import * as renderings from "./renderings.ts"
import { type Answer, failure, noJitter, passing, scripted, stalledBody, withService } from "./scripted.ts"

const request = { method: "GET", url: "http://localhost:8088/", headers: {} } as const

const ask = (answer: Answer, signal: AbortSignal) =>
  Effect.gen(function* () {
    const engine = yield* Effect.provide(HttpClientEngine.make, scripted(answer).layer)
    const progress: Progress = { phase: "headers" }
    return yield* engine({ ...request, signal }, progress)
  })

it.effect("a body that is read after the abort fails, though it never ends", () =>
  Effect.gen(function* () {
    const controller = new AbortController()
    const reply = yield* ask(stalledBody, controller.signal)
    controller.abort()
    assert.strictEqual((yield* failure(reply.body(10)))._tag, "EngineError")
  })
)

it.effect("a body that is being read fails at the abort", () =>
  Effect.gen(function* () {
    const controller = new AbortController()
    const reply = yield* ask(stalledBody, controller.signal)
    const reading = yield* Effect.fork(failure(reply.body(10)))
    yield* Effect.repeatN(Effect.yieldNow(), 10)
    controller.abort()
    assert.strictEqual((yield* Fiber.join(reading))._tag, "EngineError")
  })
)

it.effect("a request whose signal is aborted fails", () =>
  Effect.gen(function* () {
    const error = yield* failure(ask({ effect: Effect.never }, AbortSignal.abort()))
    assert.strictEqual(error._tag, "EngineError")
  })
)

it.effect("14 what a client's own fibers fail with is not logged: it holds the request", () =>
  Effect.gen(function* () {
    const canary = "canary-41aa"
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, message }) => {
      lines.push(String(message), ...renderings.ofCause(cause))
    })
    const platform = HttpClientRequest.get("http://h.example", { headers: { authorization: canary } })
    const cause = new Error(canary)
    const error = new HttpClientError.RequestError({ request: platform, reason: "Transport", cause })
    const server = scripted({ effect: Effect.flatMap(Effect.fork(Effect.fail(error)), Fiber.join) })
    const found = yield* passing(
      noJitter(
        failure(withService(server, (messages) => messages.getHistory(), { bearerToken: Redacted.make(canary) }))
      )
    ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)), Logger.withMinimumLogLevel(LogLevel.All))
    assert.strictEqual(found._tag, "ConnectionError")
    assert.strictEqual(server.requests.length, 4)
    assert.notInclude(lines.join("\n"), canary)
    assert.notInclude(lines.join("\n"), "unhandled")
  })
)

it.effect("of a client the spans and trace headers are off", () =>
  Effect.gen(function* () {
    const seen: Array<Readonly<Record<string, string>>> = []
    const client = HttpClient.make((request) => {
      seen.push({ ...request.headers })
      return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
    })
    const engine = yield* Effect.provideService(HttpClientEngine.make, HttpClient.HttpClient, client)
    yield* failure(engine({ ...request, signal: new AbortController().signal }, { phase: "headers" }))
    assert.deepStrictEqual(seen, [{}])
  })
)
