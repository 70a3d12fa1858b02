/** The time with one server: reads, follows, and does what is asked, until another server is asked for. */
import { MixBrowser } from "@mix-effect/browser"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as FiberMap from "effect/FiberMap"
import * as Queue from "effect/Queue"
import type { Action } from "./Action.ts"
import * as Follower from "./Follower.ts"
import * as Model from "./Model.ts"
import * as Reader from "./Reader.ts"
import * as Session from "./Session.ts"
import { change, Store } from "./Store.ts"

type Actions = Queue.Dequeue<Action>

/** Reads and follows in the background, and does what is asked. Ends with the next server's url. */
const connected = Effect.fn("connected")(function* (actions: Actions) {
  const store = yield* Store
  const reader = yield* Reader.make
  const follower = yield* Follower.make
  yield* Effect.forkScoped(reader.run)
  yield* Effect.forkScoped(Effect.flatMap(reader.beginning, follower.run))

  // The session that is opened last is the one that is listed.
  const listing = yield* FiberHandle.make<void>()
  // One message at a time for each session.
  const sending = yield* FiberMap.make<string, void>()

  const openAgain = Effect.flatMap(store.get, ({ opened }) =>
    opened === undefined ? Effect.void : FiberHandle.run(listing, Session.open(opened.id))
  )

  while (true) {
    const action = yield* Queue.take(actions)
    switch (action._tag) {
      case "Connect":
        return action.serverUrl
      case "More":
        yield* reader.more
        break
      case "Retry":
        // What failed may be the following alone: then the next page can wait.
        if ((yield* store.get).reading._tag === "Failed") yield* reader.more
        yield* follower.retry
        yield* openAgain
        break
      case "Reveal":
        yield* store.change(Model.reveal)
        yield* openAgain
        break
      case "Open":
        if (action.id !== undefined) yield* FiberHandle.run(listing, Session.open(action.id))
        else {
          yield* FiberHandle.clear(listing)
          yield* store.change(Model.open(undefined))
        }
        break
      case "Send":
        yield* FiberMap.run(sending, action.id, Session.send(action.id, action.text), { onlyIfMissing: true })
    }
  }
}, Effect.scoped)

/** Waits for another url; nothing else can be done without a server. */
const nextUrl = (actions: Actions): Effect.Effect<string> =>
  Effect.flatMap(Queue.take(actions), (action) =>
    action._tag === "Connect" ? Effect.succeed(action.serverUrl) : nextUrl(actions)
  )

/** An `InvalidData` says what is wrong with the url; the others do not come up with a url that is given. */
const explain = (error: ConfigError): string => (error._op === "InvalidData" ? error.message : String(error))

/** Uses the server at this url, and answers with the next one. */
export const connect = (serverUrl: string, actions: Actions) =>
  connected(actions).pipe(
    Effect.provide(MixBrowser.layer({ serverUrl })),
    Effect.catchAll((error) =>
      change(Model.reading(Model.Reading.Failed({ message: explain(error) }))).pipe(Effect.zipRight(nextUrl(actions)))
    ),
    (use) =>
      Effect.zipRight(
        change(() => Model.initial(serverUrl)),
        use
      )
  )
