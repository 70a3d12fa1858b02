import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { decode, type FieldType } from "./decode.ts"
import type { Json } from "./json.ts"
import type { Fault, Generation } from "./model.ts"
import * as Mux from "./mux.ts"
import * as Query from "./query.ts"
import * as Reply from "./reply.ts"
import { type SendOptions, send } from "./send.ts"
import * as View from "./views.ts"

/** The fault of the current request, for the one handler that takes part in it. */
export class CurrentFault extends Context.Reference<CurrentFault>()("@mix-effect/testing/MixServer/CurrentFault", {
  defaultValue: (): Fault | undefined => undefined
}) {}

/** Whole epoch seconds, the resolution of the server's database. */
export const now = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))

const pathId = Effect.map(HttpRouter.params, (params) => params.id ?? "")

const bodyBytes = HttpServerRequest.HttpServerRequest.pipe(
  Effect.flatMap((request) => request.arrayBuffer),
  Effect.map((buffer) => new Uint8Array(buffer)),
  // The adapter read the body before the routes ran: reading it again cannot fail.
  Effect.orDie
)

const sessionBodies: Readonly<Record<Generation, Readonly<Record<string, FieldType>>>> = {
  "2025-09-11": { title: "string", workingDirectory: "string" },
  "2025-09-25": { title: "string" },
  "2025-10-10": { title: "string", customSystemPrompt: "string", promptMode: "string" }
}

const defaultLimit = 50

/** Every endpoint over one store. */
export const make = (options: SendOptions) => {
  const { generation, store } = options
  const list = (items: ReadonlyArray<Json>) =>
    Reply.json(200, items.length === 0 && generation === "2025-09-11" ? null : items)

  const history = Effect.gen(function* () {
    const { url } = yield* HttpServerRequest.HttpServerRequest
    const fault = yield* CurrentFault
    const { query } = Mux.splitTarget(url)
    const wanted = fault?._tag === "IgnoreLimit" ? undefined : Query.parseInt64(Query.first(query, "limit"))
    const skipped = fault?._tag === "IgnoreOffset" ? undefined : Query.parseInt64(Query.first(query, "offset"))
    const limit = wanted !== undefined && wanted > 0 ? wanted : defaultLimit
    const offset = skipped !== undefined && skipped >= 0 ? skipped : 0
    const rows = store.page(offset, fault?._tag === "ClampLimit" ? Math.min(limit, fault.max) : limit)
    return list(rows.map(View.message))
  })

  const listMessages = Effect.map(pathId, (id) => list((store.session(id)?.rows ?? []).map(View.message)))

  const sendMessage = Effect.gen(function* () {
    return send(options, { sessionId: yield* pathId, body: yield* bodyBytes, now: yield* now })
  })

  const listSessions = Effect.sync(() => list(store.listSessions().map(View.listedSession)))

  const createSession = Effect.gen(function* () {
    const decoded = decode(yield* bodyBytes, "CreateSessionRequest", sessionBodies[generation])
    if (Either.isLeft(decoded)) return Reply.validationError("body", decoded.left)
    const title = decoded.right.get("title")
    if (typeof title !== "string" || title === "") return Reply.validationError("title", "session title is required")
    return Reply.json(201, View.session(store.createSession({ title }, yield* now)))
  })

  const getSession = Effect.map(pathId, (id) => {
    const session = store.session(id)
    return session === undefined ? Reply.sessionNotFound(id) : Reply.json(200, View.session(session))
  })

  const deleteSession = Effect.map(pathId, (id) => {
    if (store.deleteSession(id)) return Reply.noContent
    return generation === "2025-09-11"
      ? Reply.internalError("deleting session", "sql: no rows in result set")
      : Reply.sessionNotFound(id)
  })

  const health = Effect.map(now, (seconds) =>
    Reply.json(200, {
      environment: "",
      services: { backend: "healthy", database: "connected" },
      status: "ok",
      timestamp: View.timestamp(seconds),
      version: "v0.0.0"
    })
  )

  return Mux.make([
    ["/api/messages/history", { GET: history }],
    ["/api/sessions/:id/messages", { GET: listMessages, POST: sendMessage }],
    ["/api/sessions", { GET: listSessions, POST: createSession }],
    ["/api/sessions/:id", { GET: getSession, DELETE: deleteSession }],
    ["/health", { "*": health }]
  ])
}
