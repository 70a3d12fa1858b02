/**
 * A server on a real socket that fails as it is told: it stalls, resets, truncates, lies about lengths, drips and
 * floods, and keeps a record of what its clients sent and when they left. For tests of HTTP clients, this project's and
 * yours; it knows nothing of Mix.
 *
 * @example
 * import { FaultServer } from "@mix-effect/testing"
 * import * as Effect from "effect/Effect"
 *
 * // The first request is never answered, the second meets a reset in the body, all others are answered.
 * const program = Effect.gen(function* () {
 *   const server = yield* FaultServer.serve([
 *     FaultServer.stallBeforeHead,
 *     FaultServer.resetMidBody(),
 *     FaultServer.json([])
 *   ])
 *   // ... let a client call server.url, then:
 *   yield* server.awaitRequests(3)
 *   return (yield* server.requests).map((request) => request.line)
 * }).pipe(Effect.scoped)
 *
 * // A reply of your own.
 * const slow = FaultServer.reply(
 *   FaultServer.head({ status: 200, headers: [["Transfer-Encoding", "chunked"]] }),
 *   FaultServer.delay("50 millis"),
 *   FaultServer.chunk("[]"),
 *   FaultServer.lastChunk
 * )
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { ListenError, Options, Running, Script } from "./internal/faultServer/model.ts"
import { serve } from "./internal/faultServer/serve.ts"

export { brotli, gzip, gzipBomb, gzipCorrupt, gzipTruncated } from "./internal/faultServer/codings.ts"
export {
  acceptThenClose,
  acceptThenReset,
  answerThenCloseIdle,
  closeWithoutReply,
  garbage,
  oversizedHeaders,
  resetAfterHeaders,
  resetDuringUpload,
  resetMidBody,
  resetWithoutReply,
  stallBeforeHead,
  stallMidBody,
  truncated,
  truncatedChunked
} from "./internal/faultServer/faults.ts"
export {
  type HeaderLine,
  ListenError,
  type Moment,
  type Options,
  type ReceivedRequest,
  type Reply,
  type Running,
  type Script,
  type Step
} from "./internal/faultServer/model.ts"
export {
  closeDelimited,
  type Dress,
  earlyHints,
  json,
  largeBody,
  raw,
  redirect,
  status,
  text
} from "./internal/faultServer/replies.ts"
export { serve } from "./internal/faultServer/serve.ts"
export {
  atAccept,
  chunk,
  delay,
  drip,
  duringUpload,
  end,
  flood,
  head,
  keepAlive,
  lastChunk,
  reply,
  reset,
  resetOnReuse,
  stall,
  write
} from "./internal/faultServer/steps.ts"
export { blackHoleUrl, refusedUrl } from "./internal/faultServer/unreachable.ts"

/**
 * A running fault server, for tests that share one through a layer.
 *
 * @since 0.1.0
 * @category tags
 */
export class FaultServer extends Context.Tag("@mix-effect/testing/FaultServer")<FaultServer, Running>() {}

/**
 * A server as `serve` starts it, for as long as the layer lives. Its record is not cleared between tests that share it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (script: Script, options?: Options): Layer.Layer<FaultServer, ListenError> =>
  Layer.scoped(FaultServer, serve(script, options))
