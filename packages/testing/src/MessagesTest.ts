/**
 * In-memory `MessagesService` and `SessionsService` for unit tests: no network, time only from the `Clock`, failures
 * on demand.
 *
 * @example
 * import { MessageId, MessagesService, SessionId } from "@mix-effect/core"
 * import { MessagesTest } from "@mix-effect/testing"
 * import { Effect } from "effect"
 *
 * const id = SessionId.make("s1")
 *
 * const test = Effect.gen(function* () {
 *   const messages = yield* MessagesService
 *   yield* messages.send({ id, text: "Hello" })
 *   const sent = yield* MessagesTest.sent // [{ id: "s1", text: "Hello" }]
 *   return sent.length
 * })
 *
 * export const main = test.pipe(
 *   Effect.provide(
 *     MessagesTest.layer({
 *       messages: [{ id: MessageId.make("m1"), sessionId: id, role: "user", userInput: "Earlier" }]
 *     })
 *   )
 * )
 *
 * @since 0.1.0
 */
import {
  type BackendMessage,
  type GetHistoryError,
  type ListSessionError,
  MessageId,
  MessagesService,
  type ReplyPending,
  type SendMessageRequest,
  SessionId,
  SessionsService
} from "@mix-effect/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SessionsTest from "./internal/sessionsTest.ts"

export type { Agent, AgentControl } from "./internal/sessionsTest.ts"

/**
 * How an operation fails: always with one error, or call by call with the entries of a list. If an entry is `null`,
 * the call succeeds, and so do all calls after the end of the list.
 *
 * @since 0.1.0
 * @category options
 */
export type Failures<E> = E | ReadonlyArray<E | null>

/**
 * What the service holds at the start, and how it answers.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * The rows of all sessions at the start, oldest first. As on a server, the history shows the rows of role `user`,
   * newest first, and a session's list shows all of its rows, oldest first. Default: no rows.
   */
  readonly messages?: ReadonlyArray<BackendMessage> | undefined
  /** The reply to a sent message. Default: a message that repeats its text. */
  readonly reply?:
    | ((request: SendMessageRequest) => Effect.Effect<BackendMessage, GetHistoryError | ReplyPending>)
    | undefined
  /**
   * Answers `ask` and `askStream` with the text of the assistant, or fails with what the server says about the
   * agent's failure. Meanwhile it may emit events and ask for permissions. Default: it repeats the text.
   *
   * @example
   * import { MessagesTest } from "@mix-effect/testing"
   * import { Effect } from "effect"
   *
   * export const layer = MessagesTest.layer({
   *   agent: ({ text }, { askPermission, emit }) =>
   *     Effect.gen(function* () {
   *       yield* emit({ _tag: "Text", text: "Let me see." })
   *       return (yield* askPermission({ toolName: "Bash" })) === "grant" ? `Done: ${text}` : "Not done."
   *     })
   * })
   *
   * @since 0.2.0
   */
  readonly agent?: SessionsTest.Agent | undefined
  /** Which calls fail, and how. Each page of a stream is a call of `getHistory`. Default: none. */
  readonly fail?:
    | {
        readonly getHistory?: Failures<GetHistoryError> | undefined
        readonly listSession?: Failures<ListSessionError> | undefined
        /** The messages of `ask` are sent, too. */
        readonly send?: Failures<GetHistoryError | ReplyPending> | undefined
      }
    | undefined
}

/**
 * What a test can see and change.
 *
 * @since 0.1.0
 * @category models
 */
export interface Control {
  /** What was sent, in order, including refused messages. */
  readonly sent: Effect.Effect<ReadonlyArray<SendMessageRequest>>
  /** Adds a message. */
  readonly append: (message: BackendMessage) => Effect.Effect<void>
  /** Removes a session's messages. */
  readonly deleteSession: (id: SessionId) => Effect.Effect<void>
}

/**
 * The test's view of the service. `layer` provides it together with `MessagesService`.
 *
 * @since 0.1.0
 * @category tags
 */
export class MessagesTest extends Context.Tag("@mix-effect/testing/MessagesTest")<MessagesTest, Control>() {}

