/**
 * Asks, and waits for the whole turn.
 *
 * The message is sent once and never again. An event only says when to look: what the export of the session says of its
 * rows decides. So the answer is right whatever becomes of the stream of events; the stream makes it early.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Answer } from "../Answer.ts"
import * as AsyncContext from "../AsyncContext.ts"
import type { BackendMessage, SessionId } from "../BackendMessage.ts"
import {
  AgentFailed,
  AnswerTimeout,
  type AskError,
  annotate,
  type CancelSessionError,
  type GetHistoryError,
  InvalidRequest,
  type ListSessionError,
  type Outcome,
  type SendError,
  type SessionEventsError
} from "../MixError.ts"
import { printable } from "../Printable.ts"
import { RetryDelay } from "../RetryDelay.ts"
import type { SendMessageRequest } from "../SendMessageRequest.ts"
import type { SessionExport } from "../Session.ts"
import type { PermissionRequested, SessionEvent } from "../SessionEvent.ts"
import type { Connection, Connections, Listener } from "./connection.ts"
import * as Turn from "./conversation/turn.ts"

/**
 * How to ask.
 *
 * @since 0.2.0
 * @category options
 */
export interface AskOptions {
  /**
   * How long to wait for the answer, counted from the moment at which no earlier ask of this session is left. When it is
   * up, the agent's run goes on. Default: 15 minutes.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * Decides about a permission that a tool asks for, once for each request. A failure denies. Default: deny, and log a
   * warning.
   */
  readonly onPermission?: ((request: PermissionRequested) => Effect.Effect<"grant" | "deny">) | undefined
  /** What an interruption does to the agent's run. `cancel` takes up to 5 seconds. Default: `cancel`. */
  readonly onInterrupt?: "cancel" | "leave" | undefined
}

type OfSession<A, E> = (options: { readonly id: SessionId }) => Effect.Effect<A, E>

/** What asking needs of the services. */
export interface Backend {
  /** Takes credentials and the text of a message out of what the server said. */
  readonly scrub?: ((said: string, message: string) => string) | undefined
  readonly send: (request: SendMessageRequest) => Effect.Effect<BackendMessage | undefined, SendError>
  readonly listSession: OfSession<ReadonlyArray<BackendMessage>, ListSessionError>
  readonly export: OfSession<SessionExport, GetHistoryError>
  readonly cancel: OfSession<void, CancelSessionError>
  readonly answerPermission: (options: {
    readonly id: string
    readonly answer: "grant" | "deny"
  }) => Effect.Effect<void, GetHistoryError>
  readonly streamRoute?:
    | { readonly exists: OfSession<boolean, GetHistoryError>; readonly send: Backend["send"] }
    | undefined
}

// These times, in milliseconds, are choices. None of them decides what the answer is: only finished rows do.

/**
 * Between two looks at the export: the first wait, and the longest. They decide how soon an end is seen of which no event
 * tells.
 */
const pollingWhileUp = { shortest: 2000, longest: 5000 }
const pollingWhileDown = { shortest: 1000, longest: 2000 }

/**
 * How long the message is looked for after a send of unknown outcome, and `blindTime` longer while the export cannot be read.
 * They decide when the error of the send is given, which says `unknown`: it claims nothing of the message. Twice the first
 * time decides when an accepted message that no row shows is given up, and only after an event that says that a run failed.
 */
const arrivalTime = 5000
const blindTime = 60_000

/** How long the event that says why a run ended may come after its last row. It decides whether `reason` is `unknown`. */
const reasonTime = 1000

/**
 * How long an interrupted ask looks for its message before it leaves it alone, and how long it takes in all. They decide
 * whether the run is cancelled, and how long the interruption waits.
 */
const overtakingTime = 3000
const cancelTime = 5000

/** Between two openings of a stream that cannot be opened. It decides when events come again; looks go on without them. */
const listenInterval = 8000

/** Between two tries to answer a permission, which go on as long as the ask does: the first wait, and the longest. */
const answering = { shortest: 1000, longest: 30_000 }

/** Such a reply is the whole answer, and stored nowhere: of a command, or of a server that has no model to ask. */
const isWhole = ({ id }: BackendMessage) => id.startsWith("cmd-") || id === "system-auth-prompt"

/** Trying again does not help. Anything else may pass before the time of the ask is up. */
const isFinal = (error: GetHistoryError): boolean =>
  error._tag === "ResponseDecodeError"
    ? error.reason === "schema" || error.reason === "tooLarge"
    : ["NotFound", "Unauthorized", "BadRequest", "InvalidRequest"].includes(error._tag)

