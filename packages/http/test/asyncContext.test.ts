/** 162: a call goes on in the async context of its caller, whoever wakes it. Sockets are in @mix-effect/node. */
import { AsyncLocalStorage } from "node:async_hooks"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { Engine, Services } from "../src/index.ts"
import { environment, noJitter } from "./scripted.ts"

const storage = new AsyncLocalStorage<string>()

const reply: Engine.Reply = {
  status: 200,
  header: () => undefined,
  body: () => Effect.succeed({ text: "[]", byteLength: 2 }),
  chunks: () => Effect.void
}

it.live("many calls that one event wakes, in a context of nobody's", () =>
  Effect.gen(function* () {
    for (const answer of [Effect.succeed(reply), Effect.fail(Engine.failure({ code: "ECONNRESET" }))]) {
      const waiting: Array<() => void> = []
      const engine: Engine.Engine = () => Effect.async((resume) => void waiting.push(() => resume(answer)))
      const messages = yield* Services.makeMessages(() => Effect.succeed(engine), { deadline: "1 second" }).pipe(
        Effect.provide(environment())
      )
      const run = Runtime.runPromise(yield* Effect.runtime())
      const users = Array.from({ length: 20 }, (_, index) => `user ${index}`)
      const ended = users.map((user) =>
        storage.run(user, () =>
          run(
            Effect.map(Effect.exit(messages.getHistory()), () => storage.getStore()).pipe(
              Effect.zip(Effect.sync(() => storage.getStore())),
              noJitter
            )
          )
        )
      )
      while (waiting.length < users.length) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const pump = setInterval(() => storage.run("nobody", () => waiting.splice(0).forEach((wake) => wake())), 1)
      const found = yield* Effect.promise(() => Promise.all(ended))
      clearInterval(pump)
      assert.deepStrictEqual(
        found,
        users.map((user) => [user, user])
      )
    }
  })
)
