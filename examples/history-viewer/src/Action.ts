/** What a person can ask for. */
import type { SessionId } from "@mix-effect/core"
import * as Data from "effect/Data"

export type Action = Data.TaggedEnum<{
  Connect: { readonly serverUrl: string }
  /** The reader came near the end of what is loaded. */
  More: Record<never, never>
  Retry: Record<never, never>
  /** Show the new messages. */
  Reveal: Record<never, never>
  /** Look at one session, or at the whole history. */
  Open: { readonly id: SessionId | undefined }
  /** Make a session, and look at it. */
  Make: Record<never, never>
  Send: { readonly id: SessionId; readonly text: string }
  /** Stop the agent in a session. */
  Stop: { readonly id: SessionId }
  /** Answer a permission that the agent waits for. */
  Answer: { readonly requestId: string; readonly answer: "grant" | "deny" }
}>
export const Action = Data.taggedEnum<Action>()

/** How views tell what was asked for. */
export type Dispatch = (action: Action) => void
