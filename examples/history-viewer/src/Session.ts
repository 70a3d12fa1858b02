/** The sessions that are looked at or asked: listing them, listening to them, and writing to them. */
import {
  MessagesService,
  type NewSession,
  type PermissionRequested,
  type SessionId,
  SessionsService
} from "@mix-effect/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as FiberMap from "effect/FiberMap"
import * as Stream from "effect/Stream"
import * as Model from "./Model.ts"
import { Store } from "./Store.ts"

const newSession: NewSession = { title: "New session" }

export const make = Effect.gen(function* () {
  const messages = yield* MessagesService
  const sessions = yield* SessionsService
  const { change, get } = yield* Store
  // Of each session the list that was asked for last is shown.
  const listing = yield* FiberMap.make<SessionId, void>()
  const listening = yield* FiberMap.make<SessionId, void>()
  // One message at a time for each session.
  const asking = yield* FiberMap.make<SessionId, void>()
  const stopping = yield* FiberMap.make<SessionId, void>()
  const making = yield* FiberHandle.make<void>()
  /** The permissions that an ask of this page waits for. */
  const permissions = new Map<string, Deferred.Deferred<"grant" | "deny">>()

  const list = (id: SessionId) =>
    FiberMap.run(
      listing,
      id,
      messages.listSession({ id }).pipe(
        Effect.flatMap((rows) => change(Model.listed(id, rows))),
        Effect.catchAll((error) => change(Model.notListed(id, error.message)))
      )
    )

  /**
   * Listed once it is connected: nothing that happens in between is missed. So it is after each drop, at the end of a turn,
   * and where a turn is met in its middle.
   */
  const listen = (id: SessionId): Effect.Effect<void> =>
    sessions.events({ id }).pipe(
      Stream.runForEach((event) =>
        Effect.gen(function* () {
          const wasPlaced = Model.isPlaced(yield* get, id)
          yield* change(Model.happened(id, event))
          const isMet = wasPlaced && !Model.isPlaced(yield* get, id)
          if (isMet || ["Connected", "Reconnected", "Completed", "Failed"].includes(event._tag)) yield* list(id)
        })
      ),
      Effect.catchAll((error) => {
        const failed = change(Model.unlinked(id, error.message))
        return error._tag === "NotFound" ? failed : Effect.zipRight(failed, Effect.delay(listen(id), "5 seconds"))
      })
    )

  /** Listens to the session that is open and to those that are asked, and to no other. */
  const leaveOthers = Effect.gen(function* () {
    const model = yield* get
    for (const [id] of [...listening]) {
      if (id === model.opened?.id || Model.isAsking(model, id)) continue
      yield* FiberMap.remove(listening, id)
      yield* change(Model.left(id))
    }
  })

  const open = (id: SessionId | undefined) =>
    Effect.gen(function* () {
      yield* change(Model.open(id))
      if (id !== undefined) {
        yield* list(id)
        yield* FiberMap.run(listening, id, listen(id), { onlyIfMissing: true })
      }
      yield* leaveOthers
    })

  /** Waits until a person has decided. */
  const decide = (id: SessionId) => (request: PermissionRequested) =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<"grant" | "deny">()
      permissions.set(request.id, answer)
      yield* change(Model.permission(id, request))
      return yield* Deferred.await(answer)
    }).pipe(
      Effect.ensuring(
        Effect.suspend(() => {
          permissions.delete(request.id)
          return change(Model.answered(id, request.id))
        })
      )
    )

  const ask = (id: SessionId, text: string) =>
    // What the page asked goes on when the page is closed, and so it does when it looks at another server.
    sessions.ask({ id, text }, { onPermission: decide(id), onInterrupt: "leave" }).pipe(
      Effect.map(({ messages: [{ id }], text }) =>
        // Such ids are words of the server's own.
        Model.Sending.Answered({ aside: /^(cmd|system)-/.test(id) ? text : undefined })
      ),
      Effect.catchTag("AgentFailed", (error) =>
        error.reason === "cancelled" ? Effect.succeed(Model.Sending.Stopped()) : Effect.fail(error)
      ),
      Effect.matchEffect({
        onFailure: ({ message, outcome }) =>
          outcome === "notSent" || outcome === "refused"
            ? change(Model.refused(id, message))
            : change(Model.ended(id, Model.Sending.Failed({ message, isTaken: outcome === "accepted" }))),
        onSuccess: (state) => change(Model.ended(id, state))
      }),
      Effect.zipRight(list(id)),
      Effect.zipRight(change(Model.showNewest(id))),
      Effect.zipRight(leaveOthers)
    )

  /** Servers before February 2026 know no browser mode. They refused, so there is no session yet. */
  const create = sessions
    .create({ ...newSession, browserMode: "local-browser-service" })
    .pipe(Effect.catchTag("BadRequest", () => sessions.create(newSession)))

  return {
    open,
    /** Lists the open session once more, and listens to it again if that failed. */
    refresh: Effect.flatMap(get, ({ opened }) =>
      opened === undefined
        ? Effect.void
        : Effect.zipRight(
            Effect.when(FiberMap.remove(listening, opened.id), () => Model.isUnlinked(opened)),
            open(opened.id)
          )
    ),
    make: FiberHandle.run(
      making,
      change(Model.making("busy")).pipe(
        Effect.zipRight(create),
        Effect.flatMap(({ id }) => Effect.zipRight(change(Model.made(id)), open(id))),
        Effect.catchAll(({ message }) => change(Model.making({ failed: message })))
      ),
      { onlyIfMissing: true }
    ),
    send: (id: SessionId, text: string) =>
      Effect.unlessEffect(
        Effect.zipRight(change(Model.asked(id, text)), FiberMap.run(asking, id, ask(id, text))),
        FiberMap.has(asking, id)
      ),
    stop: (id: SessionId) =>
      FiberMap.run(
        stopping,
        id,
        change(Model.stopping(id, "asked")).pipe(
          Effect.zipRight(sessions.cancel({ id })),
          Effect.catchAll(({ message }) => change(Model.stopping(id, { failed: message })))
        ),
        { onlyIfMissing: true }
      ),
    answer: (requestId: string, answer: "grant" | "deny") =>
      Effect.suspend(() => {
        const waiting = permissions.get(requestId)
        return waiting === undefined ? Effect.void : Deferred.succeed(waiting, answer)
      })
  }
})
