/**
 * A Mix server for tests and demos: real HTTP on a free loopback port, with the paths, the bytes and the quirks of
 * the Mix backend, and with faults on request. It holds everything in memory and authenticates nobody: **not for
 * production**.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as AgentRuns from "./internal/mixServer/agent.ts"
import { now } from "./internal/mixServer/clock.ts"
import * as Events from "./internal/mixServer/events.ts"
import { traits as traitsOf } from "./internal/mixServer/generations.ts"
import {
  type AgentRequest,
  Fault,
  ListenError,
  type Options,
  type RequestRecord,
  type Running,
  StreamFault,
  type StreamFrame
} from "./internal/mixServer/model.ts"
import * as Mux from "./internal/mixServer/mux.ts"
import * as Node from "./internal/mixServer/node.ts"
import * as Random from "./internal/mixServer/random.ts"
import * as Reply from "./internal/mixServer/reply.ts"
import * as Routes from "./internal/mixServer/routes.ts"
import * as SeedRows from "./internal/mixServer/seed.ts"
import * as Sessions from "./internal/mixServer/sessions.ts"
import { Store } from "./internal/mixServer/store.ts"
import * as StreamRoute from "./internal/mixServer/streamRoute.ts"
import { Streams } from "./internal/mixServer/streams.ts"
import { echo } from "./MixAgent.ts"

export type {
  CallbackResult,
  FaultRequest,
  Generation,
  MessageExtras,
  NewMessage,
  NewSession,
  Options,
  RequestRecord,
  Running,
  Seed,
  StreamFrame,
  ToolCall
} from "./internal/mixServer/model.ts"
export { Fault, ListenError, StreamFault }

/**
 * The running server of `layer`.
 *
 * @since 0.1.0
 * @category tags
 */
export class MixServer extends Context.Tag("@mix-effect/testing/MixServer")<MixServer, Running>() {}

const decoder = new TextDecoder()

const fixedResponse = ({ body, headers = {}, status }: Extract<Fault, { readonly _tag: "Respond" }>) =>
  Reply.make(
    status,
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body
  )

