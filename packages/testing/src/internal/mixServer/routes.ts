import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { now } from "./clock.ts"
import type { Json } from "./json.ts"
import type { Fault } from "./model.ts"
import * as Mux from "./mux.ts"
import * as Query from "./query.ts"
import * as Reply from "./reply.ts"
import { type SendOptions, send } from "./send.ts"
import type { Sessions } from "./sessions.ts"
import type { Row } from "./store.ts"
import * as View from "./views.ts"

/** The fault of the current request, for the one handler that takes part in it. */
export class CurrentFault extends Context.Reference<CurrentFault>()("@mix-effect/testing/MixServer/CurrentFault", {
  defaultValue: (): Fault | undefined => undefined
}) {}

/** What the routes need to know of the server. */
export interface RouteOptions extends SendOptions {
  readonly sessions: Sessions
  readonly redirectStatus: 301 | 307
  readonly stream: {
    readonly get: (sessionId: string) => HttpServerResponse.HttpServerResponse
    readonly message: (sessionId: string, body: Uint8Array) => HttpServerResponse.HttpServerResponse
  }
}

const pathId = Effect.map(HttpRouter.params, (params) => params.id ?? "")

const bodyBytes = Effect.map(Mux.Body, (take) => take())

const query = Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => Mux.splitTarget(url).query)

const defaultLimit = 50

/** Every endpoint over one store. */
export const make = (options: RouteOptions) => {
  const { agent, sessions, store, stream, traits } = options
  const list = (items: ReadonlyArray<Json>) => Reply.json(200, items.length === 0 ? traits.emptyList : items)

  /** One row that cannot be read spoils all that are read with it. */
  const ifReadable = (
    rows: ReadonlyArray<Row>,
    operation: string,
    respond: () => HttpServerResponse.HttpServerResponse
  ) => {
    const bad = rows.find((row) => row.unreadable !== undefined)
    return bad === undefined ? respond() : Reply.internalError(operation, `unknown part type: ${bad.unreadable}`)
  }

  const history = Effect.gen(function* () {
    const text = yield* query
    const fault = yield* CurrentFault
    const wanted = fault?._tag === "IgnoreLimit" ? undefined : Query.parseInt64(Query.first(text, "limit"))
    const skipped = fault?._tag === "IgnoreOffset" ? undefined : Query.parseInt64(Query.first(text, "offset"))
    const limit = wanted !== undefined && wanted > 0 ? wanted : defaultLimit
    const offset = skipped !== undefined && skipped >= 0 ? skipped : 0
    const rows = store.page(offset, fault?._tag === "ClampLimit" ? Math.min(limit, fault.max) : limit)
    return ifReadable(rows, "getting message history", () => list(rows.map(View.message)))
  })

  const listMessages = Effect.map(pathId, (id) => {
    const rows = store.session(id)?.rows ?? []
    return ifReadable(rows, "listing session messages", () => list(rows.map(View.message)))
  })

  const exportSession = Effect.map(pathId, (id) => {
    const session = store.session(id)
    if (session === undefined) return Reply.sessionNotFound(id)
    return ifReadable(session.rows, "exporting session", () => Reply.json(200, View.exported(session)))
  })

  const sendMessage = Effect.flatMap(Effect.all([pathId, bodyBytes]), ([id, body]) => send(options, id, body))

  const cancel = Effect.flatMap(pathId, (sessionId) =>
    Effect.as(agent.cancel(sessionId), Reply.json(200, { sessionId, status: "cancelled" }))
  )

  const permission = (status: "granted" | "denied") =>
    Effect.flatMap(pathId, (id) =>
      Effect.as(
        agent.answer(id, status === "granted"),
        Reply.json(200, { id, message: `Permission ${status} successfully`, status })
      )
    )

  const listSessions = Effect.map(query, (text) => {
    const all = Query.first(text, "includeSubagents") === "true"
    const shown = store.listSessions().filter((session) => all || session.parentSessionId === undefined)
    return list(shown.map((session) => View.listedSession(session, traits)))
  })

  const health = Effect.map(now, (seconds) =>
    Reply.outerJson(200, {
      environment: "",
      services: { backend: "healthy", database: "connected" },
      status: "ok",
      timestamp: View.timestamp(seconds),
      version: "v0.0.0"
    })
  )

  const openStream = Effect.map(query, (text) => stream.get(Query.first(text, "sessionId")))

  const streamMessage = Effect.map(Effect.all([pathId, bodyBytes]), ([id, body]) => stream.message(id, body))

  const withBody = (handle: (id: string, body: Uint8Array, seconds: number) => HttpServerResponse.HttpServerResponse) =>
    Effect.map(Effect.all([pathId, bodyBytes, now]), ([id, body, seconds]) => handle(id, body, seconds))

  const routes: ReadonlyArray<readonly [HttpRouter.PathInput, Mux.Methods]> = [
    ["/api/messages/history", { GET: history }],
    ["/api/sessions/:id/messages", { GET: listMessages, POST: sendMessage }],
    ["/api/sessions/:id/cancel", { POST: cancel }],
    ["/api/sessions", { GET: listSessions, POST: withBody((_, body, seconds) => sessions.create(body, seconds)) }],
    ["/api/sessions/:id", { GET: Effect.map(pathId, sessions.get), DELETE: Effect.map(pathId, sessions.remove) }],
    ["/api/permissions/:id/grant", { POST: permission("granted") }],
    ["/api/permissions/:id/deny", { POST: permission("denied") }],
    ["/stream", { GET: openStream }],
    ["/health", { "*": health }]
  ]
  return Mux.make(
    [
      ...routes,
      ...(traits.exports ? [["/api/sessions/:id/export", { GET: exportSession }] as const] : []),
      ...(traits.forks ? [["/api/sessions/:id/fork", { POST: withBody(sessions.fork) }] as const] : []),
      ...(traits.rewinds ? [["/api/sessions/:id/rewind", { POST: withBody(sessions.rewind) }] as const] : []),
      ...(traits.streamRoute ? [["/stream/:id/message", { POST: streamMessage }] as const] : [])
    ],
    options.redirectStatus
  )
}
