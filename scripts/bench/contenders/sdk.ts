// The SDK with all it does by default: retries, time limits, decoding, spans and metrics, and the walk that loses no row.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { type BackendMessage, MessagesService, type StreamHistoryError } from "@mix-effect/core"
import { MessagesHttp } from "@mix-effect/http"
import { MixNode } from "@mix-effect/node"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Digest } from "../rows.ts"
import type { Connect } from "./contender.ts"

type History = Stream.Stream<BackendMessage, StreamHistoryError>

/** How a program reads the stream to its end. */
type Consume = (history: History, digest: Digest) => Effect.Effect<void, unknown>

const byChunk: Consume = (history, digest) =>
  Stream.runForEachChunk(history, (chunk) => Effect.sync(() => digest.add(chunk)))

const connect =
  (
    layer: (serverUrl: string) => Layer.Layer<MessagesService, ConfigError.ConfigError>,
    consume: Consume = byChunk
  ): Connect =>
  async (serverUrl) => {
    const runtime = ManagedRuntime.make(layer(serverUrl))
    const messages = await runtime.runPromise(MessagesService)
    return {
      history: ({ ahead, pageSize }, digest) =>
        runtime.runPromise(consume(messages.streamHistory({ pageSize, prefetch: ahead }), digest)),
      calls: ({ calls, concurrency }, digest) => {
        const call = Effect.map(messages.getHistory({ limit: 1 }), (rows) => digest.add(rows))
        return runtime.runPromise(
          concurrency === 1
            ? Effect.repeatN(call, calls - 1)
            : Effect.forEach(Array.from({ length: calls }), () => call, { concurrency, discard: true })
        )
      },
      close: () => runtime.dispose()
    }
  }

const onNode = (serverUrl: string) => MixNode.layer({ serverUrl })

export const node = connect(onNode)

export const onFetch = connect((serverUrl) => Layer.provide(MessagesHttp.layer({ serverUrl }), FetchHttpClient.layer))

/** An effect for each message, as programs are tempted to. */
export const tap = connect(onNode, (history, digest) =>
  history.pipe(
    Stream.tap((message) => Effect.sync(() => digest.one(message))),
    Stream.runDrain
  )
)

export const mapEffect = connect(onNode, (history, digest) =>
  history.pipe(
    Stream.mapEffect((message) => Effect.sync(() => digest.one(message))),
    Stream.runDrain
  )
)

export const asyncIterable = connect(onNode, (history, digest) =>
  Effect.promise(async () => {
    for await (const message of Stream.toAsyncIterable(history)) digest.one(message)
  })
)

/** Keeps every span that ended. */
const inMemory = (): Tracer.Tracer => {
  const ended: Array<Tracer.Span> = []
  let ids = 0
  return Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const events: Array<unknown> = []
      const span: Tracer.Span & { status: Tracer.SpanStatus } = {
        _tag: "Span",
        name,
        spanId: String(++ids),
        traceId: Option.isSome(parent) ? parent.value.traceId : String(ids),
        parent,
        context: context ?? Context.empty(),
        links,
        sampled: true,
        kind,
        attributes,
        status: { _tag: "Started", startTime },
        attribute: (key, value) => void attributes.set(key, value),
        event: (name, time, attributes) => void events.push({ name, time, attributes }),
        addLinks: () => {},
        end: (endTime, exit) => {
          span.status = { _tag: "Ended", startTime, endTime, exit }
          ended.push(span)
        }
      }
      return span
    },
    context: (execute) => execute()
  })
}

export const traced = connect((serverUrl) => Layer.merge(onNode(serverUrl), Layer.setTracer(inMemory())))
