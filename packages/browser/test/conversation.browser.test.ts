/** `ask` in Chromium: the stream of another origin without a preflight, and a page that becomes visible again. */
import { assert, it } from "@effect/vitest"
import { SessionsService } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { MixBrowser } from "../src/index.ts"
import { replaced, startMix } from "./support.ts"

const browserMode = "local-browser-service"

it.scopedLive("asks, over one stream that needs no preflight", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ generation: "2026-02" })
    const answer = yield* Effect.gen(function* () {
      const sessions = yield* SessionsService
      const { id } = yield* sessions.create({ title: "T", browserMode })
      return yield* sessions.ask({ id, text: "Hello ☃" })
    }).pipe(Effect.provide(MixBrowser.layer({ serverUrl: server.url })))
    assert.strictEqual(answer.text, "You said: Hello ☃")
    assert.deepStrictEqual(
      answer.messages.map(({ role }) => role),
      ["user", "assistant"]
    )
    const streams = (yield* server.requests).filter(({ target }) => target.startsWith("/stream?"))
    assert.deepStrictEqual(
      streams.map(({ method }) => method),
      ["GET"]
    )
  })
)

it.scopedLive("a stream that was silent for 45 seconds is opened again when the page becomes visible", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ generation: "2026-02" })
    yield* Effect.gen(function* () {
      const sessions = yield* SessionsService
      const { id } = yield* sessions.create({ title: "T", browserMode })
      const tags: Array<string> = []
      const count = (length: number) =>
        Effect.repeat(
          Effect.sync(() => tags.length),
          { until: (n) => n >= length, schedule: Schedule.spaced("5 millis") }
        )
      const fiber = yield* sessions.events({ id }).pipe(
        Stream.runForEach(({ _tag }) => Effect.sync(() => tags.push(_tag))),
        Effect.fork
      )
      yield* count(1)
      const show = Effect.sync(() => document.dispatchEvent(new Event("visibilitychange")))
      yield* show // it was heard of just now
      const now = Date.now()
      yield* replaced(Date, "now", () => now + 45_000)
      yield* show
      yield* count(2)
      assert.deepStrictEqual(tags, ["Connected", "Reconnected"])
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(MixBrowser.layer({ serverUrl: server.url })))
    const streams = (yield* server.requests).filter(({ target }) => target.startsWith("/stream?"))
    assert.lengthOf(streams, 2)
  })
)
