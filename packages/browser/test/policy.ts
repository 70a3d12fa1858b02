import type { RetryPolicy } from "@mix-effect/http"
import * as Schedule from "effect/Schedule"

/** At once, as often as there are failures to retry, and `times` at most. Tells when it is asked. */
export const policy = (times: number, asked: () => void = () => {}) =>
  Schedule.recurs(times).pipe(
    Schedule.whileInput((error: { readonly isRetryable: boolean }) => {
      asked()
      return error.isRetryable
    })
  ) as RetryPolicy.Policy
