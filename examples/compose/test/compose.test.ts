import { assert, describe, it } from "@effect/vitest"
import { MixServer } from "@mix-effect/testing"
import { ConfigProvider, Effect, Layer } from "effect"
import { AppLive, LoggingLive, program } from "../src/App.ts"
import { Digest } from "../src/Digest.ts"

/** As `ConfigProvider.fromEnv` reads the variables of the process. */
const withEnv = (env: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)), { pathDelim: "_" }))

const busiest = Effect.flatMap(Digest, ({ busiest }) => busiest)

/** Three sessions: a message in "rare", two in "some", three in "busy". */
const server = Effect.gen(function* () {
  const server = yield* MixServer.serve()
  const rows = ["rare 1", "busy 1", "some 1", "busy 2", "some 2", "busy 3"]
  yield* Effect.forEach(rows, (text, second) =>
    server.append({ sessionId: text.slice(0, 4), text, createdAt: 1_700_000_000 + second })
  )
  return server
})

describe("compose", () => {
  it.scopedLive("the service reads the server that the configuration names", () =>
    Effect.gen(function* () {
      const { url } = yield* server
      const twice = Effect.all([busiest, busiest])
      const found = yield* twice.pipe(Effect.provide(AppLive), withEnv({ MIX_SERVER_URL: url, DIGEST_TOP: "2" }))
      const expected = [
        { sessionId: "busy", messages: 3, latest: "busy 3" },
        { sessionId: "some", messages: 2, latest: "some 2" }
      ]
      assert.deepStrictEqual<unknown>(found, [expected, expected])
    })
  )

  it.scopedLive("no more is read than the window is wide", () =>
    Effect.gen(function* () {
      const { requestCount, url } = yield* server
      const env = withEnv({ MIX_SERVER_URL: url, DIGEST_WINDOW: "2" })
      const found = yield* busiest.pipe(Effect.provide(AppLive), env)
      assert.deepStrictEqual(
        found.map(({ latest }) => latest),
        ["busy 3", "some 2"]
      )
      assert.strictEqual(yield* requestCount, 1)
    })
  )

  it.effect("what is wrong in the configuration is told before anything is asked", () =>
    Effect.gen(function* () {
      const error = (env: Readonly<Record<string, string>>) =>
        Effect.map(Effect.flip(Effect.provide(busiest, AppLive).pipe(withEnv(env))), String)
      assert.match(yield* error({ DIGEST_TOP: "many" }), /DIGEST.*TOP/)
      assert.include(yield* error({ DIGEST_WINDOW: "0" }), "must be 1 or more")
      assert.include(yield* error({ MIX_DEADLINE: "soon" }), "MIX_DEADLINE")
      assert.include(yield* error({ MIX_SERVER_URL: "mix.example.com" }), "MIX_SERVER_URL")
    })
  )

  it.scopedLive("logs what it found, in the form that is asked for", () =>
    Effect.gen(function* () {
      const { url } = yield* server
      const lines: Array<string> = []
      const recording = { ...console, log: (line: string) => lines.push(line) }
      yield* Effect.consoleWith((console) =>
        program.pipe(
          Effect.provide(Layer.provideMerge(AppLive, LoggingLive)),
          Effect.withConsole({ ...console, unsafe: recording }),
          withEnv({ MIX_SERVER_URL: url, DIGEST_TOP: "1", LOG_LEVEL: "Debug", LOG_FORMAT: "json" })
        )
      )
      const found = lines.map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        found.map(({ logLevel, message }) => [logLevel, message]),
        [
          ["DEBUG", "3 sessions"],
          ["INFO", 'busy: 3 messages, lately "busy 3"']
        ]
      )
      assert.deepStrictEqual(found[0].annotations, { window: 500 })
      assert.property(found[0].spans, "busiest")
    })
  )
})
