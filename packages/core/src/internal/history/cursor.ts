import * as Inspectable from "effect/Inspectable"
import type { HistoryCursor, TypeId } from "../../HistoryCursor.ts"
import type * as Place from "./place.ts"

export const typeId: TypeId = Symbol.for("@mix-effect/core/HistoryCursor") as TypeId

/** A cursor holds the place itself, which never changes. Taking one costs nothing until it is encoded. */
class Cursor extends Inspectable.Class implements HistoryCursor {
  readonly [typeId]: TypeId = typeId
  constructor(readonly place: Place.Place) {
    super()
  }
  /** One line for logs. What can be read again is written by the schema `HistoryCursor`. */
  toJSON(): string {
    return `HistoryCursor(offset ${this.place.position})`
  }
}

export const fromPlace = (place: Place.Place): HistoryCursor => new Cursor(place)

export const toPlace = (cursor: HistoryCursor): Place.Place => (cursor as Cursor).place
