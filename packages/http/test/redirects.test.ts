/** Redirects over real `fetch` and real sockets: the other origin never hears of the request. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { MessagesHttp } from "../src/index.ts"
import { environment, failure, matches, sessionId } from "./scripted.ts"

for (const code of [301, 302, 303, 307, 308] as const) {
  it.scopedLive(`13 ${code}: UnexpectedStatus for GET and POST, and no request to the other origin`, () =>
    Effect.gen(function* () {
      const other = yield* FaultServer.serve(FaultServer.json([]))
      for (const location of [`${other.url}/api/messages/history`, "/api/messages/history", undefined]) {
        const server = yield* FaultServer.serve(FaultServer.redirect(code, location))
        const layer = MessagesHttp.layer({ serverUrl: server.url, bearerToken: Redacted.make("token") }).pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(environment()),
          Layer.orDie
        )
        yield* Effect.gen(function* () {
          const messages = yield* MessagesService
          matches(yield* failure(messages.getHistory()), { _tag: "UnexpectedStatus", status: code, attempts: 1 })
          const error = yield* failure(messages.send({ id: sessionId, text: "Hello" }))
          // 302 and 303 may follow a message that was taken.
          const outcome = code === 302 || code === 303 ? "unknown" : "refused"
          matches(error, { _tag: "UnexpectedStatus", status: code, outcome })
        }).pipe(Effect.provide(layer))
        assert.strictEqual(yield* server.requestCount, 2)
      }
      assert.strictEqual(yield* other.connections, 0)
    })
  )
}
