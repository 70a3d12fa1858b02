import { FetchHttpClient } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { MixBrowser } from "@mix-effect/browser"
import { MessagesService, SessionId } from "@mix-effect/core"
import { MessagesHttp } from "@mix-effect/http"
import { Effect, Layer } from "effect"

const message = { id: "m1", sessionId: "s1", role: "user", userInput: "Hello" }

const layers = {
  MixBrowser: MixBrowser.layer(),
  MessagesHttp: Layer.provide(MessagesHttp.layer(), FetchHttpClient.layer)
}

/** What `fetch` is given for a `send`. */
const given = (layer: (typeof layers)[keyof typeof layers]) =>
  Effect.gen(function* () {
    let init: RequestInit | undefined
    const fetch: typeof globalThis.fetch = async (_, options) => {
      init = options
      return Response.json(message)
    }
    yield* Effect.flatMap(MessagesService, (messages) =>
      messages.send({ id: SessionId.make("s1"), text: "Hé \u{1f600}" })
    ).pipe(Effect.provide(Layer.provide(layer, Layer.succeed(FetchHttpClient.Fetch, fetch))))
    return init
  })

const body = JSON.stringify({ text: "Hé \u{1f600}" })

it.effect("Deno is given a stream, which it cannot send twice; others a text", () =>
  Effect.gen(function* () {
    for (const [name, layer] of Object.entries(layers)) {
      const text = yield* given(layer)
      assert.strictEqual(text?.body, body, name)
      const stream = yield* Effect.acquireUseRelease(
        Effect.sync(() => Object.assign(globalThis, { Deno: {} })),
        () => given(layer),
        () => Effect.sync(() => Reflect.deleteProperty(globalThis, "Deno"))
      )
      assert.instanceOf(stream?.body, ReadableStream, name)
      assert.strictEqual(yield* Effect.promise(() => new Response(stream?.body).text()), body, name)
      assert.strictEqual(new Headers(stream?.headers).get("content-type"), "application/json", name)
    }
  })
)
