import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type { Agent } from "./agent.ts"
import * as Commands from "./commands.ts"
import { decode } from "./decode.ts"
import * as Events from "./events.ts"
import type { Traits } from "./generations.ts"
import * as Reply from "./reply.ts"
import type { Ending, RunResult } from "./run.ts"
import type { Store } from "./store.ts"
import type { Streams } from "./streams.ts"
import * as View from "./views.ts"

const authRefusal = "⚠️ Authentication required. Please go to settings and authenticate"

const noSession = "failed to get session: sql: no rows in result set"
const busy = "session is currently processing another request"

const thinkingLevels = ["off", "basic", "medium", "maximum"]

/** A reply that is about no stored row. */
const notice = (id: string, text: string, answer: string) =>
  Reply.json(
    200,
    View.message({
      id,
      sessionId: "",
      role: "assistant",
      userInput: text,
      assistantResponse: answer,
      extras: undefined
    })
  )

const slashCommand = (text: string): Reply.Response => {
  if (!text.startsWith("/")) {
    return Reply.validationError("content", "Invalid slash command: not a slash command")
  }
  const name = Commands.parse(text)
  const result = Commands.run(name)
  return result === undefined
    ? Reply.notFound(`Command '${name}' not found. Available commands: [${Commands.names.join(" ")}]`)
    : notice(`cmd-${name}`, text, result)
}

// Role and session id are the real server's slips: the reply is the answer, labelled as the question.
const answered = (id: string, text: string, answer: string) =>
  Reply.json(
    200,
    View.message({ id, sessionId: "", role: "user", userInput: text, assistantResponse: answer, extras: undefined })
  )

const failed = (text: string, error: string) =>
  /401|authentication/.test(error)
    ? notice("system-auth-prompt", text, Reply.authPrompt)
    : Reply.internalError("agent processing", error)

const errorOf = (ending: Ending): string | undefined => {
  switch (ending._tag) {
    case "Failed":
      return ending.error
    case "Cancelled":
    case "Abandoned":
      return "request cancelled by user"
    case "Denied":
    case "Done":
      return undefined
  }
}

/** What `send` needs to know of the server. */
export interface SendOptions {
  readonly store: Store
  readonly traits: Traits
  readonly authenticated: boolean
  readonly agent: Agent
  readonly streams: Streams
}

/**
 * Takes the first event as the answer, and leaves the run with it. A run that had nothing more to say has ended well; any
 * other is cut off, and what it held unstored is lost.
 */
const firstEvent = (
  agent: Agent,
  request: { readonly sessionId: string; readonly text: string; readonly planMode: boolean }
) =>
  Effect.gen(function* () {
    const first = yield* Deferred.make<string>()
    let isGone = false
    const run = yield* agent.start(request, {
      isGone: () => isGone,
      tell: (event) =>
        Effect.suspend(() => {
          if (event.isFinal === true) return Effect.void
          isGone = true
          const { data, name } = event
          const content = name === "content" && typeof data === "object" && data !== null && "content" in data
          return Deferred.succeed(first, content ? String(data.content) : "")
        })
    })
    const answer = yield* Effect.raceFirst(
      Effect.map(Deferred.await(first), (text): RunResult | string => text),
      Fiber.join(run)
    ).pipe(Effect.onInterrupt(() => Fiber.interrupt(run)))
    const result = yield* typeof answer === "string" ? Fiber.join(run) : Effect.succeed(answer)
    if (typeof answer === "string") return answered(result.rowId, request.text, answer)
    const error = errorOf(result.ending)
    return error === undefined ? answered(result.rowId, request.text, result.text) : failed(request.text, error)
  })

/** Handles one sent message. The order of the checks is the real server's: the session is the last thing looked at. */
export const send = (
  { agent, authenticated, store, streams, traits }: SendOptions,
  sessionId: string,
  body: Uint8Array
): Effect.Effect<Reply.Response> =>
  Effect.gen(function* () {
    const decoded = decode(body, "SendMessageRequest", traits.sendFields)
    if (Either.isLeft(decoded)) return Reply.validationError("body", decoded.left)
    const given = decoded.right.get("content" in traits.sendFields ? "content" : "text")
    const text = typeof given === "string" ? given : ""
    if (text === "") return Reply.validationError("content", "message content is required")
    const level = decoded.right.get("thinking_level")
    if (typeof level === "string" && !thinkingLevels.includes(level)) {
      return Reply.validationError("thinking_level", `must be one of: ${thinkingLevels.join(", ")}`)
    }

    const accepted = traits.reply === "accepted"
    if (!authenticated) {
      if (traits.reply !== "first event") {
        streams.broadcast(Events.error(accepted ? authRefusal : Reply.authPrompt), sessionId)
      }
      return accepted ? Reply.unauthorized(authRefusal) : notice("system-auth-prompt", text, Reply.authPrompt)
    }
    if (text.trim().startsWith("/")) return slashCommand(text)

    if (store.session(sessionId) === undefined) {
      return Reply.internalError(accepted ? "sending message to agent" : "agent processing", noSession)
    }
    if (traits.refusesBusy && agent.isBusy(sessionId)) return Reply.internalError("sending message to agent", busy)
    const request = { sessionId, text, planMode: decoded.right.get("plan_mode") === true }
    if (traits.reply === "first event") return yield* firstEvent(agent, request)
    const run = yield* agent.start(request)
    if (accepted) return Reply.json(202, { sessionId, status: "processing" })
    const { ending, rowId, text: answer } = yield* Fiber.join(run)
    const error = errorOf(ending)
    return error === undefined ? answered(rowId, text, answer) : failed(text, error)
  })
