import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { Output } from "../src/Output.ts"
import * as Progress from "../src/Progress.ts"
import { recorder } from "./Tool.ts"

const watched = (columns: number | undefined, use: (progress: Progress.Progress) => Effect.Effect<unknown, string>) =>
  Effect.suspend(() => {
    const stderr = recorder(columns)
    return Effect.flatMap(Progress.make, use).pipe(
      Effect.scoped,
      Effect.provideService(Output, { stderr: stderr.channel, stdout: stderr.channel }),
      Effect.exit,
      Effect.map(() => stderr.read())
    )
  })

describe("Progress", () => {
  it("counts, and knows one from many", () => {
    const render = (messages: number, pages: number, elapsed: Duration.DurationInput) =>
      Progress.render({ messages, pages }, Duration.decode(elapsed))
    assert.strictEqual(render(0, 0, 0), "0 messages, 0 pages, 0/s, 0.0 s")
    assert.strictEqual(render(1, 1, "500 millis"), "1 message, 1 page, 2/s, 0.5 s")
    assert.strictEqual(render(120_000, 1200, "125 seconds"), "120000 messages, 1200 pages, 960/s, 2 min 5 s")
  })

  it.effect("is a line every two seconds where there is no terminal, and one at the end", () =>
    Effect.gen(function* () {
      const text = yield* watched(undefined, (progress) =>
        Effect.gen(function* () {
          yield* progress.page(100)
          yield* TestClock.adjust("2 seconds")
          yield* progress.page(50)
          yield* TestClock.adjust("1 second")
        })
      )
      assert.strictEqual(text, "100 messages, 1 page, 50/s, 2.0 s\n150 messages, 2 pages, 50/s, 3.0 s\n")
    })
  )

  it.effect("is redrawn in place on a terminal, and makes room for what else is written there", () =>
    Effect.gen(function* () {
      const text = yield* watched(30, (progress) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("250 millis")
          yield* progress.page(100)
          yield* progress.aside(Effect.void)
        })
      )
      const lines = text.split("\r\u001b[K")
      assert.deepStrictEqual(lines, [
        "",
        "0 messages, 0 pages, 0/s, 0.…",
        "0 messages, 0 pages, 0/s, 0.…",
        "",
        "100 messages, 1 page, 400/s,…",
        "100 messages, 1 page, 400/s, 0.3 s\n"
      ])
    })
  )

  it.effect("has nothing to say of an export that failed before its first page", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* watched(undefined, () => Effect.fail("no")), "")
      assert.isTrue((yield* watched(80, () => Effect.fail("no"))).endsWith("\r\u001b[K"))
    })
  )
})
