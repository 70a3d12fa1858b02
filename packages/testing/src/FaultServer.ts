/**
 * A server on a real socket that fails as scripted: it stalls, resets, truncates, sends wrong lengths, drips and
 * floods. It records what its clients sent and when they left. Use it to test any HTTP client; it contains nothing
 * specific to Mix.
 *
 * @example
 * import { FaultServer } from "@mix-effect/testing"
 * import * as Effect from "effect/Effect"
 *
 * // The first request gets no answer, the second a reset in the body, all others a reply.
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
 * // Your own reply.
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
 * `serve` as a layer. The record is not cleared between tests that share it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (script: Script, options?: Options): Layer.Layer<FaultServer, ListenError> =>
  Layer.scoped(FaultServer, serve(script, options))
