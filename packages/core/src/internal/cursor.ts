import * as Inspectable from "effect/Inspectable"
import type { HistoryCursor, TypeId } from "../HistoryCursor.ts"
import * as Walk from "./walk.ts"

export const typeId: TypeId = Symbol.for("@mix-effect/core/HistoryCursor") as TypeId

/** A cursor holds the walk itself, which never changes: taking one costs nothing until it is encoded. */
class Cursor extends Inspectable.Class implements HistoryCursor {
  readonly [typeId]: TypeId = typeId
  constructor(readonly walk: Walk.Walk) {
    super()
  }
  toJSON() {
    return { version: 1, ...Walk.snapshot(this.walk) } as const
  }
}

export const fromWalk = (walk: Walk.Walk): HistoryCursor => new Cursor(walk)

export const toWalk = (cursor: HistoryCursor): Walk.Walk => (cursor as Cursor).walk

export const toJson = (cursor: HistoryCursor): ReturnType<Cursor["toJSON"]> => (cursor as Cursor).toJSON()
