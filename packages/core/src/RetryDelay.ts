/**
 * Whether a call waits for a retry.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"

/**
 * Called with `true` when a call begins to wait between two attempts, and with `false` when that wait is over. `ask`
 * sets it around a `send`: while `send` waits, nothing of the message has arrived, so an interruption has nothing to
 * cancel. For implementations of `MessagesService` over another transport that retries.
 *
 * @since 0.2.0
 * @category references
 */
export class RetryDelay extends Context.Reference<RetryDelay>()("@mix-effect/core/RetryDelay", {
  defaultValue: (): ((isWaiting: boolean) => void) => () => {}
}) {}
