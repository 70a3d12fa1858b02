import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { now } from "./clock.ts"
import * as Events from "./events.ts"
import type { Traits } from "./generations.ts"
import type { Json } from "./json.ts"
import type { AgentRequest, NewMessage, ToolCall } from "./model.ts"
import type { Step, ToolUse } from "./script.ts"
import type { Row, Store } from "./store.ts"

/** How a run ended. */
export type Ending =
  | { readonly _tag: "Done"; readonly reason: string }
  | { readonly _tag: "Failed"; readonly error: string; readonly again: string }
  | { readonly _tag: "Cancelled" }
  | { readonly _tag: "Denied" }
  /** The request that the run lived in is over. Nothing that the run still holds is stored. */
  | { readonly _tag: "Abandoned" }

/** What became of a run, and its last assistant row. */
export interface RunResult {
  readonly ending: Ending
  readonly text: string
  readonly rowId: string
}

/** Who is told of a run's events. */
export interface Audience {
  readonly tell: (event: Events.Event) => Effect.Effect<void>
  /** Whether the run has lost the request that it lived in. */
  readonly isGone?: () => boolean
}

/** What a run has made of its current assistant row. */
interface Turn {
  readonly row: Row
  text: string
  reasoning: string
  calls: ReadonlyArray<ToolCall>
  /** A tool call was asked for and its result is not stored yet. */
  resultDue: boolean
}

const cancelled = "request cancelled by user"
const gone = "failed to process events: sql: no rows in result set"

const failed = (error: string): Ending => ({ _tag: "Failed", error, again: error })

/**
 * Plays one script: rows and events in the order of the real server. `ended` ends it from outside; permissions that it waits
 * for are in `permissions`.
 */
