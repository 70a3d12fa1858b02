/**
 * `GET /history`: every message as a line of JSON, newest first. A page is asked of the Mix server when the one before it
 * has been written; while the reader does not read, nothing is asked for.
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { type HistoryPage, MessagesService } from "@mix-effect/core"
import { Chunk, Effect, Option, Schema, Stream } from "effect"

const Query = Schema.Struct({ pageSize: Schema.optionalWith(Schema.NumberFromString, { default: () => 500 }) })

/** One piece for a page: what is written at once. */
const toLines = ({ messages }: HistoryPage) => messages.map((message) => `${JSON.stringify(message)}\n`).join("")

const history = Effect.gen(function* () {
  const { pageSize } = yield* HttpServerRequest.schemaSearchParams(Query)
  const request = yield* HttpServerRequest.HttpServerRequest
  const messages = yield* MessagesService

  // The first page is read before the status is written: if it fails, the status can say so.
  const pull = yield* Stream.toPull(messages.streamHistoryPages({ pageSize }))
  const first = yield* Effect.catchAll(
    pull,
    Option.match({ onNone: () => Effect.succeed(Chunk.empty<HistoryPage>()), onSome: Effect.fail })
  )
  // Later it cannot. The server would end the response as if all were well: a list that breaks off must not look whole.
  const breakOff = Effect.sync(() => NodeHttpServerRequest.toServerResponse(request).destroy())
  const pages = Stream.concat(Stream.fromChunk(first), Stream.repeatEffectChunkOption(pull))
  return HttpServerResponse.stream(
    pages.pipe(
      Stream.tapError((error) => Effect.zipRight(Effect.logError(error.message), breakOff)),
      Stream.map(toLines),
      Stream.encodeText
    ),
    { contentType: "application/x-ndjson" }
  )
}).pipe(
  Effect.catchTags({
    ParseError: () => HttpServerResponse.text("pageSize must be a number", { status: 400 }),
    InvalidRequest: ({ message }) => HttpServerResponse.text(message, { status: 400 })
  }),
  // What the SDK says holds no credential: it may be shown.
  Effect.catchAll(({ message }) => HttpServerResponse.text(message, { status: 502 }))
)

/** A layer that serves for as long as it lives. */
export const layer = HttpRouter.empty.pipe(HttpRouter.get("/history", history), HttpServer.serve())
