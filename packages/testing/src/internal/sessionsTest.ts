/** Sessions in memory: an agent that is an effect, its events, and its permission requests. */
import {
  annotate,
  type BackendMessage,
  type GetHistoryError,
  type MessageId,
  NotFound,
  type Operation,
  type PermissionRequested,
  ReplyPending,
  type SendMessageRequest,
  type Service,
  type Session,
  type SessionEvent,
  SessionId,
  type SessionsImplementation,
  SessionsService
} from "@mix-effect/core"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * What an agent can do while it answers.
 *
 * @since 0.2.0
 * @category models
 */
export interface AgentControl {
  /** Tells whoever listens to the session. */
  readonly emit: (event: SessionEvent) => Effect.Effect<void>
  /** Asks for a permission, and waits until it is granted or denied. */
  readonly askPermission: (request?: Partial<Omit<PermissionRequested, "_tag">>) => Effect.Effect<"grant" | "deny">
}

/**
 * Answers a message with the text of the assistant, or fails with what the server says of it.
 *
 * @since 0.2.0
 * @category models
 */
export type Agent = (request: SendMessageRequest, agent: AgentControl) => Effect.Effect<string, string>

/** The messages that both services share. */
export interface Rows {
  readonly all: () => ReadonlyArray<BackendMessage>
  readonly append: (message: BackendMessage) => void
  readonly newId: () => MessageId
  /** Takes notice of a message, and fails where a test wants a `send` to fail. */
  readonly receive: (request: SendMessageRequest) => Effect.Effect<void, GetHistoryError | ReplyPending>
  readonly deleteSession: (id: SessionId) => void
}

export const make = (agent: Agent, rows: Rows, messages: Pick<Service, "listSession">) =>
  Effect.gen(function* () {
    const scope: Scope.Scope = yield* Effect.scope
    const sessions = new Map<SessionId, Session>()
    const deleted = new Set<SessionId>()
    const finishReasons = new Map<MessageId, string>()
    const permissions = new Map<string, Deferred.Deferred<"grant" | "deny">>()
    const runs = new Map<SessionId, Fiber.RuntimeFiber<void>>()
    const events = yield* PubSub.unbounded<{ readonly id: SessionId; readonly event: SessionEvent }>()
    let count = 0

    /** Sessions that were made, and those that have messages. */
    const all = (): ReadonlyArray<Session> => {
      for (const { sessionId } of rows.all()) {
        if (sessionId !== "" && !sessions.has(sessionId) && !deleted.has(sessionId))
          sessions.set(sessionId, { id: sessionId, title: sessionId, createdAt: DateTime.unsafeMake(0) })
      }
      return [...sessions.values()].reverse()
    }
    const find = (operation: Operation, id: SessionId) =>
      Effect.suspend(() => {
        const session = all().find((session) => session.id === id)
        return session === undefined ? Effect.fail(new NotFound({ operation })) : Effect.succeed(session)
      })
    const tell = (id: SessionId, event: SessionEvent) => Effect.asVoid(PubSub.publish(events, { id, event }))

    const askPermission =
      (sessionId: SessionId): AgentControl["askPermission"] =>
      (request = {}) =>
        Effect.gen(function* () {
          const answer = yield* Deferred.make<"grant" | "deny">()
          const id = request.id ?? `test-permission-${++count}`
          permissions.set(id, answer)
          const asked = { toolName: "Bash", description: "", action: "execute", path: "", params: {}, ...request, id }
          yield* tell(sessionId, { _tag: "PermissionRequested", ...asked })
          return yield* Deferred.await(answer)
        })

    const finish = (request: SendMessageRequest, text: string, finishReason: string, event: SessionEvent) =>
      Effect.suspend(() => {
        const id = rows.newId()
        finishReasons.set(id, finishReason)
        rows.append({ id, sessionId: request.id, role: "assistant", userInput: text, assistantResponse: text })
        return tell(request.id, event._tag === "Completed" ? { ...event, messageId: id } : event)
      })
    const fail = (request: SendMessageRequest, message: string) =>
      finish(request, "", "canceled", { _tag: "Failed", message })
    const run = (request: SendMessageRequest) =>
      Effect.suspend(() =>
        agent(request, {
          emit: (event) => tell(request.id, event),
          askPermission: askPermission(request.id)
        })
      ).pipe(
        Effect.matchEffect({
          onFailure: (message) => fail(request, message),
          onSuccess: (text) => finish(request, text, "end_turn", { _tag: "Completed", text })
        }),
        Effect.onInterrupt(() => fail(request, "request cancelled by user")),
        Effect.forkIn(scope),
        Effect.map((fiber) => void runs.set(request.id, fiber))
      )

    const send: Service["send"] = (request) =>
      rows.receive(request).pipe(
        Effect.mapError((error) => annotate(error, { outcome: error.outcome ?? "refused" })),
        Effect.zipRight(
          Effect.suspend(() => {
            const id = rows.newId()
            finishReasons.set(id, "stop")
            rows.append({ id, sessionId: request.id, role: "user", userInput: request.text })
            return tell(request.id, { _tag: "MessageCreated", messageId: id, text: request.text })
          })
        ),
        Effect.zipRight(run(request)),
        Effect.zipRight(Effect.fail(new ReplyPending({ operation: "send" })))
      )

    const implementation: SessionsImplementation = {
      create: (newSession) =>
        Effect.map(DateTime.now, (createdAt) => {
          const id = SessionId.make(`test-session-${++count}`)
          const session: Session = { ...newSession, id, createdAt }
          sessions.set(id, session)
          return session
        }),
      list: () => Effect.sync(all),
      get: ({ id }) => find("getSession", id),
      delete: ({ id }) =>
        Effect.map(find("deleteSession", id), () => {
          sessions.delete(id)
          deleted.add(id)
          rows.deleteSession(id)
        }),
      cancel: ({ id }) =>
        Effect.suspend(() => {
          const fiber = runs.get(id)
          return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.interrupt(fiber))
        }),
      events: ({ id }) =>
        Stream.unwrapScoped(
          Effect.gen(function* () {
            yield* find("sessionEvents", id)
            const queue = yield* PubSub.subscribe(events)
            const connected: SessionEvent = { _tag: "Connected" }
            return Stream.concat(
              Stream.succeed(connected),
              Stream.fromQueue(queue).pipe(
                Stream.filter((item) => item.id === id),
                Stream.map(({ event }) => event)
              )
            )
          })
        ),
      export: ({ id }) =>
        Effect.map(find("exportSession", id), () => ({
          messages: rows
            .all()
            .filter(({ sessionId }) => sessionId === id)
            .map((row) => ({
              id: row.id,
              role: row.role,
              content: row.role === "assistant" ? (row.assistantResponse ?? "") : row.userInput,
              finishReason: finishReasons.get(row.id) ?? "stop",
              ...(row.toolCalls && { toolCalls: row.toolCalls.map((call) => ({ id: call.id })) })
            }))
        })),
      answerPermission: ({ answer, id }) =>
        Effect.suspend(() => {
          const waiting = permissions.get(id)
          return waiting === undefined
            ? Effect.fail(new NotFound({ operation: "answerPermission" }))
            : Effect.asVoid(Deferred.succeed(waiting, answer))
        })
    }
    return SessionsService.make(implementation, { listSession: messages.listSession, send })
  })
