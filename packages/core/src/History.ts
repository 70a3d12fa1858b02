/**
 * Options and pages of the history's streams.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Schedule from "effect/Schedule"
import type { BackendMessage } from "./BackendMessage.ts"
import type { HistoryCursor } from "./HistoryCursor.ts"
import type { HistoryStats } from "./HistoryStats.ts"

/**
 * One page of the walk.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistoryPage {
  /** Messages that were not emitted before, newest first. Usually `pageSize` of them; fewer or more after a repair. */
  readonly messages: NonEmptyReadonlyArray<BackendMessage>
  /** The place after the last message. */
  readonly cursor: HistoryCursor
  /** What the walk has done so far. */
  readonly stats: HistoryStats
}

/**
 * How `streamHistory` and `streamHistoryPages` read.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamHistoryOptions {
  /** How many messages to request at a time, from 1 to 1000. Default: 100. */
  readonly pageSize?: number | undefined
  /**
   * How many pages to request ahead of the consumer, from 0 to 64. They are held in memory until they are consumed,
   * and discarded if the list has shifted. They are tried once: a page that failed is requested again when it is
   * needed. Default: 0, nothing is requested before it is needed.
   */
  readonly prefetch?: number | undefined
  /** Where to resume. Default: the newest message. */
  readonly from?: HistoryCursor | undefined
  /** Fail with `HistoryStalled` rather than emit more pages than this. Default: no limit. */
  readonly maxPages?: number | undefined
  /**
   * Fail with `HistoryDrift` as soon as rows have changed places, because the walk may then have missed one. New and
   * deleted messages do not count as such a change. Default: `false`, changes are counted in `stats.tiesReordered`.
   */
  readonly strict?: boolean | undefined
  /**
   * `skip` leaves out messages that cannot be read, counts them in `stats.unreadable`, and logs a warning for each.
   * Such a message has a shape that this version does not know, or the server itself answers 500 for every page that
   * holds it. In the second case the walk requests the page in smaller parts. Default: `fail`.
   *
   * @since 0.2.0
   */
  readonly unreadable?: Unreadable | undefined
}

/**
 * What to do with a message that cannot be read.
 *
 * @since 0.2.0
 * @category options
 */
export type Unreadable = "fail" | "skip"

/**
 * Where `followHistory` begins, and how often it polls.
 *
 * @since 0.1.0
 * @category options
 */
export interface FollowHistoryOptions {
  /** When to poll again. The stream ends when the schedule ends. Default: every 2 seconds. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /**
   * Emit what appeared since `currentCursor` made this cursor or, for a cursor of a walk, since that walk began.
   * Default: what appears from now on.
   */
  readonly from?: HistoryCursor | undefined
}
