/** The time with one server: reads, follows, and does what is asked, until another server is asked for. */
import { MixBrowser } from "@mix-effect/browser"
import type { MessagesService } from "@mix-effect/core"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as FiberMap from "effect/FiberMap"
import * as Queue from "effect/Queue"
import { Action } from "./Action.ts"
import * as Follower from "./Follower.ts"
import * as Model from "./Model.ts"
import * as Reader from "./Reader.ts"
import * as Session from "./Session.ts"
import { change, Store } from "./Store.ts"

type Actions = Queue.Dequeue<Action>

/** Does what is asked. Ends with the next server's url. */
const obey = Effect.fn("obey")(function* (actions: Actions, reader: Reader.Reader, follower: Follower.Follower) {
  const store = yield* Store
  // The session that is opened last is the one that is listed.
  const opening = yield* FiberHandle.make<void>()
  // One message at a time for each session.
  const sending = yield* FiberMap.make<string, void>()

  const open = Action.$is("Open")
  const handle = (action: Exclude<Action, { _tag: "Connect" }>): Effect.Effect<unknown, never, MessagesService | Store> => {
    switch (action._tag) {
      case "More":
        return reader.more
      case "Open":
        return action.id === undefined
          ? Effect.zipRight(FiberHandle.clear(opening), change(Model.open(undefined)))
          : FiberHandle.run(opening, Session.open(action.id))
      case "Reveal":
        return Effect.zipRight(change(Model.reveal), reopen)
      case "Retry":
        return reader.more.pipe(Effect.zipRight(follower.retry), Effect.zipRight(reopen))
      case "Send":
        return FiberMap.run(sending, action.id, Session.send(action.id, action.text), { onlyIfMissing: true })
    }
  }
})
