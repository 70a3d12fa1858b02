/**
 * Whether a call waits to be made again.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"

/**
 * Is told when a call begins to wait between two attempts (`true`), and when that wait is over (`false`). `ask` sets it around
 * a `send`: while that waits, nothing of the message has arrived, so an interruption has nothing to cancel. For those who
 * implement `MessagesService` over a transport of their own that retries.
 *
 * @since 0.2.0
 * @category references
 */
export class RetryDelay extends Context.Reference<RetryDelay>()("@mix-effect/core/RetryDelay", {
  defaultValue: (): ((isWaiting: boolean) => void) => () => {}
}) {}
