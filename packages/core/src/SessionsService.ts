/**
 * The operations on the sessions of a Mix backend: sessions, their events, and the agent's answers.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Answer, Answered } from "./Answer.ts"
import type { SessionId } from "./BackendMessage.ts"
import type { AskOptions } from "./internal/ask.ts"
import * as Ask from "./internal/ask.ts"
import * as Connection from "./internal/connection.ts"
import { outcomeOf } from "./internal/outcome.ts"
import * as Reader from "./internal/reader.ts"
import * as params from "./internal/sessionParams.ts"
import type { Service } from "./MessagesService.ts"
import {
  type AskError,
  annotate,
  type CancelSessionError,
  type CreateSessionError,
  type DeleteSessionError,
  type GetHistoryError,
  type GetSessionError,
  type ListSessionsError,
  type SessionEventsError
} from "./MixError.ts"
import type { SendMessageRequest } from "./SendMessageRequest.ts"
import type { NewSession, Session, SessionExport } from "./Session.ts"
import type { SessionEvent } from "./SessionEvent.ts"

export type { AskOptions }

/**
 * The operations. They need nothing from their caller's context, because an implementation gets its dependencies when
 * it is built.
 *
 * @since 0.2.0
 * @category models
 */
export interface Sessions {
  /**
   * Creates a session. The request is not repeated if the server may have created it; the error's `outcome` says so.
   */
  readonly create: (newSession: NewSession) => Effect.Effect<Session, CreateSessionError>
  /** Creates a session that is deleted when the scope closes. */
  readonly createScoped: (newSession: NewSession) => Effect.Effect<Session, CreateSessionError, Scope.Scope>
  /** All sessions, newest first. Sessions of sub-agents are included only with `includeSubagents`. */
  readonly list: (options?: {
    readonly includeSubagents?: boolean | undefined
  }) => Effect.Effect<ReadonlyArray<Session>, ListSessionsError>
  /** One session; `NotFound` if there is none. */
  readonly get: (options: { readonly id: SessionId }) => Effect.Effect<Session, GetSessionError>
  /** Deletes a session and its messages; `NotFound` if there is none. */
  readonly delete: (options: { readonly id: SessionId }) => Effect.Effect<void, DeleteSessionError>
  /**
   * Stops the agent's run in a session. It also succeeds if nothing runs or there is no such session. It is not
   * repeated if it may have arrived, because it could stop the next run; the error's `outcome` says so.
   */
  readonly cancel: (options: { readonly id: SessionId }) => Effect.Effect<void, CancelSessionError>
  /**
   * What happens in a session from now on. When the connection drops, the stream reconnects and emits `Reconnected`.
   * It ends only when it is interrupted, and fails if no connection can be opened. All readers of a session share one
   * connection.
   */
  readonly events: (options: { readonly id: SessionId }) => Stream.Stream<SessionEvent, SessionEventsError>
  /**
   * Sends a message, waits until the agent is done, and returns the whole turn as the server lists it. The message is
   * sent once and never again. One ask at a time runs in a session; a second one waits. An interruption cancels the
   * agent's run, unless `onInterrupt` is `leave`.
   */
  readonly ask: (request: SendMessageRequest, options?: AskOptions) => Effect.Effect<Answer, AskError>
  /** The same, with the events of the turn; the last element is the answer. */
  readonly askStream: (
    request: SendMessageRequest,
    options?: AskOptions
  ) => Stream.Stream<SessionEvent | Answered, AskError>
}

/**
 * The operations that an implementation must provide. It gets checked parameters.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionsImplementation extends Pick<Sessions, "get" | "delete"> {
  /** Like `cancel`, it need not set the `outcome` of its errors: `make` derives it. */
  readonly create: (newSession: NewSession) => Effect.Effect<Session, GetHistoryError>
  readonly list: (options: {
    readonly includeSubagents?: boolean | undefined
  }) => Effect.Effect<ReadonlyArray<Session>, ListSessionsError>
  /**
   * One connection to the events of a session, from its opening to its end. It emits the text of the server's stream
   * in any pieces, or ready-made events, beginning with `Connected`. It fails if it cannot be opened, after the
   * transport's retries. Once it is open, every end is a drop, and another connection is opened.
   */
  readonly events: (options: { readonly id: SessionId }) => Stream.Stream<string | SessionEvent, SessionEventsError>
  readonly cancel: (options: { readonly id: SessionId }) => Effect.Effect<void, GetHistoryError>
  /** The export of a session, which says how far the server is with each message. */
  readonly export: (options: { readonly id: SessionId }) => Effect.Effect<SessionExport, GetHistoryError>
  readonly answerPermission: (options: {
    readonly id: string
    readonly answer: "grant" | "deny"
  }) => Effect.Effect<void, GetHistoryError>
  /**
   * Removes credentials and the text of the sent message from what the server said about a failed run. Default: the
   * server's words are kept as they are.
   */
  readonly scrub?: ((said: string, message: string) => string) | undefined
  /** Wraps every `ask`, for example in a span. */
  readonly around?:
    | ((request: SendMessageRequest, turn: Effect.Effect<Answer, AskError>) => Effect.Effect<Answer, AskError>)
    | undefined
  /**
   * The route `POST /stream/{id}/message`, for servers of September 2025, whose `send` cuts the answer. Omit it if no
   * such server is used.
   */
  readonly streamRoute?:
    | {
        /**
         * Whether the server has the route, found out without using the agent. After `false` it is not called again.
         */
        readonly exists: (options: { readonly id: SessionId }) => Effect.Effect<boolean, GetHistoryError>
        readonly send: (request: SendMessageRequest) => Effect.Effect<void, GetHistoryError>
      }
    | undefined
}

