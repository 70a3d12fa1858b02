/** A file of its own: it takes as long as the limit. */
import { assert, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { MixNode } from "../src/index.ts"

it.scopedLive.skipIf(process.platform !== "linux")("a connection must stand within 10 seconds", () =>
  Effect.gen(function* () {
    const serverUrl = yield* FaultServer.blackHoleUrl
    const [elapsed, error] = yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(
      RetryPolicy.withRetryPolicy(RetryPolicy.none),
      Effect.flip,
      Effect.timed,
      Effect.provide(MixNode.layer({ serverUrl, requestTimeout: "1 minute" }))
    )
    assert(error._tag === "RequestTimeout")
    assert.deepStrictEqual([error.phase, error.scope], ["connect", "engine"])
    assert.isAtLeast(Duration.toMillis(elapsed), 9_900)
    assert.isBelow(Duration.toMillis(elapsed), 18_000)
  })
)