const failing = <E>(failures: Failures<E> | undefined): Effect.Effect<void, E> => {
  if (failures === undefined) return Effect.void
  if (!Array.isArray(failures)) return Effect.fail(failures as E)
  const queue: Array<E | null> = [...failures]
  return Effect.suspend(() => {
    const next = queue.shift() ?? null
    return next === null ? Effect.void : Effect.fail(next)
  })
}

/**
 * Each build of the layer has its own state.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<MessagesService | SessionsService | MessagesTest> =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const { fail = {}, messages = [] } = options
      let rows: ReadonlyArray<BackendMessage> = [...messages]
      const sent: Array<SendMessageRequest> = []
      // Ids of deleted rows are not given again.
      const used = new Set<string>(messages.map((message) => message.id))
      let count = 0
      const newId = (): MessageId => {
        const id = MessageId.make(`test-message-${++count}`)
        return used.has(id) ? newId() : id
      }
      const append = (message: BackendMessage) => {
        used.add(message.id)
        rows = [...rows, message]
      }
      const echo = ({ text }: SendMessageRequest): BackendMessage => ({
        id: newId(),
        sessionId: SessionId.make(""),
        role: "user",
        userInput: text,
        assistantResponse: `You said: ${text}`
      })
      const reply = options.reply ?? ((request) => Effect.sync(() => echo(request)))
      const before = {
        getHistory: failing(fail.getHistory),
        listSession: failing(fail.listSession),
        send: failing(fail.send)
      }
      const service = MessagesService.make({
        getHistory: ({ limit = 50, offset = 0 }) =>
          Effect.map(before.getHistory, () =>
            rows
              .filter((row) => row.role === "user")
              .reverse()
              .slice(offset, offset + limit)
          ),
        listSession: ({ id }) => Effect.map(before.listSession, () => rows.filter((row) => row.sessionId === id)),
        send: (request) =>
          Effect.sync(() => sent.push(request)).pipe(
            Effect.zipRight(before.send),
            Effect.tap(() =>
              Effect.sync(() => append({ id: newId(), sessionId: request.id, role: "user", userInput: request.text }))
            ),
            Effect.zipRight(Effect.suspend(() => reply(request))),
            Effect.tap(({ assistantResponse, id }) =>
              Effect.sync(() =>
                append({ id, sessionId: request.id, role: "assistant", userInput: "", assistantResponse })
              )
            )
          )
      })
      const removeSession = (id: SessionId) => {
        rows = rows.filter((row) => row.sessionId !== id)
      }
      const { agent = ({ text }) => Effect.succeed(`You said: ${text}`) } = options
      const sessions = yield* SessionsTest.make(
        agent,
        {
          all: () => rows,
          append,
          newId,
          receive: (request) =>
            Effect.zipRight(
              Effect.sync(() => sent.push(request)),
              before.send
            ),
          deleteSession: removeSession
        },
        service
      )
      const control: Control = {
        sent: Effect.sync(() => [...sent]),
        append: (message) => Effect.sync(() => append(message)),
        deleteSession: (id) => Effect.sync(() => removeSession(id))
      }
      return Context.make(MessagesService, service).pipe(
        Context.add(SessionsService, sessions),
        Context.add(MessagesTest, control)
      )
    })
  )

/**
 * What was sent, in order, including refused messages.
 *
 * @since 0.1.0
 * @category accessors
 */
export const sent: Effect.Effect<ReadonlyArray<SendMessageRequest>, never, MessagesTest> = Effect.flatMap(
  MessagesTest,
  (control) => control.sent
)

/**
 * Adds a message, as if somebody had sent it meanwhile.
 *
 * @since 0.1.0
 * @category accessors
 */
export const append = (message: BackendMessage): Effect.Effect<void, never, MessagesTest> =>
  Effect.flatMap(MessagesTest, (control) => control.append(message))

/**
 * Removes a session's messages.
 *
 * @since 0.1.0
 * @category accessors
 */
export const deleteSession = (id: SessionId): Effect.Effect<void, never, MessagesTest> =>
  Effect.flatMap(MessagesTest, (control) => control.deleteSession(id))
