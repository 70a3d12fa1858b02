import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ReceivedRequest, Running } from "./model.ts"

interface State {
  readonly requestCount: number
  readonly connections: number
  readonly open: number
  readonly closedByClient: number
}

/** What happened on a server: written by its connections, read and awaited by the test. */
export interface Ledger {
  readonly view: Omit<Running, "url" | "port" | "certificate">
  /** Gives the index of the new connection. */
  readonly opened: Effect.Effect<number>
  readonly closed: Effect.Effect<void>
  readonly received: (request: ReceivedRequest) => Effect.Effect<void>
  readonly clientLeft: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (options: { readonly record: boolean }) {
  const ref = yield* SubscriptionRef.make<State>({
    requestCount: 0,
    connections: 0,
    open: 0,
    closedByClient: 0
  })
  // Not in the state, because it would be copied for each request: a soak test receives a hundred thousand.
  const requests: Array<ReceivedRequest> = []
  const count = (f: (state: State) => number) => Effect.map(SubscriptionRef.get(ref), f)
  const until = (predicate: (state: State) => boolean): Effect.Effect<void> =>
    ref.changes.pipe(Stream.filter(predicate), Stream.take(1), Stream.runDrain)

  const ledger: Ledger = {
    view: {
      requests: Effect.sync(() => requests.slice()),
      requestCount: count((state) => state.requestCount),
      connections: count((state) => state.connections),
      open: count((state) => state.open),
      closedByClient: count((state) => state.closedByClient),
      awaitRequests: (n) => until((state) => state.requestCount >= n),
      awaitClientClose: until((state) => state.closedByClient >= 1),
      awaitClientCloses: (n) => until((state) => state.closedByClient >= n),
      awaitNoneOpen: until((state) => state.open === 0)
    },
    opened: SubscriptionRef.modify(ref, (state) => [
      state.connections,
      { ...state, connections: state.connections + 1, open: state.open + 1 }
    ]),
    closed: SubscriptionRef.update(ref, (state) => ({ ...state, open: state.open - 1 })),
    received: (request) =>
      SubscriptionRef.update(ref, (state) => {
        if (options.record) requests.push(request)
        return { ...state, requestCount: state.requestCount + 1 }
      }),
    clientLeft: SubscriptionRef.update(ref, (state) => ({ ...state, closedByClient: state.closedByClient + 1 }))
  }
  return ledger
})
