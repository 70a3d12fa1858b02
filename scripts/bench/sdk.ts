// The SDK with all it does by default, over its own engine and over `fetch`.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { MessagesService } from "@mix-effect/core"
import { MessagesHttp } from "@mix-effect/http"
import { MixNode } from "@mix-effect/node"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import type { Read } from "./bare.ts"

/** Any tracer but the one of Effect itself, for which the SDK makes no spans. */
const tracer = Layer.unwrapEffect(Effect.map(Effect.tracer, (native) => Layer.setTracer({ ...native })))

/** `each` has an effect for every row. */
const sdk = async (layer: Layer.Layer<MessagesService, ConfigError.ConfigError>, each = false): Promise<Read> => {
  const runtime = ManagedRuntime.make(layer)
  const messages = await runtime.runPromise(MessagesService)
  return ({ ahead, calls, pageSize }, seen) => {
    const [count, concurrency] = calls ?? [0, 1]
    const call = Effect.map(messages.getHistory({ limit: 1 }), seen)
    if (count > 0) return runtime.runPromise(Effect.replicateEffect(call, count, { concurrency, discard: true }))
    const history = messages.streamHistory({ pageSize, prefetch: ahead })
    return runtime.runPromise(
      each
        ? Stream.runDrain(Stream.tap(history, (row) => Effect.sync(() => seen([row]))))
        : Stream.runForEachChunk(history, (rows) => Effect.sync(() => seen(rows)))
    )
  }
}

const onNode = (serverUrl: string) => MixNode.layer({ serverUrl })

export const contenders: Record<string, (serverUrl: string) => Promise<Read>> = {
  sdk: (url) => sdk(onNode(url)),
  "sdk, Stream.tap": (url) => sdk(onNode(url), true),
  "sdk, traced": (url) => sdk(Layer.merge(onNode(url), tracer)),
  "sdk on fetch": (serverUrl) => sdk(Layer.provide(MessagesHttp.layer({ serverUrl }), FetchHttpClient.layer))
}
