/**
 * Whether a page is requested ahead of its reader.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"

/**
 * `true` around a call of `getHistory` for a page that is requested ahead (`prefetch`). Such a call should make one
 * attempt and log nothing: if it fails, the page is requested again when it is needed. For implementations of
 * `MessagesService` over another transport. Default: `false`.
 *
 * @since 0.2.0
 * @category references
 */
export class Prefetching extends Context.Reference<Prefetching>()("@mix-effect/core/Prefetching", {
  defaultValue: (): boolean => false
}) {}
