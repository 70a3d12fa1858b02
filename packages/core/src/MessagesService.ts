/**
 * The operations on the messages of a Mix backend.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BackendMessage, SessionId, UnreadableRow } from "./BackendMessage.ts"
import type { FollowHistoryOptions, HistoryPage, StreamHistoryOptions, Unreadable } from "./History.ts"
import type { HistoryCursor } from "./HistoryCursor.ts"
import * as followHistory from "./internal/history/followHistory.ts"
import { skipUnreadable, warnOfUnreadable } from "./internal/history/skipUnreadable.ts"
import * as streamHistory from "./internal/history/streamHistory.ts"
import { outcomeOf } from "./internal/outcome.ts"
import * as params from "./internal/params.ts"
import {
  annotate,
  type FollowHistoryError,
  type GetHistoryError,
  type ListSessionError,
  type ReplyPending,
  type SendError,
  type StreamHistoryError
} from "./MixError.ts"
import type { SendMessageRequest } from "./SendMessageRequest.ts"

/**
 * Which part of the history to get.
 *
 * @since 0.1.0
 * @category options
 */
export interface GetHistoryOptions {
  /** The maximum number of messages, from 1 to 1000. Default: the server's, which is 50. */
  readonly limit?: number | undefined
  /** How many of the newest messages to skip. Default: 0. */
  readonly offset?: number | undefined
}

/**
 * The operations. They need nothing from their caller's context, because an implementation gets its dependencies when
 * it is built.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * One page of the global history: what users wrote in all sessions, newest first. The list changes between two
   * calls, so use `streamHistory` to read all of it.
   */
  readonly getHistory: (options?: GetHistoryOptions) => Effect.Effect<ReadonlyArray<BackendMessage>, GetHistoryError>
  /**
   * All messages of a session, oldest first; none if the session does not exist. `unreadable: "skip"` leaves out
   * messages of a shape that cannot be read, with a warning for each. If the server itself cannot read a row, the
   * call still fails.
   */
  readonly listSession: (options: {
    readonly id: SessionId
    readonly unreadable?: Unreadable | undefined
  }) => Effect.Effect<ReadonlyArray<BackendMessage>, ListSessionError>
  /**
   * Sends a message for the agent to process, and returns the reply if the server gives one. Servers since October
   * 10, 2025 answer later: `send` then fails with `ReplyPending`, which means that the server has the message. The
   * reply's `sessionId` is empty, and its `userInput` is what was sent.
   *
   * Interrupting it closes the connection. A server before September 26, 2025 then ends the agent's run and keeps
   * what it has written. On later servers the run goes on, and its result appears in the session.
   */
  readonly send: (request: SendMessageRequest) => Effect.Effect<BackendMessage, SendError>
  /**
   * The whole history, newest first, read page by page as it is consumed. Every message that is there from the
   * beginning to the end of the walk is emitted exactly once, whatever arrives or is deleted meanwhile. A message
   * that arrives meanwhile is emitted at most once. An error has the `cursor` to resume from.
   */
  readonly streamHistory: (options?: StreamHistoryOptions) => Stream.Stream<BackendMessage, StreamHistoryError>
  /** The same walk as pages, each with the cursor after it. */
  readonly streamHistoryPages: (options?: StreamHistoryOptions) => Stream.Stream<HistoryPage, StreamHistoryError>
  /**
   * What users write in all sessions, as it appears: oldest first, each message once. The agent's replies are not in
   * the history; `listSession` returns them. The stream ends only when it is interrupted or its schedule ends.
   */
  readonly followHistory: (options?: FollowHistoryOptions) => Stream.Stream<BackendMessage, FollowHistoryError>
  /**
   * Marks the present: `followHistory({ from })` with this cursor emits everything that appears after it. Take it
   * before an export and follow from it afterwards: you miss no message and get no old one again. It reads for up to
   * two seconds, or until the list ends, because the server may list a new message behind known ones of the same
   * second.
   *
   * @since 0.2.0
   */
  readonly currentCursor: () => Effect.Effect<HistoryCursor, GetHistoryError>
}

/**
 * What to do with rows that cannot be read.
 *
 * @since 0.2.0
 * @category options
 */
