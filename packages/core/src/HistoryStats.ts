/**
 * What a walk over the history has done so far.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Counted from the beginning of this stream, not of the walk that it resumes.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistoryStats {
  /** Pages requested and received. */
  readonly requests: number
  /** Rows that came again and were dropped. Rows that every page repeats on purpose do not count. */
  readonly duplicatesDropped: number
  /** Answers without a known row: rows had been deleted, and the walk searched for its place. */
  readonly stepBacks: number
  /** Answers without a new row: messages had arrived, and the walk jumped ahead. */
  readonly jumps: number
  /** Rows that changed places, as far as the overlap shows. The walk may then have missed a message. */
  readonly tiesReordered: number
  /** Messages that the walk left out because they cannot be read. @since 0.2.0 */
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
