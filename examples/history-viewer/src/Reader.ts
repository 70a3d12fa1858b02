/**
 * Reads the history as far as somebody looks. The consumer of the stream of pages does not come back from a page before
 * the next one is wanted, and the stream asks for nothing meanwhile: that is all there is to lazy loading.
 */
import { type HistoryCursor, MessagesService } from "@mix-effect/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Model from "./Model.ts"
import { Store } from "./Store.ts"

const pageSize = 100

export interface Reader {
  /** Reads on; without effect while a page is on its way. */
  readonly more: Effect.Effect<void>
  /** The first page's place, once it is there: new messages are newer. None if there is no message at all. */
  readonly beginning: Effect.Effect<HistoryCursor | undefined>
  readonly run: Effect.Effect<void>
}

export const make = Effect.gen(function* () {
  const service = yield* MessagesService
  const store = yield* Store
  /** The same service, counted. */
  const messages = MessagesService.make({
    ...service,
    getHistory: (options) => Effect.zipRight(store.change(Model.requested), service.getHistory(options))
  })
  const gate = yield* Effect.makeLatch()
  const beginning = yield* Deferred.make<HistoryCursor | undefined>()

  /** Shows how it stands, and waits until the next page is wanted. */
  const pause = (change: Model.Change) =>
    gate.close.pipe(
      Effect.zipRight(store.change(change)),
      Effect.zipRight(gate.await),
      Effect.zipRight(store.change(Model.reading(Model.Reading.Loading())))
    )

  const read = (from: HistoryCursor | undefined): Effect.Effect<void> =>
    messages.streamHistoryPages({ pageSize, from }).pipe(
      Stream.runForEach((page) => Effect.zipRight(Deferred.succeed(beginning, page.cursor), pause(Model.page(page)))),
      Effect.matchEffect({
        // The error knows the place: nothing is read twice.
        onFailure: (error) =>
          Effect.zipRight(
            pause(Model.reading(Model.Reading.Failed({ message: error.message }))),
            read(error.cursor ?? from)
          ),
        onSuccess: () =>
          Effect.zipRight(store.change(Model.reading(Model.Reading.End())), Deferred.succeed(beginning, undefined))
      })
    )

  const reader: Reader = {
    more: Effect.asVoid(gate.open),
    beginning: Deferred.await(beginning),
    run: read(undefined)
  }
  return reader
})