export const make = (options: {
  readonly store: Store
  readonly traits: Traits
  readonly script: (request: AgentRequest) => ReadonlyArray<Step>
  readonly permissions: Map<string, Deferred.Deferred<boolean>>
}) => {
  const { permissions, store, traits } = options
  const events = Events.make(traits)

  return (request: AgentRequest, audience: Audience, ended: Deferred.Deferred<Ending>): Effect.Effect<RunResult> => {
    let turn: Turn | undefined
    let user: Row | undefined
    let stopReason = "end_turn"

    const checkpoint: Effect.Effect<void, Ending> = Effect.suspend(() =>
      audience.isGone?.() === true ? Effect.fail<Ending>({ _tag: "Abandoned" }) : Effect.void
    )
    const tell = (event: Events.Event) => Effect.zipRight(checkpoint, audience.tell(event))
    const tellAll = (all: ReadonlyArray<Events.Event>) => Effect.forEach(all, tell, { discard: true })

    /** Fails where the session was deleted meanwhile. */
    const append = (row: Omit<NewMessage, "sessionId">): Effect.Effect<Row, Ending> =>
      Effect.flatMap(now, (seconds) =>
        store.session(request.sessionId) === undefined
          ? Effect.fail(failed(gone))
          : Effect.sync(() => store.append({ ...row, sessionId: request.sessionId }, seconds))
      )

    const flush = (current: Turn) =>
      Effect.map(now, (seconds) => {
        if (current.row.assistantResponse !== current.text) store.write(current.row, current.text, seconds)
      })

    const received = Effect.gen(function* () {
      if (user !== undefined) return
      const text = request.planMode ? request.text + planReminder : request.text
      user = yield* append({ text })
      yield* tellAll(events.userRow(user.id, text))
    })

    const started = Effect.gen(function* () {
      yield* received
      if (turn !== undefined) return turn
      const row = yield* append({ role: "assistant", finishReason: undefined })
      row.model = model
      if (traits.flattened) row.extras = { model }
      turn = { row, text: "", reasoning: "", calls: [], resultDue: false }
      return turn
    })

    const finish = (current: Turn, reason: string) =>
      Effect.gen(function* () {
        yield* flush(current)
        current.row.finishReason = reason
        current.row.updatedAt = yield* now
      })

    const showCalls = (current: Turn, calls: ReadonlyArray<ToolCall>) => {
      current.calls = calls
      current.row.extras = { ...current.row.extras, toolCalls: calls }
    }

    const storeResults = (current: Turn, uses: ReadonlyArray<ToolUse>) =>
      Effect.map(append({ role: "tool" }), () => {
        current.resultDue = false
        if (!traits.flattened) return
        showCalls(
          current,
          current.calls.map((call, index) => {
            const { isError = false, result = "" } = uses[index] ?? {}
            return { ...call, result, isError }
          })
        )
      })

    const permit = (use: ToolUse, call: Events.Call) =>
      Effect.gen(function* () {
        const asked = use.permission
        if (asked === undefined) return
        const id = asked.id ?? store.newId()
        const answer = yield* Deferred.make<boolean>()
        permissions.set(id, answer)
        const params = asked.params ?? parseInput(call.input) ?? {}
        const { action = "execute", description = `Use ${call.name}`, path = "/" } = asked
        const { sessionId } = request
        const type = "permission"
        yield* tell(
          Events.custom(type, { type, id, sessionId, toolName: call.name, description, action, path, params })
        )
        yield* checkpoint
        const granted = yield* Effect.ensuring(
          Deferred.await(answer),
          Effect.sync(() => permissions.delete(id))
        )
        if (!granted) return yield* Effect.fail<Ending>({ _tag: "Denied" })
      })

    const callTools = (uses: ReadonlyArray<ToolUse>) =>
      Effect.gen(function* () {
        const current = yield* started
        const named = uses.map((use) => {
          const pieces = typeof use.input === "string" ? [use.input] : (use.input ?? ["{}"])
          return { use, pieces, call: { id: use.id ?? store.newToolCallId(), name: use.name, input: pieces.join("") } }
        })
        yield* flush(current)
        for (const { call, pieces } of named) {
          const before = current.calls
          showCalls(current, [...before, { id: call.id, name: call.name, input: "", type: "", finished: false }])
          yield* tell(events.toolStart(current.row.id, call))
          for (const piece of pieces) yield* tellAll(events.toolInput(current.row.id, call, piece))
          yield* tell(events.toolReady(current.row.id, call))
          showCalls(current, [...before, { ...call, type: traits.finishedToolType, finished: true }])
        }
        current.resultDue = true
        yield* finish(current, "tool_use")
        for (const { call, use } of named) {
          yield* permit(use, call)
          if (use.known === false) continue
          yield* tell(events.toolRunning(call))
          const duration = Duration.decode(use.duration ?? 0)
          yield* sleep(duration)
          yield* tell(events.toolDone(call, Duration.toMillis(duration), use.isError !== true))
        }
        yield* storeResults(current, uses)
        for (const { call, use } of named) if (use.known !== false) yield* tellAll(events.toolStored(call))
        turn = undefined
        yield* started
      })

    const sleep = (duration: Duration.DurationInput) =>
      Effect.zipRight(
        checkpoint,
        Duration.toMillis(duration) === 0
          ? Effect.void
          : // A pause without an end must not keep a timer.
            Duration.toMillis(duration) === Number.POSITIVE_INFINITY
            ? Effect.never
            : Effect.sleep(duration)
      )

    const say = (pieces: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const current = yield* started
        for (const piece of pieces) {
          // A piece is stored when the next one comes: a run that is cut off has stored less than it said.
          yield* checkpoint
          if (traits.storesPieces) yield* flush(current)
          yield* tell(events.content(current.row.id, piece))
          current.text += piece
        }
      })

    const think = (pieces: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const current = yield* started
        for (const piece of pieces) {
          yield* tell(events.thinking(current.row.id, piece))
          current.reasoning += piece
          current.row.extras = { ...current.row.extras, reasoning: current.reasoning }
        }
      })

    const take = (step: Step): Effect.Effect<unknown, Ending> => {
      switch (step._tag) {
        case "Received":
          return received
        case "Started":
          return started
        case "Think":
          return think(step.pieces)
        case "Say":
          return say(step.pieces)
        case "Call":
          return callTools(step.calls)
        case "Pause":
          return sleep(step.duration)
        case "Perform":
          return Effect.zipRight(checkpoint, step.effect)
        case "Emit":
          return tell(Events.custom(step.event, step.data))
        case "RateLimited":
          return tell(Events.rateLimited(step.retryAfter, step.attempt, step.maxAttempts))
        case "Use":
          return Effect.map(started, ({ row }) => {
            const session = store.session(request.sessionId)
            if (session !== undefined) {
              session.promptTokens = step.usage.inputTokens ?? 0
              session.completionTokens = step.usage.outputTokens ?? 0
              session.cost += step.usage.cost ?? 0
            }
            if (traits.flattened) row.extras = { ...row.extras, ...step.usage }
          })
        case "Callback":
          return Effect.gen(function* () {
            yield* finish(yield* started, stopReason)
            const row = yield* append({ text: step.text })
            yield* tellAll(events.userRow(row.id, step.text))
            turn = undefined
            yield* started
          })
        case "Retitle":
          return Effect.sync(() => {
            const session = store.session(request.sessionId)
            if (session !== undefined) session.title = step.title
          })
        case "Stop":
          return Effect.sync(() => {
            stopReason = step.reason
          })
        case "Fail":
          return Effect.zipRight(started, Effect.fail<Ending>({ _tag: "Failed", error: step.error, again: step.again }))
      }
    }

    const marksStart = (steps: ReadonlyArray<Step>, tag: "Received" | "Started") =>
      steps.some((step) => step._tag === tag)

    const script: Effect.Effect<Ending> = Effect.gen(function* () {
      const steps = options.script(request)
      if (!marksStart(steps, "Received")) yield* received
      for (const step of steps) {
        // Without a mark of its own the assistant row is there as soon as the user's is.
        if (user !== undefined && turn === undefined && !marksStart(steps, "Started")) yield* started
        yield* take(step)
      }
      yield* started
      if (store.session(request.sessionId) === undefined) return failed(gone)
      return { _tag: "Done", reason: stopReason } as const
    }).pipe(Effect.catchAll(Effect.succeed))

    const conclude = (ending: Ending) =>
      Effect.gen(function* () {
        const current = turn
        const tellErrors = (...messages: ReadonlyArray<string>) =>
          Effect.forEach(messages, (message) => audience.tell(Events.error(message)), { discard: true })
        const twice = traits.reply === "accepted"
        if (current !== undefined) {
          if (ending._tag === "Done") yield* finish(current, ending.reason)
          else if (ending._tag === "Denied") yield* finish(current, "permission_denied")
          else if (ending._tag !== "Abandoned") yield* finish(current, "canceled")
          if (current.resultDue && ending._tag !== "Abandoned") yield* Effect.ignore(storeResults(current, []))
        }
        if (ending._tag === "Done") {
          const { reasoning = "", row, text = "" } = current ?? {}
          yield* audience.tell(Events.complete({ content: text, messageId: row?.id, reasoning }))
        } else if (ending._tag === "Denied") yield* tellErrors("Permission denied")
        else if (ending._tag === "Failed") yield* tellErrors(ending.error, ...(twice ? [ending.again] : []))
        else if (ending._tag === "Cancelled") yield* tellErrors(cancelled, ...(twice ? [cancelled] : []))
        return { ending, text: current?.text ?? "", rowId: current?.row.id ?? "" }
      })

    return Effect.raceFirst(script, Deferred.await(ended)).pipe(Effect.flatMap(conclude))
  }
}

const model = "claude-4-sonnet"

const planReminder =
  "\n\n<system-reminder>\nPlan mode is on: describe the steps you would take & change nothing yet.\n</system-reminder>"

const parseInput = (input: string): { readonly [key: string]: Json } | undefined => {
  try {
    const value: unknown = JSON.parse(input)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

// What JSON.parse makes of a text is JSON.
const isRecord = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