/** The server does not have the message, and will not have it. */
const isRefused = (posted: Exit.Exit<unknown, SendError>): boolean =>
  Exit.isFailure(posted) &&
  Option.exists(Cause.failureOption(posted.cause), ({ outcome }) => outcome === "notSent" || outcome === "refused")

const withOutcome = <E extends GetHistoryError>(error: E, outcome: Outcome) =>
  // An invalid request knows its outcome. A copy of any other error differs in nothing else.
  (error._tag === "InvalidRequest" ? error : annotate(error, { outcome })) as E & { readonly outcome: Outcome }

/** A server's word for a log line or an error. */
const quote = (text: string) => `"${printable(text.slice(0, 80))}"`

/**
 * Runs work where races and time limits do not wait for what they gave up: in a fiber of its own, which can be interrupted wherever
 * the caller is, in a finalizer too. An interruption of the caller interrupts the work and waits for its end.
 */
const interruptibly = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(Effect.interruptible(work)), (fiber) =>
      Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber))
    )
  ).pipe(Effect.withUnhandledErrorLogLevel(Option.none()))

/** What the asks of one session share. */
interface Session {
  /** In the order in which they came. The first one runs, and the others wait to be begun. */
  readonly asks: Array<{ begin: () => void }>
  wasCancelled: boolean
}

