/**
 * What the agent of a `MixServer` says and does: a script of steps for each sent message. No language model is
 * called, and no tool runs.
 *
 * @example
 * import { MixAgent, MixServer } from "@mix-effect/testing"
 *
 * export const server = MixServer.layer({
 *   generation: "2026-02",
 *   agent: ({ text }) => [
 *     MixAgent.think("The user wants a list."),
 *     MixAgent.say("Let me ", "look."),
 *     MixAgent.call({ name: "Bash", input: '{"command":"ls"}', duration: "2 seconds", result: "README.md\n" }),
 *     MixAgent.say(`You asked: ${text}. `, "There is one file.")
 *   ]
 * })
 *
 * @since 0.2.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Json } from "./internal/mixServer/json.ts"
import type { Agent } from "./internal/mixServer/model.ts"
import { Step, type ToolUse, type Usage } from "./internal/mixServer/script.ts"

export type { Agent, AgentRequest } from "./internal/mixServer/model.ts"
export type { Permission, ToolUse, Usage } from "./internal/mixServer/script.ts"

/**
 * What the agent does for one message. When the script ends, the turn has ended successfully.
 *
 * The server stores the user's row first and an empty assistant row right after it, unless the script has the steps
 * `received` and `started`.
 *
 * @since 0.2.0
 * @category models
 */
export type Script = ReadonlyArray<Step>

export type { Step }

/**
 * Thinks, in pieces as they come from the model.
 *
 * @since 0.2.0
 * @category steps
 */
export const think = (...pieces: ReadonlyArray<string>): Step => Step.Think({ pieces })

/**
 * Writes text, in pieces as they come from the model.
 *
 * @since 0.2.0
 * @category steps
 */
export const say = (...pieces: ReadonlyArray<string>): Step => Step.Say({ pieces })

/**
 * Calls tools, one after the other, and begins a new assistant row when their results are stored.
 *
 * @since 0.2.0
 * @category steps
 */
export const call = (...calls: ReadonlyArray<ToolUse>): Step => Step.Call({ calls })

/**
 * Waits, using the `Clock` of the server.
 *
 * @since 0.2.0
 * @category steps
 */
export const pause = (duration: Duration.DurationInput): Step => Step.Pause({ duration })

/**
 * Says nothing more until the run is cancelled.
 *
 * @since 0.2.0
 * @category steps
 */
export const silence: Step = pause(Number.POSITIVE_INFINITY)

/**
 * Runs an effect, for example to wait for a `Deferred` of the test, to change the server, or to cut its streams.
 *
 * @example
 * import { MixAgent, MixServer } from "@mix-effect/testing"
 *
 * // The stream is lost in the middle of the answer, and the run goes on.
 * export const server = MixServer.layer({
 *   agent: (_, server) => [
 *     MixAgent.say("Half of "),
 *     MixAgent.perform(server.closeStreams()),
 *     MixAgent.say("the answer.")
 *   ]
 * })
 *
 * @since 0.2.0
 * @category steps
 */
export const perform = (effect: Effect.Effect<void>): Step => Step.Perform({ effect })

/**
 * Sends an event of any name and form to the streams.
 *
 * @since 0.2.0
 * @category steps
 */
export const emit = (event: string, data: Json): Step => Step.Emit({ event, data })

/**
 * Sends the event that the model's rate limit was reached and the server tries again.
 *
 * @since 0.2.0
 * @category steps
 */
export const rateLimited = (
  options: { readonly attempt?: number; readonly maxAttempts?: number; readonly retryAfter?: number } = {}
): Step => Step.RateLimited({ attempt: 1, maxAttempts: 8, retryAfter: 60, ...options })

/**
 * Fails. Servers from October 10, 2025 on send the error twice; `again` is the second text if it differs.
 *
 * @since 0.2.0
 * @category steps
 */
export const fail = (error: string, again = error): Step => Step.Fail({ error, again })

/**
 * Ends the turn; a callback of the session then continues with its own user row. `complete` comes when the script
 * ends.
 *
 * @since 0.2.0
 * @category steps
 */
export const callback = (text: string): Step => Step.Callback({ text })

/**
 * Sets the finish reason of the last row. Default: `"end_turn"`.
 *
 * @since 0.2.0
 * @category steps
 */
export const stop = (reason: string): Step => Step.Stop({ reason })

/**
 * Counts tokens and cost for the current row and the session.
 *
 * @since 0.2.0
 * @category steps
 */
export const use = (usage: Usage): Step => Step.Use({ usage })

/**
 * Gives the session another title, as the model does after the first message.
 *
 * @since 0.2.0
 * @category steps
 */
export const retitle = (title: string): Step => Step.Retitle({ title })

/**
 * Stores the user's row here. Without this step it is stored before the script begins.
 *
 * @since 0.2.0
 * @category steps
 */
export const received: Step = Step.Received()

/**
 * Stores the empty assistant row here. Without this step it is stored right after the user's.
 *
 * @since 0.2.0
 * @category steps
 */
export const started: Step = Step.Started()

/**
 * Repeats the text, at once and in one piece. This is the default agent of a server.
 *
 * @since 0.2.0
 * @category agents
 */
export const echo: Agent = ({ text }) => [say(`You said: ${text}`)]

const spoken = (text: string, step: (piece: string) => Step): Script =>
  text.split(/(?<= )/).flatMap((word) => [pause("40 millis"), step(word)])

/**
 * A sample conversation: it thinks, writes word by word, lists files with a tool, and asks for a permission if a
 * message mentions deleting. It takes a few seconds of the `Clock`. Servers before October 10, 2025 cut it off after
 * its first event, unless it is asked through their stream route.
 *
 * @since 0.2.0
 * @category agents
 */
export const demo: Agent = ({ text }) => {
  const isDeletion = /\b(delete|remove)\b/i.test(text)
  const list: ToolUse = {
    name: "Bash",
    input: ['{"command":', '"ls -1"', "}"],
    duration: "1 second",
    result: "README.md\nreport.csv\n"
  }
  const remove: ToolUse = {
    name: "Bash",
    input: ['{"command":', '"rm report.csv"', "}"],
    duration: "500 millis",
    permission: { description: "Execute command: rm report.csv", path: "/data" }
  }
  return [
    ...spoken("The user wants something done with the files here.", think),
    ...spoken("Let me look at the files first.", say),
    call(list),
    ...(isDeletion ? [...spoken("I need your permission for this.", say), call(remove)] : []),
    ...spoken(isDeletion ? "Done: report.csv is deleted." : `You said: ${text}`, say),
    use({ inputTokens: 1200, outputTokens: 80, cost: 0.0048 })
  ]
}
