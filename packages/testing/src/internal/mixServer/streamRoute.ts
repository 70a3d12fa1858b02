import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type { Agent } from "./agent.ts"
import * as Commands from "./commands.ts"
import { decode, type FieldType } from "./decode.ts"
import { EventStream } from "./eventStream.ts"
import * as Events from "./events.ts"
import * as Reply from "./reply.ts"
import type { Store } from "./store.ts"
import { letWrite, type Stream, type Streams } from "./streams.ts"

const heartbeatEvery = "45 seconds"
/** Messages that a stream of Sept 25, 2025 keeps while it works on one. */
const maxMessages = 100

const messageFields: Readonly<Record<string, FieldType>> = {
  text: "string",
  media: "[]string",
  apps: "[]string",
  plan_mode: "bool"
}

/** `/stream` and, for Sept 25, 2025, the messages that are sent through it. */
export const make = (options: {
  readonly store: Store
  readonly streams: Streams
  readonly agent: Agent
  readonly authenticated: boolean
  readonly lifetime: Duration.DurationInput
}) => {
  const { agent, store, streams } = options
  const inboxes = new Map<Stream, (content: string) => boolean>()

  /** Answers one message on one stream. `false` where the server drops the stream over it. */
  const answer = (stream: Stream, content: string): Effect.Effect<boolean> =>
    Effect.gen(function* () {
      const { sessionId } = stream
      const tell = (event: Events.Event) =>
        Effect.zipRight(
          Effect.sync(() => stream.send(event)),
          letWrite
        )
      const decoded = decode(new TextEncoder().encode(content), "MessageContent", messageFields, "lenient")
      if (Either.isLeft(decoded)) return false
      const given = decoded.right.get("text")
      const text = typeof given === "string" ? given : ""
      if (text.startsWith("/")) {
        const command = Commands.parse(text)
        const result = Commands.run(command)
        yield* tell(
          result === undefined
            ? Events.error(`Command execution failed: command not found: ${command}`)
            : Events.complete({ content: result })
        )
        return true
      }
      if (text.startsWith("!")) {
        yield* tell(Events.complete({ content: agent.shell(sessionId, text) }))
        return true
      }
      if (!options.authenticated) {
        yield* tell(Events.error(Reply.authPrompt, "authentication_error"))
        return true
      }
      if (agent.isBusy(sessionId)) {
        yield* tell(Events.error("Failed to start agent: session is currently processing another request"))
        return true
      }
      if (store.session(sessionId) === undefined) {
        yield* tell(Events.error("Failed to start agent: failed to get session: sql: no rows in result set"))
        return true
      }
      const planMode = decoded.right.get("plan_mode") === true
      // The run goes on when the stream closes.
      const run = yield* agent.start({ sessionId, text, planMode }, { tell })
      yield* Fiber.await(run)
      return true
    })

  const open = (sessionId: string) =>
    new EventStream((writer) =>
      Effect.gen(function* () {
        const stream = streams.make(sessionId, writer)
        if (store.session(sessionId) === undefined) {
          stream.send(Events.error(`Invalid session ID: ${sessionId}`))
          return stream.close(true)
        }
        const inbox = yield* Queue.dropping<string>(maxMessages)
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            streams.add(stream)
            inboxes.set(stream, (content) => inbox.unsafeOffer(content))
          }),
          () =>
            Effect.sync(() => {
              streams.remove(stream)
              stream.close(false)
              inboxes.delete(stream)
            })
        )
        stream.send(Events.connected(sessionId))
        const heartbeats = Effect.forever(
          Effect.delay(
            Effect.sync(() => stream.send(Events.heartbeat)),
            heartbeatEvery
          )
        )
        const messages = Effect.repeat(
          Effect.flatMap(Queue.take(inbox), (content) => answer(stream, content)),
          { while: (goesOn) => goesOn }
        )
        yield* Effect.raceAll([
          heartbeats,
          Effect.zipRight(
            messages,
            Effect.sync(() => stream.close(true))
          ),
          Effect.zipRight(
            Effect.sleep(options.lifetime),
            Effect.sync(() => stream.close(false))
          )
        ])
      }).pipe(Effect.scoped)
    )

  return {
    get: (sessionId: string): Reply.Response =>
      sessionId === "" ? Reply.streamRejected : Reply.eventStream(open(sessionId)),
    message: (sessionId: string, body: Uint8Array): Reply.Response => {
      const decoded = decode(body, "", { content: "string" }, "lenient")
      if (Either.isLeft(decoded)) return Reply.streamMessageRejected("Invalid JSON in request body")
      const content = decoded.right.get("content")
      if (typeof content !== "string" || content === "") return Reply.streamMessageRejected("Missing content parameter")
      for (const stream of streams.of(sessionId)) inboxes.get(stream)?.(content)
      return Reply.streamMessageTaken(sessionId)
    }
  }
}
