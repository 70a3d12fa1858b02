/**
 * `POST /sessions` makes a session. `POST /sessions/:id/ask` asks the agent, and answers with the events of the turn as
 * server-sent events; the answer is the last one. A browser that leaves interrupts the turn, which cancels the agent's run.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import {
  type Answered,
  type AskError,
  type CreateSessionError,
  SessionEvent,
  SessionId,
  SessionsService
} from "@mix-effect/core"
import { Chunk, Effect, Option, Schema, Stream } from "effect"

/** Shorter than the patience of usual proxies, which is 30 to 60 seconds. */
const heartbeatInterval = "15 seconds"

const maxBodySize = Option.some(1024 * 1024)

/** What the browser is told of an error. What the SDK says holds no credential: it may be shown. */
interface Told {
  readonly _tag: string
  readonly message: string
  /** What became of the message: `notSent` and `refused` may be asked again. */
  readonly outcome: string
}

const tell = ({ _tag, message, outcome = "notSent" }: AskError | CreateSessionError): Told => ({
  _tag,
  message,
  outcome
})

const respond = (status: number, error: Told) => HttpServerResponse.unsafeJson({ error }, { status })

const refuse = (status: number, message: string) =>
  respond(status, { _tag: "InvalidRequest", message, outcome: "notSent" })

const statusOf = ({ _tag }: AskError | CreateSessionError): number => {
  switch (_tag) {
    case "InvalidRequest":
    case "BadRequest":
      return 400
    case "NotFound":
      return 404
    case "RateLimited":
      return 429
    case "RequestTimeout":
    case "AnswerTimeout":
      return 504
    default:
      return 502
  }
}

/**
 * The body as JSON. Pages of other origins may send any body but this one without asking the server first (CORS), and an
 * agent runs commands.
 */
const body = <A, I>(schema: Schema.Schema<A, I>) =>
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const type = Option.getOrElse(Headers.get(headers, "content-type"), () => "")
    if (!/^application\/json *(;|$)/i.test(type)) return yield* Effect.fail({ _tag: "UnsupportedType" as const })
    return yield* HttpServerRequest.schemaBodyJson(schema)
  })

/** JSON has no line breaks of its own, and escapes those of texts: whatever the agent writes, a frame is one line of data. */
const frame = (event: string, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

const encodeEvent = Schema.encodeSync(SessionEvent)

const toFrame = (event: SessionEvent | Answered) =>
  frame(event._tag, event._tag === "Answered" ? event : encodeEvent(event))

/** Keeps proxies from closing the connection, and lets this server notice that a browser is gone. */
const heartbeats = Stream.repeatEffect(Effect.delay(Effect.succeed(": heartbeat\n\n"), heartbeatInterval))

const ask = Effect.gen(function* () {
  const { id } = yield* HttpRouter.schemaPathParams(Schema.Struct({ id: SessionId }))
  const { text } = yield* body(Schema.Struct({ text: Schema.String }))
  const sessions = yield* SessionsService

  const frames = sessions
    .askStream({ id, text })
    .pipe(Stream.map(toFrame), Stream.merge(heartbeats, { haltStrategy: "left" }))
  // The first frame is awaited before the status is written: if the turn fails until then, the status can say so.
  const pull = yield* Stream.toPull(frames)
  const first = yield* Effect.catchAll(
    pull,
    Option.match({ onNone: () => Effect.succeed(Chunk.empty<string>()), onSome: Effect.fail })
  )
  const rest = Stream.repeatEffectChunkOption(pull).pipe(
    Stream.catchAll((error) =>
      Stream.fromEffect(Effect.as(Effect.logError(error.message), frame("error", tell(error))))
    )
  )
  return HttpServerResponse.stream(Stream.encodeText(Stream.concat(Stream.fromChunk(first), rest)), {
    contentType: "text/event-stream",
    // Proxies neither keep it nor hold it back.
    headers: { "cache-control": "no-store, no-transform", "x-accel-buffering": "no" }
  })
})

const create = Effect.gen(function* () {
  const { title } = yield* body(Schema.Struct({ title: Schema.String }))
  const sessions = yield* SessionsService
  const { id } = yield* sessions.create({ title, browserMode: "local-browser-service" }).pipe(
    // Servers before February 2026 know no browser mode. They refused, so there is no session yet.
    Effect.catchTag("BadRequest", () => sessions.create({ title }))
  )
  return HttpServerResponse.unsafeJson({ id }, { status: 201 })
})

/** What goes wrong before the first byte is a status and JSON. */
export const app = HttpRouter.empty.pipe(
  HttpRouter.post("/sessions", create),
  HttpRouter.post("/sessions/:id/ask", ask),
  Effect.catchTags({
    RouteNotFound: () => refuse(404, "no such route"),
    UnsupportedType: () => refuse(415, "the content type must be application/json"),
    ParseError: () => refuse(400, 'the body must be an object with a text in "title", or "text"'),
    RequestError: () => refuse(400, "the body is not JSON")
  }),
  Effect.catchAll((error) => respond(statusOf(error), tell(error))),
  HttpServerRequest.withMaxBodySize(maxBodySize)
)
