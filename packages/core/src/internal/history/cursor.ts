import * as Inspectable from "effect/Inspectable"
import type * as Place from "./place.ts"

export const typeId: unique symbol = Symbol.for("@mix-effect/core/HistoryCursor")

/** A cursor holds the place itself, which never changes. Making one costs nothing until it is encoded. */
class Cursor extends Inspectable.Class {
  readonly [typeId]: typeof typeId = typeId
  constructor(readonly place: Place.Place) {
    super()
  }
  /** One line for logs. The schema `HistoryCursor` writes what can be read again. */
  toJSON(): string {
    return `HistoryCursor(offset ${this.place.position})`
  }
}

export const fromPlace = (place: Place.Place): Cursor => new Cursor(place)

/** Only `fromPlace` makes cursors. Their public type hides the place. */
export const toPlace = (cursor: { readonly [typeId]: typeof typeId }): Place.Place => (cursor as Cursor).place
