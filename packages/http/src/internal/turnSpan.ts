/** The span of a turn of a conversation, by OpenTelemetry's conventions for agents. It holds no text. */
import type { Answer, AskError } from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Span from "./span.ts"
import * as Telemetry from "./telemetry.ts"

const counted = {
  "gen_ai.usage.input_tokens": "inputTokens",
  "gen_ai.usage.output_tokens": "outputTokens",
  "gen_ai.usage.cache_creation.input_tokens": "cacheCreationTokens",
  "gen_ai.usage.cache_read.input_tokens": "cacheReadTokens",
  "mix.usage.cost": "cost"
} as const

/** Tokens and costs are sums over the rows of the turn. */
const attributesOf = (exit: Exit.Exit<Answer, AskError>): Readonly<Record<string, unknown>> => {
  if (Exit.isFailure(exit)) {
    const failure = Cause.failureOption(exit.cause)
    return {
      "error.type": Option.isNone(failure)
        ? "interrupted"
        : Telemetry.errorType(failure.value, Telemetry.statusOf(failure.value))
    }
  }
  const { finishReason, messages } = exit.value
  const model = messages.flatMap((message) => message.model ?? []).at(-1)
  return {
    ...(finishReason !== undefined && { "gen_ai.response.finish_reasons": [finishReason] }),
    ...(model !== undefined && { "gen_ai.response.model": model }),
    ...Object.fromEntries(
      Object.entries(counted).flatMap(([name, field]) => {
        const counts = messages.flatMap((message) => message[field] ?? [])
        return counts.length === 0 ? [] : [[name, counts.reduce((sum, count) => sum + count)]]
      })
    )
  }
}

export const around = (
  id: string,
  server: Telemetry.Server,
  turn: Effect.Effect<Answer, AskError>
): Effect.Effect<Answer, AskError> =>
  Span.use(
    "invoke_agent",
    () => ({
      kind: "client",
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "mix",
        "gen_ai.conversation.id": id,
        "server.address": server.address,
        "server.port": server.port
      }
    }),
    false,
    (span) =>
      span === undefined
        ? turn
        : Effect.onExit(Effect.withParentSpan(turn, span), (exit) =>
            Effect.sync(() => Span.annotate(span, attributesOf(exit)))
          )
  )