const withOutcome = <E extends GetHistoryError>(error: E) =>
  annotate(error, { outcome: outcomeOf(error) }) as E & CreateSessionError

/**
 * The tag of the service.
 *
 * @example
 * import { SessionsService } from "@mix-effect/core"
 * import { Effect } from "effect"
 *
 * // Effect<void, CreateSessionError | AskError, SessionsService>
 * export const program = Effect.gen(function* () {
 *   const sessions = yield* SessionsService
 *   const { id } = yield* sessions.create({ title: "Sales review" })
 *   const { text } = yield* sessions.ask({ id, text: "Summarise sales.csv by region" })
 *   yield* Effect.log(text)
 * })
 *
 * @since 0.2.0
 * @category tags
 */
export class SessionsService extends Context.Tag("@mix-effect/core/SessionsService")<SessionsService, Sessions>() {
  /**
   * Makes the service from an implementation and the messages of the same server. It checks parameters before it
   * calls the implementation, and builds `createScoped`, `ask`, `askStream` and reconnection from it.
   *
   * @since 0.2.0
   */
  static make(implementation: SessionsImplementation, messages: Pick<Service, "listSession" | "send">): Sessions {
    const { around = (_, turn) => turn, streamRoute } = implementation
    const connections = Connection.make(implementation)
    const asks = Ask.make(
      {
        ...implementation,
        ...messages,
        cancel: (options) => Effect.mapError(implementation.cancel(options), withOutcome),
        streamRoute: streamRoute && {
          exists: streamRoute.exists,
          send: (request) => Effect.as(Effect.mapError(streamRoute.send(request), withOutcome), undefined)
        }
      },
      connections
    )
    const checkAsk = (request: SendMessageRequest, options: AskOptions = {}) =>
      Effect.all([params.checkAsk(request), params.checkAskOptions(options)])
    const service: Sessions = {
      create: (newSession) =>
        Effect.flatMap(params.checkCreate(newSession), (checked) =>
          Effect.mapError(implementation.create(checked), withOutcome)
        ),
      createScoped: (newSession) =>
        Effect.acquireRelease(service.create(newSession), ({ id }) =>
          Effect.catchAllCause(service.delete({ id }), (cause) => Effect.logDebug("A session was not deleted", cause))
        ),
      list: (options = {}) => Effect.flatMap(params.checkList(options), implementation.list),
      get: (options) => Effect.flatMap(params.checkGet(options), implementation.get),
      delete: (options) => Effect.flatMap(params.checkDelete(options), implementation.delete),
      cancel: (options) => Effect.flatMap(params.checkCancel(options), asks.cancel),
      events: (options) =>
        Stream.unwrapScoped(
          Effect.gen(function* () {
            const { id } = yield* params.checkEvents(options)
            const reader = Reader.make<never, SessionEventsError>()
            yield* connections.listen(id, {
              onEvent: reader.offer,
              onFailure: (cause) => reader.end(Effect.mapError(Effect.failCause(cause), Option.some))
            })
            return reader.stream
          })
        ),
      ask: (request, options) =>
        Effect.flatMap(checkAsk(request, options), ([checked, how]) =>
          around(
            checked,
            asks.ask(checked, how, () => {})
          )
        ),
      askStream: (request, options) =>
        Stream.unwrapScoped(
          Effect.gen(function* () {
            const [checked, how] = yield* checkAsk(request, options)
            const reader = Reader.make<Answered, AskError>()
            yield* around(checked, asks.ask(checked, how, reader.offer)).pipe(
              Effect.map((answer): Answered => ({ _tag: "Answered", answer })),
              Effect.onExit((exit) => Effect.sync(() => reader.end(Effect.mapError(exit, Option.some)))),
              Effect.forkScoped
            )
            return reader.stream
          })
        )
    }
    return service
  }
}
