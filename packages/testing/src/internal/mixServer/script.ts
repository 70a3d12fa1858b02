import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Json } from "./json.ts"

/**
 * A permission that a tool asks for before it runs. The run waits until somebody grants or denies it.
 *
 * @since 0.2.0
 * @category models
 */
export interface Permission {
  /** Default: the next id of the seeded generator. */
  readonly id?: string
  /** Default: `Use <tool>`. */
  readonly description?: string
  /** Default: `"execute"`. */
  readonly action?: string
  /** Default: `"/"`. */
  readonly path?: string
  /** Default: the input of the call. */
  readonly params?: { readonly [key: string]: Json }
}

/**
 * A tool call of the agent. No tool is run: what it does is played.
 *
 * @since 0.2.0
 * @category models
 */
export interface ToolUse {
  readonly name: string
  /** Default: the next id of the seeded generator. */
  readonly id?: string
  /** JSON text, in the pieces in which the model writes it. Default: `"{}"` in one piece. */
  readonly input?: string | ReadonlyArray<string>
  /** How long the tool runs, by the `Clock`. Default: no time. */
  readonly duration?: Duration.DurationInput
  /** Shown in the list by generation `"2026-02"` only. Default: empty. */
  readonly result?: string
  readonly isError?: boolean
  /** Default: true. An unknown tool is called and never executed. */
  readonly known?: boolean
  readonly permission?: Permission
}

/**
 * Tokens and cost of one turn of the model.
 *
 * @since 0.2.0
 * @category models
 */
export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly cacheCreationTokens?: number
  readonly cacheReadTokens?: number
  /** Added to the cost of the session. */
  readonly cost?: number
}

/**
 * One thing that the agent does. The constructors are in `MixAgent`.
 *
 * @since 0.2.0
 * @category models
 */
export type Step = Data.TaggedEnum<{
  Received: Record<never, never>
  Started: Record<never, never>
  Think: { readonly pieces: ReadonlyArray<string> }
  Say: { readonly pieces: ReadonlyArray<string> }
  Call: { readonly calls: ReadonlyArray<ToolUse> }
  Pause: { readonly duration: Duration.DurationInput }
  Perform: { readonly effect: Effect.Effect<void> }
  Emit: { readonly event: string; readonly data: Json }
  RateLimited: { readonly attempt: number; readonly maxAttempts: number; readonly retryAfter: number }
  Use: { readonly usage: Usage }
  Callback: { readonly text: string }
  Retitle: { readonly title: string }
  Stop: { readonly reason: string }
  Fail: { readonly error: string; readonly again: string }
}>

/**
 * Constructors of `Step`. `MixAgent` exports the type alone.
 *
 * @since 0.2.0
 * @category constructors
 */
export const Step = Data.taggedEnum<Step>()
