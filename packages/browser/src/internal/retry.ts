/** What retry policies heed in browsers. */
import type { MixError } from "@mix-effect/core"
import type { Policy } from "@mix-effect/http/RetryPolicy"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as Environment from "./environment.ts"
import { mixedContent } from "./hint.ts"

/**
 * What a browser blocks once it blocks always. The wait is a part of the policy's step, which the deadline of the call
 * ends; the delay of the policy follows it.
 */
export const adapt = (policy: Policy, waitWhileOffline: boolean): Policy =>
  Schedule.makeWithState(policy.initial, (now, error: MixError, state) => {
    if (error._tag === "ConnectionError" && error.code === mixedContent) {
      return Effect.succeed([state, undefined, ScheduleDecision.done] as const)
    }
    const step = policy.step(now, error, state)
    return waitWhileOffline
      ? Effect.tap(step, ([, , decision]) =>
          ScheduleDecision.isContinue(decision) && Environment.isOffline() ? Environment.awaitOnline : Effect.void
        )
      : step
  })
