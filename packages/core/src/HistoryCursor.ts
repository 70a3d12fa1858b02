/**
 * A place in the history, to be kept and read on from: by this process or another, now or next week.
 *
 * @since 0.1.0
 */
import type * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as internal from "./internal/cursor.ts"
import * as Walk from "./internal/walk.ts"

/**
 * Marks a `HistoryCursor`.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = internal.typeId as never

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A place in the history. What is inside is nobody's business but the walk's: an offset, and ids of messages near it, by
 * which the place is recognised after messages arrived or were deleted. It holds no message text.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistoryCursor extends Inspectable.Inspectable {
  readonly [TypeId]: TypeId
}

const HistoryCursorFromSelf = Schema.declare(
  (input: unknown): input is HistoryCursor => Predicate.hasProperty(input, TypeId),
  { identifier: "HistoryCursorFromSelf" }
)

const ids = Schema.Array(Schema.String)

/**
 * JSON of a few kilobytes (at most 320 ids). It carries a version; a cursor of a version that is not known does not
 * decode.
 *
 * @example
 * import { HistoryCursor } from "@mix-effect/core"
 * import { Schema } from "effect"
 *
 * const CursorFile = Schema.parseJson(HistoryCursor)
 *
 * export const save = Schema.encode(CursorFile)
 * export const load = Schema.decode(CursorFile)
 *
 * @since 0.1.0
 * @category schemas
 */
export const HistoryCursor = Schema.transform(
  Schema.Struct({
    version: Schema.Literal(1),
    position: Schema.NonNegativeInt,
    recent: ids,
    forgot: Schema.Boolean,
    head: ids
  }),
  HistoryCursorFromSelf,
  {
    strict: true,
    decode: (json) => internal.fromWalk(Walk.restore(json)),
    encode: internal.toJson
  }
).annotations({ identifier: "HistoryCursor" })