/**
 * Starts a server that runs until the scope closes. Closing the scope ends all connections at once, even idle ones,
 * and frees the port.
 *
 * The server uses the `Clock` of the caller: under a `TestClock`, all rows have the same second unless the test
 * adjusts it. Rows of one second are listed oldest first.
 *
 * @example
 * import { MixServer } from "@mix-effect/testing"
 * import { Effect } from "effect"
 *
 * export const program = Effect.gen(function* () {
 *   const server = yield* MixServer.serve({ seed: { messages: 3 } })
 *   return yield* Effect.promise(() => fetch(`${server.url}/api/messages/history`))
 * }).pipe(Effect.scoped)
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve = (options: Options = {}): Effect.Effect<Running, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const traits = traitsOf[options.generation ?? "2025-09-25"]
    const random = Random.make(options.seed?.random ?? 0)
    const store = new Store(traits, random)
    SeedRows.fill(store, random, options.seed ?? {}, yield* now)
    // Unless a seed is set, two servers of a process never give the same id to later rows.
    if (options.seed?.random === undefined) store.takeIdsFrom(Random.make(`server ${++servers}`))

    let { faults, streamFaults } = options
    const started = yield* Deferred.make<Running>()
    let running: Running | undefined
    const streams = new Streams({ buffer: options.streamBuffer ?? traits.streamBuffer, faults: () => streamFaults })
    const script = (request: AgentRequest) => {
      const { agent = echo } = options
      if (typeof agent !== "function") return agent[Math.min(request.index, agent.length - 1)] ?? []
      return running === undefined ? [] : agent(request, running)
    }
    const agent = AgentRuns.make({
      store,
      traits,
      script,
      broadcast: (sessionId, event) => streams.broadcast(event, sessionId),
      scope: yield* Effect.scope
    })
    const authenticated = options.authenticated ?? true
    const stream = StreamRoute.make({
      store,
      streams,
      agent,
      authenticated,
      lifetime: options.streamLifetime ?? "10 minutes"
    })
    const sessions = Sessions.make({ store, streams, traits })
    const redirectStatus = options.redirectStatus ?? 301
    const app = Routes.make({ store, traits, authenticated, agent, streams, stream, sessions, redirectStatus })
    const records: Array<RequestRecord> = []

    const handle = (incoming: Node.Incoming): Effect.Effect<Node.Outgoing> =>
      Effect.gen(function* () {
        const index = records.length
        const record = { ...incoming, body: decoder.decode(incoming.body) }
        records.push(record)
        const { path, query } = Mux.splitTarget(incoming.target)
        const asked = { index, method: incoming.method, path, query: new URLSearchParams(query) }
        const fault = yield* faults?.(asked, yield* Deferred.await(started)) ?? Effect.succeed(undefined)

        if (fault?._tag === "Stall") return yield* Effect.never
        if (fault?._tag === "Reset") return { response: undefined }
        const { bodyRead, response } =
          fault?._tag === "Respond" ? { bodyRead: true, response: fixedResponse(fault) } : yield* app(incoming, fault)
        if (options.latency !== undefined) yield* Effect.sleep(options.latency)
        records[index] = { ...record, status: response.status }
        if (fault?._tag === "Truncate") return { response, cutAfter: fault.bytes }
        return { response, bodyLeft: !bodyRead && incoming.body.length > 0 }
      })

    const listening = yield* Node.listen(options.port ?? 0, handle)
    const self: Running = {
      url: `http://127.0.0.1:${listening.port}`,
      requests: Effect.sync(() => records.slice()),
      requestCount: Effect.sync(() => records.length),
      connectionCount: Effect.sync(listening.connectionCount),
      aborted: Effect.sync(listening.aborted),
      createSession: (session) => Effect.map(now, (seconds) => sessions.add(session ?? {}, seconds).id),
      deleteSession: (id) => Effect.sync(() => sessions.delete(id)),
      append: (message) => Effect.map(now, (seconds) => store.append(message, seconds).id),
      importMessages: (count, message) =>
        Effect.map(now, (seconds) => Array.from({ length: count }, () => store.append(message, seconds).id)),
      messages: Effect.sync(() => store.historyIds()),
      sessions: Effect.sync(() => store.listSessions().map((session) => session.id)),
      runCount: agent.runCount,
      awaitIdle: agent.awaitIdle,
      streamCount: (sessionId) => Effect.sync(() => streams.of(sessionId).length),
      closeStreams: ({ clean = false, sessionId } = {}) =>
        Effect.sync(() => {
          for (const stream of streams.of(sessionId)) stream.close(clean)
        }),
      emit: (event, data, sessionId) => Effect.sync(() => streams.broadcast(Events.custom(event, data), sessionId)),
      setFaults: (next) =>
        Effect.sync(() => {
          faults = next
        }),
      setStreamFaults: (next) =>
        Effect.sync(() => {
          streamFaults = next
        }),
      restart: (downtime = 0) => Effect.zipRight(agent.crash, listening.restart(downtime))
    }
    running = self
    yield* Deferred.succeed(started, self)
    return self
  })

let servers = 0

/**
 * A `streamFaults` that loses events at random. The same seed loses the same events.
 *
 * @example
 * import { MixServer } from "@mix-effect/testing"
 *
 * export const server = MixServer.layer({
 *   generation: "2026-02",
 *   streamFaults: MixServer.loseEvents({ seed: 1, probability: 0.2 })
 * })
 *
 * @since 0.2.0
 * @category constructors
 */
export const loseEvents = (options: {
  readonly seed: number | string
  /** From 0 to 1. */
  readonly probability: number
  /** Events that are never lost. Default: `connected`. */
  readonly keep?: ReadonlyArray<string>
}): ((frame: StreamFrame) => StreamFault | undefined) => {
  const random = Random.make(options.seed)
  const { keep = ["connected"], probability } = options
  return ({ event }) =>
    !keep.includes(event) && random.integer(1_000_000) < probability * 1_000_000 ? StreamFault.Lose() : undefined
}

/**
 * `serve` as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<MixServer, ListenError> => Layer.scoped(MixServer, serve(options))