export interface ReadOptions {
  /**
   * If this is set, leave out rows that cannot be read, and call it for each, as `decodeReadableMessages` does. Else
   * fail with a `ResponseDecodeError`.
   */
  readonly onUnreadable?: ((row: UnreadableRow) => void) | undefined
}

/**
 * The three operations that an implementation must provide. It gets checked parameters.
 *
 * @since 0.1.0
 * @category models
 */
export interface Implementation {
  readonly getHistory: (
    options: GetHistoryOptions & ReadOptions
  ) => Effect.Effect<ReadonlyArray<BackendMessage>, GetHistoryError>
  readonly listSession: (
    options: { readonly id: SessionId } & ReadOptions
  ) => Effect.Effect<ReadonlyArray<BackendMessage>, ListSessionError>
  /** Need not set the `outcome` of its errors: `make` derives it. */
  readonly send: (request: SendMessageRequest) => Effect.Effect<BackendMessage, GetHistoryError | ReplyPending>
}

const withOutcome = (error: GetHistoryError | ReplyPending): SendError =>
  // A copy with the outcome is one of `SendError`, which differs in nothing else.
  (error.outcome === undefined ? annotate(error, { outcome: outcomeOf(error) }) : error) as SendError

/**
 * The tag of the service.
 *
 * @example
 * import { MessagesService } from "@mix-effect/core"
 * import { Effect, Stream } from "effect"
 *
 * // Effect<void, StreamHistoryError, MessagesService>
 * export const program = Effect.gen(function* () {
 *   const messages = yield* MessagesService
 *   yield* messages.streamHistory().pipe(Stream.runForEach((message) => Effect.log(message.id)))
 * })
 *
 * @since 0.1.0
 * @category tags
 */
export class MessagesService extends Context.Tag("@mix-effect/core/MessagesService")<MessagesService, Service>() {
  /**
   * Makes the service from three operations. It checks parameters before it calls them, and builds the streams from
   * `getHistory`, which must respect `limit` and `offset`.
   *
   * @example
   * import { BackendMessage, MessageId, MessagesService, NotFound, SessionId } from "@mix-effect/core"
   * import { Effect } from "effect"
   *
   * const all: ReadonlyArray<BackendMessage> = [
   *   { id: MessageId.make("m1"), sessionId: SessionId.make("s1"), role: "user", userInput: "Hello" }
   * ]
   *
   * export const service = MessagesService.make({
   *   getHistory: ({ limit = 50, offset = 0 }) => Effect.succeed(all.slice(offset, offset + limit)),
   *   listSession: ({ id }) => Effect.succeed(all.filter((message) => message.sessionId === id)),
   *   send: () => Effect.fail(new NotFound({ operation: "send" }))
   * })
   *
   * @since 0.1.0
   */
  static make({ getHistory, listSession, send }: Implementation): Service {
    const getPage = (request: Required<GetHistoryOptions> & ReadOptions) => Effect.suspend(() => getHistory(request))
    const pageBy = ({ unreadable }: StreamHistoryOptions) => (unreadable === "skip" ? skipUnreadable(getPage) : getPage)
    return {
      getHistory: (options = {}) => Effect.flatMap(params.checkGetHistory(options), getHistory),
      listSession: (options) =>
        Effect.flatMap(params.checkListSession(options), ({ id, unreadable }) =>
          unreadable === "skip"
            ? warnOfUnreadable((onUnreadable) => listSession({ id, onUnreadable }))
            : listSession({ id })
        ),
      send: (request) =>
        Effect.flatMap(params.checkSend(request), (checked) => Effect.mapError(send(checked), withOutcome)),
      streamHistory: (options = {}) =>
        Stream.unwrap(
          Effect.map(params.checkStreamHistory(options), (checked) => streamHistory.messages(pageBy(checked), checked))
        ),
      streamHistoryPages: (options = {}) =>
        Stream.unwrap(
          Effect.map(params.checkStreamHistory(options), (checked) => streamHistory.pages(pageBy(checked), checked))
        ),
      followHistory: (options = {}) =>
        Stream.unwrap(
          Effect.map(params.checkFollowHistory(options), (checked) => followHistory.follow(getPage, checked))
        ),
      currentCursor: () => followHistory.currentCursor(getPage)
    }
  }
}