export const make = (backend: Backend, connections: Connections) => {
  const sessions = new Map<SessionId, Session>()
  /** Requests for a permission that were answered, the latest thousand: a server may send one twice. */
  const answered = new Set<string>()
  let mayHaveStreamRoute = true

  /** One ask, while no other asks in its session. */
  const turn = (
    request: SendMessageRequest,
    { onInterrupt = "cancel", onPermission, timeout = "15 minutes" }: AskOptions,
    tell: Listener["onEvent"],
    session: Session
  ): Effect.Effect<Answer, AskError, Scope.Scope> =>
    Effect.gen(function* () {
      const { id, text } = request
      const scope = yield* Effect.scope
      const limit = Duration.decode(timeout)
      let rules: Turn.Rules | undefined
      let connection: Connection | undefined
      let lost: Cause.Cause<SessionEventsError> | undefined
      let posted: Exit.Exit<BackendMessage | undefined, SendError> | undefined
      let isSent = false
      /** The send failed without arriving, and waits to be made again. */
      let isWaiting = false
      /** The server took the message: it said so, or its row was seen. */
      let isAccepted = false
      let isSeen = false
      /** The run is over: a cancel would hit another. */
      let isOver = false
      let mustLook = false
      let deniedFor: string | undefined
      session.wasCancelled = false

      const waiting = new Set<() => void>()
      const wake = () => {
        for (const check of waiting) check()
      }
      /** Whoever wakes it, the ask goes on in the async context of its caller, which `onPermission` is run in. */
      const until = (condition: () => boolean) =>
        AsyncContext.keep(
          Effect.async<void>((resume) => {
            const check = () => {
              if (!condition()) return
              waiting.delete(check)
              resume(Effect.void)
            }
            waiting.add(check)
            check()
            return Effect.sync(() => waiting.delete(check))
          })
        )

      /** Requests for a permission that are still to be decided: no more than a thousand. */
      const requests: Array<PermissionRequested> = []
      const listen = Effect.suspend(() => {
        lost = undefined
        return connections.listen(id, {
          onEvent: (event, size) => {
            if (isSent) {
              // Another connection, after one that was lost.
              const heard: SessionEvent = event._tag === "Connected" ? { _tag: "Reconnected" } : event
              if (rules?.hear(heard)) mustLook = true
              if (event._tag === "PermissionRequested" && requests.length < 1000) requests.push(event)
              tell(heard, size)
            }
            wake()
          },
          onFailure: (cause) => {
            lost = cause
            wake()
          }
        })
      })
      const connected = Effect.gen(function* () {
        connection ??= yield* listen
        yield* until(() => connection?.isUp === true || lost !== undefined)
        if (lost !== undefined) return yield* Effect.failCause(lost)
      })

      const decide = (asked: PermissionRequested): Effect.Effect<unknown> => {
        if (onPermission === undefined) {
          deniedFor = `the tool ${quote(asked.toolName)} asked for it, and there is no onPermission`
          return Effect.logWarning(`ask: denied a permission: ${deniedFor}`)
        }
        return Effect.catchAllCause(
          Effect.suspend(() => onPermission(asked)),
          () => Effect.logWarning(`ask: denied a permission: onPermission failed for the tool ${quote(asked.toolName)}`)
        )
      }
      const answerPermission = (
        answer: { readonly id: string; readonly answer: "grant" | "deny" },
        wait = answering.shortest
      ): Effect.Effect<void> =>
        Effect.catchAll(backend.answerPermission(answer), (error) =>
          isFinal(error)
            ? Effect.logWarning(`ask: a permission could not be answered: ${error.message}`)
            : Effect.zipRight(Effect.sleep(wait), answerPermission(answer, Math.min(wait * 2, answering.longest)))
        )
      const answerPermissions = Effect.gen(function* () {
        for (;;) {
          yield* until(() => requests.length > 0)
          const asked = requests.shift() as PermissionRequested
          if (answered.has(asked.id)) continue
          answered.add(asked.id)
          if (answered.size > 1000) answered.delete(answered.values().next().value as string)
          yield* decide(asked).pipe(
            Effect.flatMap((answer) =>
              answerPermission({ id: asked.id, answer: answer === "grant" ? "grant" : "deny" })
            ),
            Effect.forkIn(scope)
          )
        }
      })

      /** Everything before the send. */
      const prepare = Effect.gen(function* () {
        yield* connected
        const { streamRoute } = backend
        const trimmed = text.trimStart()
        // Commands are answered by the plain route on every server.
        const asksForRoute = streamRoute !== undefined && mayHaveStreamRoute && !trimmed.startsWith("/")
        // Listed before the stream was open, a row of somebody else could come in between.
        const [rows, hasRoute] = yield* Effect.all(
          [backend.listSession({ id }), asksForRoute ? streamRoute.exists({ id }) : Effect.succeed(false)],
          { concurrency: 2 }
        )
        if (asksForRoute && !hasRoute) mayHaveStreamRoute = false
        if (hasRoute && trimmed.startsWith("!"))
          return yield* new InvalidRequest({
            operation: "ask",
            parameter: "text",
            expected: "text that does not begin with '!', which this server runs in a shell",
            actual: "another string"
          })
        yield* connected
        rules = Turn.make({
          text,
          extended: request.planMode === true || request.media !== undefined || request.apps !== undefined,
          fence: new Set(rows.map((row) => row.id))
        })
        isSent = true
        return [rules, hasRoute && streamRoute ? streamRoute.send : backend.send] as const
      })

      const reasonOf = (failure: ReturnType<Turn.Rules["failure"]>) =>
        failure && (backend.scrub?.(failure.message, text) ?? failure.message)

      const conclude = (
        { failure }: Turn.Rules,
        rows: ReadonlyArray<BackendMessage>,
        finishReason: string | undefined
      ): Effect.Effect<Answer, AgentFailed> => {
        const [first, ...rest] = rows
        const isDenied = finishReason === "permission_denied"
        if (first !== undefined && finishReason !== "canceled" && !isDenied) {
          const { assistantResponse = "" } = rest.filter((row) => row.role === "assistant").at(-1) ?? {}
          return Effect.succeed({ text: assistantResponse, messages: [first, ...rest], finishReason })
        }
        const said = reasonOf(failure())
        const reason =
          isDenied || /permission denied/i.test(said ?? "")
            ? "permissionDenied"
            : session.wasCancelled || /request cancell?ed/i.test(said ?? "")
              ? "cancelled"
              : said === undefined
                ? "unknown"
                : "failed"
        const detail = reason === "permissionDenied" ? (deniedFor ?? said) : said
        return Effect.fail(new AgentFailed({ operation: "ask", reason, detail, messages: rows }))
      }

      const answer = Effect.gen(function* () {
        const [rules, send] = yield* Effect.mapError(prepare, (error) => withOutcome(error, "notSent"))
        yield* Effect.forkIn(answerPermissions, scope)
        yield* send(request).pipe(
          Effect.provideService(RetryDelay, (waits) => {
            isWaiting = waits
          }),
          Effect.onExit((exit) =>
            Effect.sync(() => {
              posted = exit
              wake()
            })
          ),
          Effect.forkIn(scope)
        )
        const now = Clock.currentTimeMillis
        let isPostRead = false
        /** When to give up looking for the message, and with which error. */
        let giveUp: { readonly error: AskError; readonly at: number } | undefined
        /** The last look read the rows, and the message was not among them. */
        let isMissing = false
        let interval = 0
        // A server that answers only after the run is looked after, too.
        let nextLook = (yield* now) + pollingWhileUp.shortest
        let nextListen = 0

        const rowsNow = Effect.map(backend.export({ id }), ({ messages }) => messages)
        const list = backend.listSession({ id })

        /** The turn, if the export says that it is complete. `listed` may be older than the export. */
        const read = (rows: SessionExport["messages"], listed: Option.Option<ReadonlyArray<BackendMessage>>) =>
          Effect.gen(function* () {
            const look = rules.read(rows)
            isMissing = look._tag === "Unseen"
            if (look._tag === "Unseen") return
            isSeen = true
            isAccepted = true
            giveUp = undefined
            if (look._tag === "Running") return
            isOver = true
            const exported = new Map(rows.map((row) => [row.id, row]))
            const isCurrent = (messages: ReadonlyArray<BackendMessage>) =>
              look.ids.every((rowId) => {
                const message = messages.find((row) => row.id === rowId)
                const { content = "", toolCalls = [] } = exported.get(rowId) ?? {}
                return (
                  message !== undefined &&
                  (message.role !== "assistant" ||
                    ((message.assistantResponse ?? "") === content &&
                      (message.toolCalls ?? []).length === toolCalls.length))
                )
              })
            const messages = Option.isSome(listed) && isCurrent(listed.value) ? listed.value : yield* list
            let ids: ReadonlyArray<string> | undefined = look.ids
            const rowsOfTurn = () => messages.filter((row) => ids?.includes(row.id))
            if (rowsOfTurn().some((row) => row.callbackResults !== undefined)) {
              ids = rules.extend(rows, look.ids)
            }
            const turn = rowsOfTurn()
            isOver = ids !== undefined
            if (ids === undefined || turn.length < ids.length) return
            // The row of a tool whose permission was denied says `stop`.
            const { finishReason } =
              rows.filter(({ id, role }) => role === "assistant" && ids?.includes(id)).at(-1) ?? {}
            if (finishReason === "canceled" && connection?.isUp)
              yield* Effect.timeoutOption(
                until(() => rules.failure() !== undefined),
                reasonTime
              )
            return yield* conclude(rules, turn, finishReason)
          })

        const poll = Effect.flatMap(rowsNow, (rows) => read(rows, Option.none()))
        /** Something ended: list at the same time, to have the answer at once. */
        const look = Effect.flatMap(Effect.all([rowsNow, Effect.option(list)], { concurrency: 2 }), ([rows, listed]) =>
          read(rows, listed)
        )

        for (;;) {
          if (posted !== undefined && !isPostRead) {
            isPostRead = true
            if (Exit.isSuccess(posted)) {
              isAccepted = true
              mustLook = posted.value !== undefined
              if (posted.value && isWhole(posted.value))
                return { text: posted.value.assistantResponse ?? "", messages: [posted.value] } satisfies Answer
            } else {
              const error = Option.getOrUndefined(Cause.failureOption(posted.cause))
              if (error?._tag === "ReplyPending") isAccepted = true
              else if (error?.outcome === "unknown") giveUp = { error, at: (yield* now) + arrivalTime }
              else return yield* Effect.failCause(posted.cause as Cause.Cause<AskError>)
            }
            nextLook = 0
          }
          if (lost !== undefined && (yield* now) >= nextListen) {
            const error = Option.getOrUndefined(Cause.failureOption(lost))
            if (error?._tag === "NotFound")
              return yield* Effect.fail(withOutcome(error, isAccepted ? "accepted" : "unknown"))
            // The looks go on without the stream.
            nextListen = (yield* now) + listenInterval
            connection = yield* listen
          }
          const wait = mustLook ? 0 : nextLook - (yield* now)
          if (wait > 0) {
            yield* Effect.timeoutOption(
              until(() => mustLook || (posted !== undefined && !isPostRead)),
              wait
            )
            continue
          }
          const isWholeLook = mustLook
          mustLook = false
          isMissing = false
          const result = yield* Effect.either(
            isWholeLook
              ? look
              : // What ended meanwhile is not kept waiting by a slow poll.
                Effect.raceFirst(
                  poll,
                  until(() => mustLook)
                )
          )
          let retryAfter = 0
          if (Either.isRight(result)) {
            if (result.right !== undefined) return result.right
          } else {
            const error = result.left
            isOver = false
            if (error._tag === "AgentFailed") return yield* Effect.fail(error)
            if (isFinal(error))
              return yield* Effect.fail(giveUp?.error ?? withOutcome(error, isAccepted ? "accepted" : "unknown"))
            retryAfter = Duration.toMillis(error.retryAfter ?? 0)
          }
          const time = yield* now
          // An event says that a run failed, and no row says which: it was ours if ours does not appear.
          if (isAccepted && !isSeen && rules.failure() !== undefined)
            giveUp ??= {
              error: new AgentFailed({
                operation: "ask",
                reason: "failed",
                detail: reasonOf(rules.failure()),
                messages: []
              }),
              at: time + 2 * arrivalTime
            }
          // Only a look that failed to find the message says so, unless there is none for long. A poll that was cut short is none.
          if (giveUp !== undefined && time >= giveUp.at + (isMissing ? 0 : blindTime))
            return yield* Effect.fail(giveUp.error)
          const { longest, shortest } = connection?.isUp && giveUp === undefined ? pollingWhileUp : pollingWhileDown
          interval = Math.min(Math.max(interval * 1.2, shortest), longest)
          nextLook = time + Math.max(interval, retryAfter)
        }
      })

      const timeOut = Effect.suspend(() =>
        Effect.fail(
          new AnswerTimeout({
            operation: "ask",
            limit,
            outcome: isAccepted ? "accepted" : isSent && !isWaiting ? "unknown" : "notSent",
            eventsMissed: isSent && (rules?.gap() === true || connection?.isUp !== true)
          })
        )
      )

      /** Cancels the run once it is seen, and no other. */
      const cancelRun = Effect.gen(function* () {
        const giveUpAt = (yield* Clock.currentTimeMillis) + overtakingTime
        while ((yield* Clock.currentTimeMillis) < giveUpAt) {
          if (isOver || isWaiting || (posted !== undefined && isRefused(posted))) return
          const rows = yield* Effect.option(backend.export({ id }))
          const seen = Option.isSome(rows) && rules !== undefined ? rules.read(rows.value.messages)._tag : "Unseen"
          if (seen === "Done") return
          if (seen === "Running") return yield* backend.cancel({ id })
          yield* Effect.sleep(250)
        }
        // Of a message that may never have arrived there is no run, so a cancel would hit another.
        if (isAccepted) yield* backend.cancel({ id })
      }).pipe(Effect.interruptible, Effect.timeoutOption(cancelTime), Effect.option)

      return yield* Effect.raceFirst(answer, Effect.zipRight(Effect.sleep(limit), timeOut)).pipe(
        Effect.onInterrupt(() => (isSent && !isOver && onInterrupt === "cancel" ? cancelRun : Effect.void))
      )
    })

  return {
    /** Asks when no other asks in the session. `tell` is told every event from the send on. */
    ask: (
      request: SendMessageRequest,
      options: AskOptions,
      tell: Listener["onEvent"]
    ): Effect.Effect<Answer, AskError> =>
      AsyncContext.keep(
        Effect.acquireUseRelease(
          Effect.sync(() => {
            const session = sessions.get(request.id) ?? { asks: [], wasCancelled: false }
            const ask = { begin: () => {} }
            session.asks.push(ask)
            sessions.set(request.id, session)
            return { ask, session }
          }),
          ({ ask, session }) =>
            interruptibly(
              Effect.zipRight(
                AsyncContext.keep(
                  Effect.async<void>((resume) => {
                    ask.begin = () => resume(Effect.void)
                    if (session.asks[0] === ask) ask.begin()
                  })
                ),
                Effect.scoped(turn(request, options, tell, session))
              )
            ),
          ({ ask, session }) =>
            Effect.sync(() => {
              session.asks.splice(session.asks.indexOf(ask), 1)
              if (session.asks.length === 0) sessions.delete(request.id)
              session.asks[0]?.begin()
            })
        )
      ),
    /** Cancels the run of a session, so that the ask that waits for it can say so, however soon the run ends. */
    cancel: (options: { readonly id: SessionId }): Effect.Effect<void, CancelSessionError> =>
      Effect.suspend(() => {
        const session = sessions.get(options.id)
        if (session !== undefined) session.wasCancelled = true
        return Effect.tapError(backend.cancel(options), ({ outcome }) =>
          Effect.sync(() => {
            if (session !== undefined && (outcome === "notSent" || outcome === "refused")) session.wasCancelled = false
          })
        )
      })
  }
}
