/** Nothing in a program speaks of a proxy: the client reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY when its layer is built. */
import { MessagesService } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { Effect, Stream } from "effect"

export const count = Effect.flatMap(MessagesService, (messages) =>
  Stream.runCount(messages.streamHistory({ pageSize: 500 }))
).pipe(Effect.provide(MixNode.layer()))
