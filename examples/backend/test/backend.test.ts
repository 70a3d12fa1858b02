import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer } from "effect"
import * as Backend from "../src/Backend.ts"

/** The server url that a layer on top of the backend reads, and what a person is told of it. */
const start = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    let url = ""
    const notes: Array<string> = []
    const reader = Layer.effectDiscard(
      Effect.map(Config.string("MIX_SERVER_URL"), (found) => {
        url = found
      })
    )
    yield* Effect.consoleWith((console) =>
      Layer.build(Layer.provide(reader, Backend.layer({ seed: { messages: 3 } }))).pipe(
        Effect.withConsole({ ...console, error: (note) => Effect.sync(() => notes.push(note)) })
      )
    )
    return { url, notes }
  }).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))))

describe("Backend", () => {
  it.scopedLive("is the one that is named", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* start({ MIX_SERVER_URL: "http://mix.test" }), { url: "http://mix.test", notes: [] })
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
