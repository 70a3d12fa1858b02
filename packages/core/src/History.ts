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
   * thrown away when the list turns out to have shifted. They are tried once: a page that failed is asked for again when it is
   * wanted. Default: 0, nothing is asked for before it is needed.
   */
  readonly prefetch?: number | undefined
  /** Where to resume. Default: the newest message. */
  readonly from?: HistoryCursor | undefined
  /** Fail with `HistoryStalled` rather than emit more pages than this. Default: no limit. */
  readonly maxPages?: number | undefined
  /**
   * Fail with `HistoryDrift` as soon as rows are seen to have changed places, since one may have been missed then. Messages
   * that arrive or are deleted are no such change. Default: `false`, changes are counted in `stats.tiesReordered`.
   */
  readonly strict?: boolean | undefined
  /**
   * `skip` leaves out messages that cannot be read, counts them in `stats.unreadable`, and logs a warning for each: a message
   * of a shape that this version does not know, or one for which the server itself answers 500. Such a server answers 500 for
   * every page that holds the message, so the page is asked for in smaller parts. Default: `fail`.
   *
   * @since 0.2.0
   */
  readonly unreadable?: Unreadable | undefined
}

/**
 * What to do about a message that cannot be read.
 *
 * @since 0.2.0
 * @category options
 */
export type Unreadable = "fail" | "skip"

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
   * Emit what appeared since this cursor was made by `currentCursor`, or since the walk that it is from began. Default: what
   * appears from now on.
   */
  readonly from?: HistoryCursor | undefined
}
