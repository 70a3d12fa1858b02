/** The time with one server: reads, follows, and does what is asked, until another server is asked for. */
import { MixBrowser } from "@mix-effect/browser"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
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
  const session = yield* Session.make
  yield* Effect.forkScoped(reader.run)
  yield* Effect.forkScoped(Effect.flatMap(reader.beginning, follower.run))

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
        yield* session.refresh
        break
      case "Reveal":
        yield* store.change(Model.reveal)
        yield* session.refresh
        break
      case "Open":
        yield* session.open(action.id)
        break
      case "Make":
        yield* session.make
        break
      case "Send":
        yield* session.send(action.id, action.text)
        break
      case "Stop":
        yield* session.stop(action.id)
        break
      case "Answer":
        yield* session.answer(action.requestId, action.answer)
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
