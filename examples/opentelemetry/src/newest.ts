/** What is traced: one span of the application's own, and below it those of the client. */
import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Effect } from "effect"

/** With `tracePropagation` the server can take part in the trace. It is off by default: browsers would be refused. */
export const MessagesLive = MixNode.layer({ tracePropagation: true })

export const newest = Effect.flatMap(MessagesService, (messages) => messages.getHistory({ limit: 20 })).pipe(
  Effect.withSpan("newest messages")
)
