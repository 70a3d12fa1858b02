// Ways of reading messages. The bare ones are what one would write without the SDK: they trust the list to stand still, never
// retry and know no time limit. A process loads only what its contender needs.
import type { HttpClient } from "@effect/platform"
import type { MessagesService } from "@mix-effect/core"
import type { ConfigError, Layer, Tracer } from "effect"
import type { Row } from "./rows.ts"

export interface Work {
  readonly pageSize: number
  /** Pages asked for ahead of the one that is wanted. */
  readonly ahead: number
  /** Calls for one row, and how many of them at once; without it a whole history is read. */
  readonly calls?: readonly [count: number, concurrency: number]
}

/** Connected to a server, does the work and hands over the rows. */
export type Read = (work: Work, seen: (rows: Iterable<Row>) => void) => Promise<void>

type GetPage = (path: string) => Promise<ReadonlyArray<Row>>

const loop =
  (getPage: GetPage): Read =>
  async ({ ahead, calls, pageSize }, seen) => {
    const get = (limit: number, offset: number) => getPage(`/api/messages/history?limit=${limit}&offset=${offset}`)
    if (calls !== undefined) {
      let [left] = calls
      const caller = async () => {
        while (left-- > 0) seen(await get(1, 0))
      }
      await Promise.all(Array.from({ length: calls[1] }, caller))
      return
    }
    const flight: Array<ReturnType<GetPage>> = []
    for (let offset = 0, last = false; !last; ) {
      for (; flight.length <= ahead; offset += pageSize) flight.push(get(pageSize, offset))
      const rows = (await flight.shift()) ?? []
      seen(rows)
      last = rows.length < pageSize
    }
    await Promise.all(flight)
  }

type Service = Layer.Layer<MessagesService, ConfigError.ConfigError>

/** The SDK with all it does by default; `each` has an effect for every row. */
const sdk = async (layer: Service, each = false): Promise<Read> => {
  const { MessagesService } = await import("@mix-effect/core")
  const [Effect, ManagedRuntime, Stream] = await Promise.all([
    import("effect/Effect"),
    import("effect/ManagedRuntime"),
    import("effect/Stream")
  ])
  const runtime = ManagedRuntime.make(layer)
  const messages = await runtime.runPromise(MessagesService)
  return ({ ahead, calls, pageSize }, seen) => {
    if (calls !== undefined) {
      const call = Effect.map(messages.getHistory({ limit: 1 }), seen)
      return runtime.runPromise(Effect.replicateEffect(call, calls[0], { concurrency: calls[1], discard: true }))
    }
    const history = messages.streamHistory({ pageSize, prefetch: ahead })
    return runtime.runPromise(
      each
        ? Stream.runDrain(Stream.tap(history, (row) => Effect.sync(() => seen([row]))))
        : Stream.runForEachChunk(history, (rows) => Effect.sync(() => seen(rows)))
    )
  }
}

const onNode = async (serverUrl: string) => (await import("@mix-effect/node")).MixNode.layer({ serverUrl })

const over = async (serverUrl: string, client: Layer.Layer<HttpClient.HttpClient>) => {
  const { MessagesHttp } = await import("@mix-effect/http")
  return sdk((await import("effect/Layer")).provide(MessagesHttp.layer({ serverUrl }), client))
}

/** Keeps every span that ended. */
const traced = async (layer: Service) => {
  const [Effect, Layer] = await Promise.all([import("effect/Effect"), import("effect/Layer")])
  const spans: Array<Tracer.AnySpan> = []
  const tracer = Effect.map(Effect.tracer, (native) => ({
    ...native,
    span: (...args: Parameters<Tracer.Tracer["span"]>) => {
      const span = native.span(...args)
      spans.push(span)
      return span
    }
  }))
  return sdk(Layer.merge(layer, Layer.unwrapEffect(Effect.map(tracer, Layer.setTracer))))
}

const contenders = {
  "raw-undici": async (url: string) => {
    const { Agent, request } = await import("undici")
    const dispatcher = new Agent()
    return loop(async (path) => JSON.parse(await (await request(url + path, { dispatcher })).body.text()))
  },
  "raw-fetch": async (url: string) => loop(async (path) => (await fetch(url + path)).json() as Promise<Array<Row>>),
  sdk: async (url: string) => sdk(await onNode(url)),
  "sdk, Stream.tap": async (url: string) => sdk(await onNode(url), true),
  "sdk, traced": async (url: string) => traced(await onNode(url)),
  "sdk on fetch": async (url: string) => over(url, (await import("@effect/platform/FetchHttpClient")).layer),
  "sdk on platform's undici": async (url: string) =>
    over(url, (await import("@effect/platform-node/NodeHttpClient")).layerUndici),
  "sdk on node:http": async (url: string) => over(url, (await import("@effect/platform-node/NodeHttpClient")).layer)
}

export type Contender = keyof typeof contenders

export const connect = (name: Contender, serverUrl: string): Promise<Read> => contenders[name](serverUrl)
