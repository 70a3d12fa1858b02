/** The one place where the page's state lives. Effects change it, the view is drawn from it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { type Change, initial, type Model } from "./Model.ts"

export interface Service {
  readonly get: Effect.Effect<Model>
  readonly change: (change: Change) => Effect.Effect<void>
  /** The state now, and after each change. */
  readonly states: Stream.Stream<Model>
}

export class Store extends Context.Tag("history-viewer/Store")<Store, Service>() {}

export const layer = Layer.effect(
  Store,
  Effect.map(SubscriptionRef.make(initial("")), (ref) => ({
    get: ref.get,
    change: (change: Change) => SubscriptionRef.update(ref, change),
    states: ref.changes
  }))
)

export const change = (change: Change) => Effect.flatMap(Store, (store) => store.change(change))
