/** The wiring: what a person asks for goes in, what the page shows comes out. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Action } from "./Action.ts"
import { connect } from "./Connection.ts"
import * as Store from "./Store.ts"
import * as Url from "./Url.ts"
import * as View from "./view/View.ts"

const program = Effect.gen(function* () {
  const actions = yield* Queue.unbounded<Action>()
  const store = yield* Store.Store
  const draw = View.make((action) => {
    if (action._tag === "Connect") Url.remember(action.serverUrl)
    actions.unsafeOffer(action)
  })
  Url.onBack((serverUrl) => actions.unsafeOffer(Action.Connect({ serverUrl })))
  yield* Effect.forkScoped(Stream.runForEach(store.states, (model) => Effect.sync(() => draw(model))))
  return yield* Effect.iterate(Url.current(), {
    while: () => true,
    body: (serverUrl) => connect(serverUrl, actions)
  })
}).pipe(Effect.scoped, Effect.provide(Store.layer))

Effect.runFork(program)
