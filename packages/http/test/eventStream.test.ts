/** The stream of events over an engine: limits, drops, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import { SessionId, SessionsService } from "@mix-effect/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Engine, type MixConfig, Services } from "../src/index.ts"
import { open } from "../src/internal/eventStream.ts"
import { environment, settle } from "./scripted.ts"

const id = SessionId.make("s1")

const connected = 'event: connected\ndata: {"sessionId":"s1"}\n\n'

/** An engine whose streams are `chunks` of bytes; the last one goes on in silence. */
const engine = (status: number, contentType: string, streams: ReadonlyArray<ReadonlyArray<Uint8Array>>) => {
  const state = { opened: 0, aborted: 0 }
  const make: Engine.Engine = ({ signal }) =>
    Effect.sync(() => {
      const chunks = streams[Math.min(state.opened++, streams.length - 1)] ?? []
      const isLast = state.opened >= streams.length
      return {
        status,
        header: (name) => (name === "content-type" ? contentType : undefined),
        body: () => Effect.succeed({ text: "<html>", byteLength: 6 }),
        chunks: (onChunk) =>
          Effect.async((resume) => {
            signal.addEventListener("abort", () => {
              state.aborted++
              resume(Effect.fail(Engine.failure(signal.reason)))
            })
            for (const chunk of chunks) onChunk(chunk)
            if (!isLast) resume(Effect.fail(Engine.failure({ code: "ECONNRESET" })))
          })
      } satisfies Engine.Reply
    })
  return { state, make }
}

const bytes = (text: string) => new TextEncoder().encode(text)

const events = (make: Engine.Engine, options?: MixConfig.Options) =>
  Stream.unwrap(
    Effect.map(
      Services.make(() => Effect.succeed(make), options),
      (context) =>
        Stream.provideSomeContext(
          Stream.unwrap(Effect.map(SessionsService, (sessions) => sessions.events({ id }))),
          context
        )
    )
  ).pipe(Stream.provideSomeLayer(environment()))

/** Enough for a fiber to take what has come. */
const steps = Effect.repeatN(Effect.yieldNow(), 5)

/** Lines without an event, its first line, how lines end, and the sizes of the pieces that they come in. */
const drips = FastCheck.tuple(
  FastCheck.array(
    FastCheck.constantFrom(": padding", "", "retry: 750", ":event: x", "dataset: 1", " data: 1", "evént"),
    {
      maxLength: 6
    }
  ),
  FastCheck.constantFrom("data", "data:", "event: content", 'data: {"a": 1}'),
  FastCheck.constantFrom("\n", "\r", "\r\n"),
  FastCheck.array(FastCheck.integer({ min: 1, max: 9 }), { minLength: 1 })
)

const noDelay = Effect.withRandom(Random.fixed([0]))

describe("a stream of events", () => {
  it.effect("goes on past every limit of a call, and is given up after 100 seconds without a byte", () =>
    Effect.gen(function* () {
      const { make, state } = engine(200, "text/event-stream", [[bytes(connected)]])
      const seen: Array<string> = []
      const fiber = yield* events(make, {
        requestTimeout: "1 second",
        deadline: "2 seconds",
        maxResponseBytes: 1
      }).pipe(
        Stream.runForEach(({ _tag }) => Effect.sync(() => seen.push(_tag))),
        Effect.fork,
        noDelay
      )
      yield* settle
      yield* TestClock.adjust("99 seconds")
      assert.deepStrictEqual({ seen, ...state }, { seen: ["Connected"], opened: 1, aborted: 0 })
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual({ seen, ...state }, { seen: ["Connected", "Reconnected"], opened: 2, aborted: 1 })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(state.aborted, 2)
    })
  )

  it.effect("is opened again after a reset in the body, and text may be cut within a character", () =>
    Effect.gen(function* () {
      const whole = bytes(`\ufeff${connected}event: content\ndata: {"type":"content","content":"☃"}\n\n`)
      const pieces = Array.from(whole, (byte) => Uint8Array.of(byte))
      const { make, state } = engine(200, "text/event-stream; charset=utf-8", [
        [...pieces, bytes("event: conte")],
        pieces
      ])
      const seen = yield* events(make).pipe(Stream.take(4), Stream.runCollect, Effect.fork, noDelay)
      yield* TestClock.adjust("1 second")
      const text = { _tag: "Text", text: "☃" } as const
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(seen)), [
        { _tag: "Connected" },
        text,
        { _tag: "Reconnected" },
        text
      ])
      assert.deepStrictEqual(state, { opened: 2, aborted: 2 })
    })
  )

  it.effect("a page of HTML is none, and a refusal is what its status says", () =>
    Effect.gen(function* () {
      for (const [status, type, expected] of [
        [200, "text/html", { _tag: "ResponseDecodeError", reason: "contentType" }],
        [401, "text/html", { _tag: "Unauthorized" }],
        [404, "text/plain", { _tag: "NotFound" }],
        [400, "text/event-stream", { _tag: "BadRequest" }]
      ] as const) {
        const { make } = engine(status, type, [[]])
        const error = yield* Effect.flip(Stream.runDrain(events(make)))
        assert.deepInclude(error, { ...expected, operation: "sessionEvents", route: "/stream" })
      }
    })
  )

  it.effect("`requestTimeout` holds until its first event, whatever comes before that", () =>
    Effect.gen(function* () {
      for (const prelude of ["", ": padding\n\n", "\n\n\n", "retry: 750\n\n", "[", "event: conn", "\ufeff:\r\n\r\n"]) {
        const { make } = engine(200, "text/event-stream", [[bytes(prelude)]])
        const fiber = yield* events(make, { requestTimeout: "1 second" }).pipe(
          Stream.runDrain,
          Effect.flip,
          Effect.fork,
          noDelay
        )
        for (let attempt = 0; attempt < 4; attempt++) {
          yield* settle
          yield* TestClock.adjust("1 second")
        }
        const error = yield* Fiber.join(fiber)
        assert.deepInclude(error, { _tag: "RequestTimeout", scope: "attempt", attempts: 4 }, JSON.stringify(prelude))
      }
      // What comes before it is no obstacle either, and no event is lost to it.
      const { make } = engine(200, "text/event-stream", [[bytes(": padding\n\nretry: 750\n"), bytes(`\n${connected}`)]])
      const first = yield* Stream.runHead(events(make, { requestTimeout: "1 second" }))
      assert.deepStrictEqual(first, Option.some({ _tag: "Connected" as const }))
    })
  )

  it.effect("an event begins with the end of its first line, in whatever pieces that comes", () =>
    Effect.forEach(
      FastCheck.sample(drips, 100),
      ([prelude, first, newline, sizes]) =>
        Effect.gen(function* () {
          const text = bytes(`${[...prelude, first].join(newline)}${newline[0]}`)
          let send = (_chunk: Uint8Array) => {}
          const fiber = yield* Effect.fork(
            open((onChunk) => {
              send = onChunk
              return Effect.never
            })
          )
          yield* steps
          const told = JSON.stringify([prelude, first, newline, sizes])
          for (let sent = 0, piece = 0; sent < text.length; piece++) {
            assert.isTrue(fiber.unsafePoll() === null, `after ${sent} bytes of ${told}`)
            const size = sizes[piece % sizes.length] ?? 1
            send(text.subarray(sent, sent + size))
            sent += size
            yield* steps
          }
          assert.isTrue(fiber.unsafePoll() !== null, told)
        }),
      { discard: true }
    )
  )
})
