/**
 * What a walk over the history had to do so far.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Counted from the beginning of the stream, not of the history that it resumes.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistoryStats {
  /** Pages asked for and received. */
  readonly requests: number
  /** Rows that came again and were dropped, besides those that every page repeats on purpose. */
  readonly duplicatesDropped: number
  /** Answers that held no row that was read before: rows had been deleted, and the place was looked for elsewhere. */
  readonly stepBacks: number
  /** Answers that held nothing new: messages had arrived, and the walk jumped ahead. */
  readonly jumps: number
  /** Rows that changed places, as far as the overlap shows: a sign that one may have been missed. */
  readonly tiesReordered: number
  /** Messages that were left out because they cannot be read. @since 0.2.0 */
  readonly unreadable: number
}

/**
 * @since 0.1.0
 * @category schemas
 */
export const HistoryStats = Schema.Struct({
  requests: Schema.Int,
  duplicatesDropped: Schema.Int,
  stepBacks: Schema.Int,
  jumps: Schema.Int,
  tiesReordered: Schema.Int,
  unreadable: Schema.Int
})
