/** Where a policy is said: around the layer, around one call, around one stream. */
import { MessagesService } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import { MixNode } from "@mix-effect/node"
import { Effect, Layer, Stream } from "effect"
import { logged, patient, quick } from "./policies.ts"

/** All calls of the application, unless they say otherwise. */
export const MessagesLive = MixNode.layer({ deadline: "10 minutes" }).pipe(
  Layer.provideMerge(RetryPolicy.layer(logged(patient)))
)

/** One call. */
export const newest = Effect.flatMap(MessagesService, (messages) =>
  messages.getHistory({ limit: 1 }).pipe(RetryPolicy.withRetryPolicy(logged(quick)))
)

/** Every page of one stream: what was emitted stays emitted, and only the page that failed is asked for again. */
export const count = Effect.flatMap(MessagesService, (messages) =>
  messages.streamHistory({ pageSize: 500 }).pipe(RetryPolicy.withRetryPolicy(logged(quick)), Stream.runCount)
)

/** A call that shall fail rather than wait. */
export const isUp = Effect.flatMap(MessagesService, (messages) =>
  messages.getHistory({ limit: 1 }).pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none), Effect.isSuccess)
)
