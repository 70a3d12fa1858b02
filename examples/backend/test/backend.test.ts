import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer } from "effect"
import * as Backend from "../src/Backend.ts"

/** The server url and the token that a layer on top of the backend reads, and what a person is told of it. */
const start = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    let read: ReadonlyArray<string | undefined> = []
    const notes: Array<string> = []
    const reader = Layer.effectDiscard(
      Effect.map(
        Config.all([Config.string("MIX_SERVER_URL"), Config.withDefault(Config.string("MIX_BEARER_TOKEN"), undefined)]),
        (found) => {
          read = found
        }
      )
    )
    yield* Effect.consoleWith((console) =>
      Layer.build(Layer.provide(reader, Backend.layer({ seed: { messages: 3 } }))).pipe(
        Effect.withConsole({ ...console, error: (note) => Effect.sync(() => notes.push(note)) })
      )
    )
    const [url, token] = read
    return { url, token, notes }
  }).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))))

describe("Backend", () => {
  it.scopedLive("is the one that is named", () =>
    Effect.gen(function* () {
      const named = { MIX_SERVER_URL: "http://mix.test", MIX_BEARER_TOKEN: "token" }
      assert.deepStrictEqual(yield* start(named), { url: "http://mix.test", token: "token", notes: [] })
    })
  )

  it.scopedLive("has no token of the environment if it is embedded", () =>
    Effect.gen(function* () {
      const { MIX_BEARER_TOKEN: before } = process.env
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          process.env.MIX_BEARER_TOKEN = "for another server"
        }),
        () =>
          Effect.sync(() => {
            if (before === undefined) delete process.env.MIX_BEARER_TOKEN
            else process.env.MIX_BEARER_TOKEN = before
          })
      )
      assert.strictEqual((yield* start({})).token, "")
    })
  )

  it.scopedLive("is embedded where none is named", () =>
    Effect.gen(function* () {
      const { notes, url } = yield* start({ MIX_SERVER_URL: " " })
      assert.deepStrictEqual(notes, [`MIX_SERVER_URL is not set: serving an embedded reference server at ${url}`])
      const rows: unknown = yield* Effect.promise(async () => (await fetch(`${url}/api/messages/history`)).json())
      assert.lengthOf(rows as ReadonlyArray<unknown>, 3)
    })
  )
})
