/** Events of sessions in which something happens now: they tell sooner than the next look does. */
import type { SessionEvent, SessionId, Sessions } from "@mix-effect/core"
import { Effect, Stream } from "effect"

/** How many sessions are listened to at a time, each on a connection of its own. */
export const maxWatched = 16

/** Whether rows of the session may have changed. Pieces of text come by the hundred, and the end of the run tells of them. */
const tells = (event: SessionEvent): boolean => {
  switch (event._tag) {
    case "MessageCreated":
    case "Completed":
    case "Failed":
    case "Reconnected":
      return true
    case "ToolCall":
      return event.status === "completed" || event.status === "failed"
    default:
      return false
  }
}

/** Listens for a while. Events are a courtesy: a session is looked at without them, too. */
export const watch = <E>(sessions: Sessions, id: SessionId, touch: Effect.Effect<unknown, E>) =>
  sessions.events({ id }).pipe(
    Stream.filter(tells),
    Stream.runForEach(() => touch),
    Effect.timeout("5 minutes"),
    Effect.ignore
  )
