import * as Effect from "effect/Effect"
import { now } from "./clock.ts"
import type { Json } from "./json.ts"
import * as Mux from "./mux.ts"
import * as Query from "./query.ts"
import * as Reply from "./reply.ts"
import { type SendOptions, send } from "./send.ts"
import type { Sessions } from "./sessions.ts"
import type { Row } from "./store.ts"
import * as View from "./views.ts"

/** What the routes need to know of the server. */
export interface RouteOptions extends SendOptions {
  readonly sessions: Sessions
  readonly redirectStatus: 301 | 307
  readonly stream: {
    readonly get: (sessionId: string) => Reply.Response
    readonly message: (sessionId: string, body: Uint8Array) => Reply.Response
  }
}

const defaultLimit = 50

/** Every endpoint over one store. */
export const make = (options: RouteOptions) => {
  const { agent, sessions, store, stream, traits } = options
  const list = (items: ReadonlyArray<Json>) => Reply.json(200, items.length === 0 ? traits.emptyList : items)

  /** One row that cannot be read spoils all that are read with it. */
  const ifReadable = (rows: ReadonlyArray<Row>, operation: string, respond: () => Reply.Response) => {
    const bad = rows.find((row) => row.unreadable !== undefined)
    return bad === undefined ? respond() : Reply.internalError(operation, `unknown part type: ${bad.unreadable}`)
  }

  const history: Mux.Handler = ({ fault, query }) => {
    const wanted = fault?._tag === "IgnoreLimit" ? undefined : Query.parseInt64(Query.first(query, "limit"))
    const skipped = fault?._tag === "IgnoreOffset" ? undefined : Query.parseInt64(Query.first(query, "offset"))
    const limit = wanted !== undefined && wanted > 0 ? wanted : defaultLimit
    const offset = skipped !== undefined && skipped >= 0 ? skipped : 0
    const rows = store.page(offset, fault?._tag === "ClampLimit" ? Math.min(limit, fault.max) : limit)
    return Effect.succeed(ifReadable(rows, "getting message history", () => list(rows.map(View.message))))
  }

  const listMessages: Mux.Handler = ({ id }) => {
    const rows = store.session(id)?.rows ?? []
    return Effect.succeed(ifReadable(rows, "listing session messages", () => list(rows.map(View.message))))
  }

  const exportSession: Mux.Handler = ({ id }) => {
    const session = store.session(id)
    return Effect.succeed(
      session === undefined
        ? Reply.sessionNotFound(id)
        : ifReadable(session.rows, "exporting session", () => Reply.json(200, View.exported(session)))
    )
  }

  const cancel: Mux.Handler = ({ id }) =>
    Effect.as(agent.cancel(id), Reply.json(200, { sessionId: id, status: "cancelled" }))

  const permission =
    (status: "granted" | "denied"): Mux.Handler =>
    ({ id }) =>
      Effect.as(
        agent.answer(id, status === "granted"),
        Reply.json(200, { id, message: `Permission ${status} successfully`, status })
      )

  const listSessions: Mux.Handler = ({ query }) => {
    const all = Query.first(query, "includeSubagents") === "true"
    const shown = store.listSessions().filter((session) => all || session.parentSessionId === undefined)
    return Effect.succeed(list(shown.map((session) => View.listedSession(session, traits))))
  }

  const health: Mux.Handler = () =>
    Effect.map(now, (seconds) =>
      Reply.outerJson(200, {
        environment: "",
        services: { backend: "healthy", database: "connected" },
        status: "ok",
        timestamp: View.timestamp(seconds),
        version: "v0.0.0"
      })
    )

  const withBody =
    (handle: (id: string, body: Uint8Array, seconds: number) => Reply.Response): Mux.Handler =>
    ({ body, id }) =>
      Effect.map(now, (seconds) => handle(id, body(), seconds))

  const withId =
    (handle: (id: string) => Reply.Response): Mux.Handler =>
    ({ id }) =>
      Effect.succeed(handle(id))

  const routes: ReadonlyArray<Mux.Route> = [
    ["/api/messages/history", { GET: history }],
    ["/api/sessions/:id/messages", { GET: listMessages, POST: ({ body, id }) => send(options, id, body()) }],
    ["/api/sessions/:id/cancel", { POST: cancel }],
    ["/api/sessions", { GET: listSessions, POST: withBody((_, body, seconds) => sessions.create(body, seconds)) }],
    ["/api/sessions/:id", { GET: withId(sessions.get), DELETE: withId(sessions.remove) }],
    ["/api/permissions/:id/grant", { POST: permission("granted") }],
    ["/api/permissions/:id/deny", { POST: permission("denied") }],
    ["/stream", { GET: ({ query }) => Effect.succeed(stream.get(Query.first(query, "sessionId"))) }],
    ["/health", { "*": health }]
  ]
  return Mux.make(
    [
      ...routes,
      ...(traits.exports ? [["/api/sessions/:id/export", { GET: exportSession }] as const] : []),
      ...(traits.forks ? [["/api/sessions/:id/fork", { POST: withBody(sessions.fork) }] as const] : []),
      ...(traits.rewinds ? [["/api/sessions/:id/rewind", { POST: withBody(sessions.rewind) }] as const] : []),
      ...(traits.streamRoute ? [["/stream/:id/message", { POST: withBody(stream.message) }] as const] : [])
    ],
    options.redirectStatus
  )
}
