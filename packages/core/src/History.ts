/**
 * How the history is read as a stream.
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
  /** Messages not emitted before, newest first. Mostly `pageSize` of them; fewer or more after a repair. */
  readonly messages: NonEmptyReadonlyArray<BackendMessage>
  /** The place after the last of them. */
  readonly cursor: HistoryCursor
  /** What the walk had to do so far. */
  readonly stats: HistoryStats
}

/**
 * How `streamHistory` and `streamHistoryPages` read.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamHistoryOptions {
  /** How many messages to ask for at a time, from 1 to 1000. Default: 100. */
  readonly pageSize?: number | undefined
  /**
   * How many pages to ask for ahead of the consumer, from 0 to 64. They are held in memory until they are consumed, and
   * thrown away when the list turns out to have shifted. Default: 0, nothing is asked for before it is needed.
   */
  readonly prefetch?: number | undefined
  /** Where to resume. Default: the newest message. */
  readonly from?: HistoryCursor | undefined
  /** Fail with `HistoryStalled` rather than emit more pages than this. Default: no limit. */
  readonly maxPages?: number | undefined
  /**
   * Fail with `HistoryDrift` as soon as messages of one second come in another order than before, since one may have been
   * missed then. Default: `false`, they are counted in `stats.tiesReordered`.
   */
  readonly strict?: boolean | undefined
}

/**
 * What `followHistory` begins with, and how often it asks.
 *
 * @since 0.1.0
 * @category options
 */
export interface FollowHistoryOptions {
  /** When to ask again. The stream ends if the schedule does. Default: every 2 seconds. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /**
   * Emit what appeared since the walk that this cursor is from began. Default: what appears from now on.
   */
  readonly from?: HistoryCursor | undefined
}
