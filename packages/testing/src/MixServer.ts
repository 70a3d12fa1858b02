/**
 * A Mix server for tests and demos: real HTTP on a free loopback port, with the paths, the bytes and the quirks of the
 * Mix backend, and with faults on request. Everything is held in memory and nobody is asked who they are:
 * **not for production**.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Fault, ListenError, type Options, type RequestRecord, type Running } from "./internal/mixServer/model.ts"
import * as Mux from "./internal/mixServer/mux.ts"
import * as Node from "./internal/mixServer/node.ts"
import * as Random from "./internal/mixServer/random.ts"
import * as Routes from "./internal/mixServer/routes.ts"
import * as SeedRows from "./internal/mixServer/seed.ts"
import { Store } from "./internal/mixServer/store.ts"

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
  ToolCall
} from "./internal/mixServer/model.ts"
export { Fault, ListenError }

/**
 * The running server of `layer`.
 *
 * @since 0.1.0
 * @category tags
 */
export class MixServer extends Context.Tag("@mix-effect/testing/MixServer")<MixServer, Running>() {}

const decoder = new TextDecoder()

const fixedResponse = (fault: Extract<Fault, { readonly _tag: "Respond" }>) =>
  HttpServerResponse.raw(new TextEncoder().encode(fault.body ?? ""), {
    status: fault.status,
    headers: Headers.fromInput(fault.headers)
  })

/**
 * Starts a server that lives as long as the scope. Closing the scope ends its connections at once, idle ones too, and
 * frees the port.
 *
 * Time comes from the `Clock` of the caller: under a `TestClock` rows of one test share a second unless it is adjusted,
 * and rows of one second are listed oldest first.
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
    const generation = options.generation ?? "2025-09-25"
    const random = Random.make(options.seed?.random ?? 0)
    const store = new Store(generation, random)
    SeedRows.fill(store, random, options.seed ?? {}, yield* Routes.now)
    const app = yield* Routes.make({ store, generation, authenticated: options.authenticated ?? true })
    const records: Array<RequestRecord> = []
    const started = yield* Deferred.make<Running>()

    const handle = (incoming: Node.Incoming): Effect.Effect<Node.Outgoing> =>
      Effect.gen(function* () {
        const index = records.length
        const record = { ...incoming, body: decoder.decode(incoming.body) }
        records.push(record)
        const { path, query } = Mux.splitTarget(incoming.target)
        const asked = { index, method: incoming.method, path, query: new URLSearchParams(query) }
        const fault = yield* options.faults?.(asked, yield* Deferred.await(started)) ?? Effect.succeed(undefined)

        if (fault?._tag === "Stall") return yield* Effect.never
        if (fault?._tag === "Reset") return { response: undefined }
        const response =
          fault?._tag === "Respond"
            ? fixedResponse(fault)
            : yield* Effect.provideService(app(incoming), Routes.CurrentFault, fault)
        if (options.latency !== undefined) yield* Effect.sleep(options.latency)
        records[index] = { ...record, status: response.status }
        return fault?._tag === "Truncate" ? { response, cutAfter: fault.bytes } : { response }
      })

    const listening = yield* Node.listen(options.port ?? 0, handle)
    const running: Running = {
      url: `http://127.0.0.1:${listening.port}`,
      requests: Effect.sync(() => records.slice()),
      requestCount: Effect.sync(() => records.length),
      connectionCount: Effect.sync(listening.connectionCount),
      aborted: Effect.sync(listening.aborted),
      createSession: (session) => Effect.map(Routes.now, (now) => store.createSession(session ?? {}, now).id),
      deleteSession: (id) => Effect.sync(() => store.deleteSession(id)),
      append: (message) => Effect.map(Routes.now, (now) => store.append(message, now).id),
      messages: Effect.sync(() => store.historyIds()),
      sessions: Effect.sync(() => store.listSessions().map((session) => session.id))
    }
    yield* Deferred.succeed(started, running)
    return running
  })

/**
 * `serve` as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<MixServer, ListenError> => Layer.scoped(MixServer, serve(options))
