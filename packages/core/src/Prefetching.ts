/**
 * Whether a page is asked for ahead of its reader.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"

/**
 * `true` around a call of `getHistory` for a page that is asked for ahead (`prefetch`). Such a call should make one attempt and
 * log nothing: if it fails, the page is asked for again when it is wanted. For those who implement `MessagesService` over a
 * transport of their own. Default: `false`.
 *
 * @since 0.2.0
 * @category references
 */
export class Prefetching extends Context.Reference<Prefetching>()("@mix-effect/core/Prefetching", {
  defaultValue: (): boolean => false
}) {}
