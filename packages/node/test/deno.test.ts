import { FetchHttpClient } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { MixBrowser } from "@mix-effect/browser"
import { MessagesService, SessionId, SessionsService } from "@mix-effect/core"
import { MessagesHttp, RetryPolicy, SessionsHttp } from "@mix-effect/http"
import { Effect, Exit, Layer } from "effect"

const message = { id: "m1", sessionId: "s1", role: "user", userInput: "Hello" }

const layers = {
  MixBrowser: MixBrowser.layer(),
  MessagesHttp: Layer.provide(MessagesHttp.layer(), FetchHttpClient.layer)
}

/** What `fetch` is given for a `send`. */
const given = (layer: (typeof layers)[keyof typeof layers]) =>
  Effect.gen(function* () {
    let init: RequestInit | undefined
    let text = ""
    const fetch: typeof globalThis.fetch = async (_, options) => {
      init = options
      text = await new Response(options?.body ?? null).text()
      return Response.json(message)
    }
    yield* Effect.flatMap(MessagesService, (messages) =>
      messages.send({ id: SessionId.make("s1"), text: "Hé \u{1f600}" })
    ).pipe(Effect.provide(Layer.provide(layer, Layer.succeed(FetchHttpClient.Fetch, fetch))))
    return { ...init, text }
  })

const body = JSON.stringify({ text: "Hé \u{1f600}" })

/** Runs where `Deno` is defined. */
const inDeno = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Object.assign(globalThis, { Deno: {} })),
    () => effect,
    () => Effect.sync(() => Reflect.deleteProperty(globalThis, "Deno"))
  )

it.effect("Deno is given a stream, which it cannot send twice; others a text", () =>
  Effect.gen(function* () {
    for (const [name, layer] of Object.entries(layers)) {
      assert.strictEqual((yield* given(layer)).body, body, name)
      const stream = yield* inDeno(given(layer))
      assert.instanceOf(stream.body, ReadableStream, name)
      assert.strictEqual(stream.text, body, name)
      assert.strictEqual(new Headers(stream.headers).get("content-type"), "application/json", name)
    }
  })
)

it.effect("what is not a read is sent once where Deno would send it again, without a body too", () =>
  Effect.gen(function* () {
    let sends: Array<string> = []
    // The server closes the connection instead of a reply. Deno sends again all but a stream.
    const fetch: typeof globalThis.fetch = async (_, { body, method = "GET" } = {}) => {
      sends.push(method)
      if (!(body instanceof ReadableStream)) sends.push(method)
      throw new TypeError("connection closed before message completed")
    }
    const id = SessionId.make("s1")
    const sessions = {
      MixBrowser: MixBrowser.layer(),
      SessionsHttp: Layer.provide(SessionsHttp.layer(), FetchHttpClient.layer)
    }
    for (const [name, layer] of Object.entries(sessions)) {
      const sent = (effect: Effect.Effect<unknown, unknown, SessionsService>) =>
        Effect.gen(function* () {
          sends = []
          const exit = yield* effect.pipe(
            RetryPolicy.withRetryPolicy(RetryPolicy.none),
            Effect.provide(Layer.provide(layer, Layer.succeed(FetchHttpClient.Fetch, fetch))),
            Effect.exit
          )
          assert.isTrue(Exit.isFailure(exit), name)
          return sends
        })
      const { cancel, create, get, remove } = {
        cancel: Effect.flatMap(SessionsService, (service) => service.cancel({ id })),
        create: Effect.flatMap(SessionsService, (service) => service.create({ title: "T" })),
        get: Effect.flatMap(SessionsService, (service) => service.get({ id })),
        remove: Effect.flatMap(SessionsService, (service) => service.delete({ id }))
      }
      assert.deepStrictEqual(yield* inDeno(sent(cancel)), ["POST"], name)
      assert.deepStrictEqual(yield* inDeno(sent(create)), ["POST"], name)
      assert.deepStrictEqual(yield* inDeno(sent(remove)), ["DELETE"], name)
      // A read may be sent again, and this double does so.
      assert.deepStrictEqual(yield* inDeno(sent(get)), ["GET", "GET"], name)
    }
  })
)
