/** What each operation of `SessionsService` asks of the server. */
import {
  type GetHistoryError,
  NotFound,
  Session,
  SessionExport,
  type Sessions,
  SessionsService
} from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Client } from "./client.ts"
import * as Messages from "./messages.ts"
import * as Reply from "./reply.ts"
import * as TurnSpan from "./turnSpan.ts"

const decodeSession = Schema.decodeUnknownEither(Session)
const decodeList = Schema.decodeUnknownEither(Schema.NullOr(Schema.Array(Session)))

const readSession = Reply.json({ decode: (json) => decodeSession(json), status: 201 })
const readList = Reply.json({ decode: (json) => Either.map(decodeList(json), (sessions) => sessions ?? []) })
const decodeExport = Schema.decodeUnknownEither(SessionExport)
const readExport = Reply.json({ decode: (json) => decodeExport(json) })
/** What it says is known: that it is JSON tells that a Mix server said it. */
const readNothing = Reply.json({ decode: () => Either.right<void>(undefined), status: 204 })

const sessionsPath = "/api/sessions"
const sessionRoute = "/api/sessions/{id}"
const streamMessageRoute = "/stream/{id}/message"

/** A route, and the path of one session by it. */
const of = (id: string, route: string) => ({ route, path: route.replace("{id}", encodeURIComponent(id)) })

const service = "SessionsService"

/** Servers before September 25, 2025 answer 500 where there is no session to delete. */
const orNotFound = (error: GetHistoryError) =>
  error._tag === "ServerError" && /: sql: no rows in result set$/.test(error.error?.message ?? "")
    ? new NotFound({ operation: error.operation, error: error.error })
    : error

/** A page of HTML, or JSON: whatever answers there, it is not that route. */
const isAnswer = ({ _tag }: GetHistoryError) =>
  ["UnexpectedStatus", "BadRequest", "NotFound", "ResponseDecodeError"].includes(_tag)

/** The router's answer for a route that it knows by another method. */
const isOtherMethod = (error: GetHistoryError) => error._tag === "UnexpectedStatus" && error.status === 405

export const make = (client: Client): Sessions => {
  const { run, scrub, server } = client
  return SessionsService.make(
    {
      scrub,
      around: ({ id }, turn) => TurnSpan.around(id, server, turn),
      create: (newSession) =>
        run({
          operation: "createSession",
          service,
          method: "POST",
          route: sessionsPath,
          path: sessionsPath,
          // It was checked, and is spelt as on the wire.
          body: JSON.stringify(newSession),
          isOnce: true,
          // Found by its pieces, so the two are looked for as one text.
          message: `${newSession.title} ${newSession.customSystemPrompt ?? ""}`,
          ...(newSession.cdpUrl !== undefined && { secret: newSession.cdpUrl }),
          read: readSession
        }),
      list: ({ includeSubagents }) =>
        run({
          operation: "listSessions",
          service,
          method: "GET",
          route: sessionsPath,
          path: includeSubagents === true ? `${sessionsPath}?includeSubagents=true` : sessionsPath,
          read: readList
        }),
      get: ({ id }) =>
        run({
          operation: "getSession",
          service,
          method: "GET",
          ...of(id, sessionRoute),
          read: readSession
        }),
      delete: ({ id }) =>
        run({
          operation: "deleteSession",
          service,
          method: "DELETE",
          ...of(id, sessionRoute),
          read: (reply, reading) => Effect.mapError(readNothing(reply, reading), orNotFound)
        }).pipe(
          // The attempt before it may have deleted it.
          Effect.catchTag("NotFound", (error) => (error.attempts > 1 ? Effect.void : Effect.fail(error)))
        ),
      cancel: ({ id }) =>
        run({
          operation: "cancelSession",
          service,
          method: "POST",
          ...of(id, `${sessionRoute}/cancel`),
          isOnce: true,
          read: readNothing
        }),
      events: ({ id }) =>
        Stream.unwrapScoped(
          Effect.flatMap(Effect.scope, (scope) =>
            run({
              operation: "sessionEvents",
              service,
              method: "GET",
              route: "/stream",
              path: `/stream?sessionId=${encodeURIComponent(id)}`,
              accept: "text/event-stream",
              read: Reply.events(scope)
            })
          )
        ),
      export: ({ id }) =>
        run({
          operation: "exportSession",
          service,
          method: "GET",
          ...of(id, `${sessionRoute}/export`),
          read: readExport
        }),
      answerPermission: ({ answer, id }) =>
        run({
          operation: "answerPermission",
          service,
          method: "POST",
          route: "/api/permissions/{id}/{answer}",
          path: `/api/permissions/${encodeURIComponent(id)}/${answer}`,
          read: readNothing
        }),
      streamRoute: {
        exists: ({ id }) =>
          run({
            operation: "sessionEvents",
            service,
            method: "GET",
            ...of(id, streamMessageRoute),
            read: readNothing
          }).pipe(
            Effect.as(false),
            Effect.catchIf(isAnswer, (error) => Effect.succeed(isOtherMethod(error)))
          ),
        send: (request) =>
          run({
            operation: "send",
            service,
            method: "POST",
            ...of(request.id, streamMessageRoute),
            body: JSON.stringify({ content: Messages.bodyOf(request) }),
            isOnce: true,
            message: request.text,
            read: readNothing
          })
      }
    },
    Messages.make(client, true)
  )
}
