/**
 * One connection for each session, shared by all who listen: opened by the first, closed by the last, and opened again
 * whenever it drops. The server replays nothing and ends every stream sooner or later, so an end is always a drop.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AsyncContext from "../AsyncContext.ts"
import type { SessionId } from "../BackendMessage.ts"
import type { GetSessionError, SessionEventsError } from "../MixError.ts"
import type { SessionEvent } from "../SessionEvent.ts"
import * as Events from "./conversation/events.ts"
import * as Sse from "./conversation/sse.ts"

/** A connection that stood so long, or brought an event, was sound: the next one is opened without much delay. */
const soundAfter = 10_000

/** The server ends a stream ten minutes after it was opened, and what it says until it notices is lost. */
const maxAge = "9 minutes"

const firstDelay = 250
const maxDelay = 8000

/** What a connection tells, at once and without waiting. */
export interface Listener {
  readonly onEvent: (event: SessionEvent, size: number) => void
  /** The connection cannot be opened. Nothing follows. */
  readonly onFailure: (cause: Cause.Cause<SessionEventsError>) => void
}

/** Where the events come from. */
export interface Source {
  readonly events: (options: { readonly id: SessionId }) => Stream.Stream<string | SessionEvent, SessionEventsError>
  readonly get: (options: { readonly id: SessionId }) => Effect.Effect<unknown, GetSessionError>
}

export interface Connection {
  readonly listeners: Set<Listener>
  readonly scope: Scope.CloseableScope
  isUp: boolean
}

/** Keeps a connection open until it is interrupted, or cannot be opened. */
const keepOpen = ({ events, get }: Source, id: SessionId, connection: Connection) => {
  const read = Events.make(id, Duration.seconds)
  const tell = (event: SessionEvent, size: number) => {
    for (const listener of [...connection.listeners]) listener.onEvent(event, size)
  }
  let wasUp = false
  /** One connection, from its opening to its end. */
  const connect = Effect.gen(function* () {
    const parser = Sse.make()
    let isConnected = false
    let isSound = false
    let isRefused = false
    const take = (event: SessionEvent | undefined, size: number) => {
      if (event === undefined) return
      if (!isConnected) {
        // An unknown session is answered with an error and the end.
        if (event._tag === "Failed") {
          isRefused = true
          return
        }
        isConnected = true
        connection.isUp = true
        tell({ _tag: wasUp ? "Reconnected" : "Connected" }, 0)
        wasUp = true
      }
      if (event._tag === "Connected") return
      isSound = true
      tell(event, size)
    }
    const openedAt = yield* Clock.currentTimeMillis
    const ended = yield* Stream.runForEachWhile(events({ id }), (piece) =>
      Effect.sync(() => {
        if (typeof piece !== "string") take(piece, 0)
        else for (const frame of parser.push(piece)) take(read(frame), frame.data.length)
        return !parser.tooLarge()
      })
    ).pipe(
      Effect.catchAll((error) => (isConnected ? Effect.void : Effect.fail(error))),
      Effect.timeoutOption(maxAge),
      Effect.ensuring(
        Effect.sync(() => {
          connection.isUp = false
        })
      )
    )
    // After a restart the server refuses sessions that it knows.
    if (isRefused)
      yield* Effect.catchAll(get({ id }), (error) => (error._tag === "NotFound" ? Effect.fail(error) : Effect.void))
    if (Option.isNone(ended)) return "replaced"
    return isSound || (isConnected && (yield* Clock.currentTimeMillis) - openedAt >= soundAfter) ? "sound" : "unsound"
  })
  return Effect.gen(function* () {
    for (let drops = 0; ; drops++) {
      const end = yield* connect
      if (end !== "unsound") drops = 0
      if (end === "replaced") continue
      const delay = (yield* Random.next) * Math.min(maxDelay, firstDelay * 2 ** drops)
      yield* Effect.sleep(delay)
    }
  })
}

export const make = (source: Source) => {
  const connections = new Map<SessionId, Connection>()

  const open = (id: SessionId, connection: Connection) =>
    keepOpen(source, id, connection).pipe(
      Effect.interruptible,
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (connections.get(id) === connection) connections.delete(id)
          if (Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause))
            for (const listener of [...connection.listeners]) listener.onFailure(exit.cause)
        })
      ),
      Effect.forkIn(connection.scope)
    )

  const leave = (id: SessionId, connection: Connection, listener: Listener) =>
    Effect.suspend(() => {
      connection.listeners.delete(listener)
      if (connection.listeners.size > 0) return Effect.void
      if (connections.get(id) === connection) connections.delete(id)
      return AsyncContext.keep(Scope.close(connection.scope, Exit.void))
    })

  return {
    /** Tells a listener what happens in a session until the scope closes. */
    listen: (id: SessionId, listener: Listener) =>
      Effect.acquireRelease(
        Effect.flatMap(Scope.make(), (scope) => {
          const known = connections.get(id)
          const connection: Connection = known ?? { listeners: new Set(), scope, isUp: false }
          // Before it is opened: it may fail at once.
          connection.listeners.add(listener)
          if (connection.isUp) listener.onEvent({ _tag: "Connected" }, 0)
          if (known !== undefined) return Effect.succeed(connection)
          connections.set(id, connection)
          return Effect.as(open(id, connection), connection)
        }),
        (connection) => leave(id, connection, listener)
      )
  }
}

export type Connections = ReturnType<typeof make>
