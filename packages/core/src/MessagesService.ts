/**
 * What the messages of a Mix backend can be asked for.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BackendMessage, SessionId } from "./BackendMessage.ts"
import type { FollowHistoryOptions, HistoryPage, StreamHistoryOptions } from "./History.ts"
import type { HistoryCursor } from "./HistoryCursor.ts"
import * as followHistory from "./internal/history/followHistory.ts"
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
  /** How many messages at most, from 1 to 1000. Default: the server's, 50. */
  readonly limit?: number | undefined
  /** How many of the newest messages to skip. Default: 0. */
  readonly offset?: number | undefined
}

/**
 * The operations. None needs anything from its caller's environment: what an implementation needs, it took when it was
 * built.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * One page of the global history: what users wrote, in all sessions, newest first. The list moves between two calls;
   * `streamHistory` is what reads it whole.
   */
  readonly getHistory: (options?: GetHistoryOptions) => Effect.Effect<ReadonlyArray<BackendMessage>, GetHistoryError>
  /** All messages of a session, oldest first. Of a session that does not exist: none. */
  readonly listSession: (options: {
    readonly id: SessionId
  }) => Effect.Effect<ReadonlyArray<BackendMessage>, ListSessionError>
  /**
   * Sends a message for the agent to process, and answers with the reply where the server gives one. Servers from October
   * 10, 2025 on answer later: then it fails with `ReplyPending`, which says that all is well. The reply's `sessionId` is
   * empty, and its `userInput` is what was sent.
   *
   * Interrupting it closes the connection. A server before September 26, 2025 then ends the agent's run, and keeps what it
   * had written by then; on later ones the run goes on, and the session shows what comes of it.
   */
  readonly send: (request: SendMessageRequest) => Effect.Effect<BackendMessage, SendError>
  /**
   * The whole history, newest first, read page by page as it is consumed. Every message that is there from the beginning
   * to the end of the walk comes exactly once, whatever arrives or is deleted meanwhile; one that arrives meanwhile comes
   * at most once. A failure carries the `cursor` from which to resume.
   */
  readonly streamHistory: (options?: StreamHistoryOptions) => Stream.Stream<BackendMessage, StreamHistoryError>
  /** The same walk by pages, each with the cursor after it. */
  readonly streamHistoryPages: (options?: StreamHistoryOptions) => Stream.Stream<HistoryPage, StreamHistoryError>
  /**
   * What users write, in all sessions, as it appears: oldest first, each message once. The agent's replies are not in the
   * history: `listSession` has them. Ends only when it is interrupted, or its schedule ends.
   */
  readonly followHistory: (options?: FollowHistoryOptions) => Stream.Stream<BackendMessage, FollowHistoryError>
  /**
   * Marks the present: `followHistory({ from })` of this cursor emits all that appears after it. Take it before an export, and
   * follow from it after: no message falls between, and none that was there is emitted again. It reads until the list ends,
   * or for two seconds, since new messages may come to stand behind known ones of their second.
   *
   * @since 0.2.0
   */
  readonly currentCursor: () => Effect.Effect<HistoryCursor, GetHistoryError>
}

/**
 * What an implementation has to offer: the three operations. Their parameters have been checked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Implementation extends Pick<Service, "listSession"> {
  readonly getHistory: (options: GetHistoryOptions) => Effect.Effect<ReadonlyArray<BackendMessage>, GetHistoryError>
  /** May leave the `outcome` of its errors out: it follows from what they are. */
  readonly send: (request: SendMessageRequest) => Effect.Effect<BackendMessage, GetHistoryError | ReplyPending>
}

const withOutcome = (error: GetHistoryError | ReplyPending): SendError =>
  // A copy with the outcome is one of `SendError`, which differs in nothing else.
  (error.outcome === undefined ? annotate(error, { outcome: outcomeOf(error) }) : error) as SendError

/**
 * The tag under which the service is provided and asked for.
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
   * Makes the service of three operations. Parameters are checked before they are called, and the streams are made of
   * `getHistory`: it must heed `limit` and `offset`.
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
    const getPage = (request: GetHistoryOptions) => Effect.suspend(() => getHistory(request))
    return {
      getHistory: (options = {}) => Effect.flatMap(params.checkGetHistory(options), getHistory),
      listSession: (options) => Effect.flatMap(params.checkListSession(options), listSession),
      send: (request) =>
        Effect.flatMap(params.checkSend(request), (checked) => Effect.mapError(send(checked), withOutcome)),
      streamHistory: (options = {}) =>
        Stream.unwrap(
          Effect.map(params.checkStreamHistory(options), (checked) => streamHistory.messages(getPage, checked))
        ),
      streamHistoryPages: (options = {}) =>
        Stream.unwrap(
          Effect.map(params.checkStreamHistory(options), (checked) => streamHistory.pages(getPage, checked))
        ),
      followHistory: (options = {}) =>
        Stream.unwrap(
          Effect.map(params.checkFollowHistory(options), (checked) => followHistory.follow(getPage, checked))
        ),
      currentCursor: () => followHistory.currentCursor(getPage)
    }
  }
}
