/**
 * A place in the history, which can be stored and resumed from later, by this or another process.
 *
 * @since 0.1.0
 */
import type * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as internal from "./internal/history/cursor.ts"
import * as Place from "./internal/history/place.ts"

/**
 * Marks a `HistoryCursor`.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: typeof internal.typeId = internal.typeId

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * A place in the history. The contents are opaque: an offset, and ids of messages near it, so that the walk finds the
 * place again after messages arrived or were deleted. It holds no text of messages, and logs show it as one short
 * line.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistoryCursor extends Inspectable.Inspectable {
  readonly [TypeId]: TypeId
}

/**
 * @since 0.2.0
 * @category models
 */
export declare namespace HistoryCursor {
  /**
   * A cursor as JSON. The contents are opaque and may change between versions.
   *
   * @since 0.2.0
   * @category models
   */
  export interface Encoded {
    /** A cursor of an unknown version does not decode. */
    readonly version: 2
  }
}

const HistoryCursorFromSelf = Schema.declare(
  (input: unknown): input is HistoryCursor => Predicate.hasProperty(input, TypeId),
  { identifier: "HistoryCursorFromSelf" }
)

const ids = Schema.Array(Schema.String)

/**
 * A cursor as JSON: up to 512 ids of messages, and the ids of the first page of its walk (25 to 31 kB for pages of
 * 100). A cursor of `currentCursor` holds the ids of all messages that may share a second with a future one.
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
export const HistoryCursor: Schema.Schema<HistoryCursor, HistoryCursor.Encoded> = Schema.transform(
  Schema.Struct({
    version: Schema.Literal(2),
    position: Schema.NonNegativeInt,
    recent: ids,
    open: Schema.NonNegativeInt,
    sessions: Schema.Array(Schema.Tuple(Schema.String, ids)),
    forgot: Schema.Boolean,
    fromHead: Schema.Boolean,
    present: Schema.Struct({ open: ids, settled: ids, whole: Schema.Boolean })
  }),
  HistoryCursorFromSelf,
  {
    strict: true,
    decode: (json) => internal.fromPlace(Place.decode(json)),
    encode: (cursor) => ({ version: 2, ...Place.encode(internal.toPlace(cursor)) }) as const
  }
).annotations({ identifier: "HistoryCursor" }) as unknown as Schema.Schema<HistoryCursor, HistoryCursor.Encoded> // the encoded form is opaque
