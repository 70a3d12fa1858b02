/** A server on which something happens all the time, and the comparison of what came of it with an archive. */
import { deepStrictEqual } from "node:assert"
import * as SqlClient from "@effect/sql/SqlClient"
import { type BackendMessage, MessagesService, SessionId } from "@mix-effect/core"
import { MixNode } from "@mix-effect/node"
import { MixAgent, MixServer } from "@mix-effect/testing"
import { Effect, Random } from "effect"
import * as Database from "../src/Database.ts"
import * as Message from "../src/Message.ts"

const texts = [
  "Why?",
  "NUL \0 and half \ud83d of it",
  "café 日本語 👩‍💻",
  "'; DROP TABLE messages; --",
  "x".repeat(20_000)
]

export const pick = <A>(items: ReadonlyArray<A>) =>
  Effect.map(Random.nextIntBetween(0, items.length), (index) => items[index] as A)

/** An agent that takes its time, and spends tokens. */
const agent = ({ text }: MixAgent.AgentRequest) => [
  MixAgent.think("Let me see."),
  MixAgent.say("One ", "moment."),
  MixAgent.call({ name: "bash", input: '{"command":"ls"}', duration: "100 millis", result: "README.md" }),
  MixAgent.say("Done: ", text),
  MixAgent.use({ inputTokens: text.length, outputTokens: 10, cost: 0.001 })
]

export const serve = (options: MixServer.Options) => MixServer.serve({ agent, ...options })

/** One thing that happens. */
const happen = (server: MixServer.Running) =>
  Effect.gen(function* () {
    const sessions = yield* server.sessions
    const sessionId = yield* pick([...sessions, `made-${yield* Random.nextIntBetween(0, 1 << 30)}`])
    const text = yield* pick(texts)
    const post = (path: string, body: unknown) =>
      Effect.ignore(
        Effect.tryPromise((signal) =>
          fetch(`${server.url}${path}`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
            signal
          }).then((response) => response.text())
        ).pipe(Effect.timeout("5 seconds"))
      )
    switch (yield* Random.nextIntBetween(0, 20)) {
      case 0:
        return yield* server.deleteSession(sessionId)
      case 1:
        return yield* server.importMessages(yield* Random.nextIntBetween(1, 200), { sessionId, text })
      case 2:
      case 3:
      case 4:
      case 5:
        return yield* post(`/api/sessions/${sessionId}/messages`, { text })
      case 6: {
        const rows = yield* Effect.option(
          Effect.tryPromise(() =>
            fetch(`${server.url}/api/sessions/${sessionId}/messages`).then(
              (response) => response.json() as Promise<ReadonlyArray<{ readonly id: string }>>
            )
          )
        )
        const first = rows._tag === "Some" ? (rows.value ?? [])[0] : undefined
        return first === undefined
          ? undefined
          : yield* post(`/api/sessions/${sessionId}/rewind`, { messageId: first.id })
      }
      default:
        return yield* server.append({ sessionId, text, role: yield* pick(["user", "user", "assistant"]) })
    }
  })

/** Goes on until it is interrupted. */
export const churn = (server: MixServer.Running, millis: number) =>
  Effect.forever(
    Effect.flatMap(Random.nextIntBetween(1, 2 * millis), (wait) => Effect.delay(happen(server), `${wait} millis`))
  )

/** Fails unless the archive holds, as not deleted, exactly what the server lists: ids, order, and every field. */
export const compare = (server: MixServer.Running) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const messages = yield* MessagesService
    const rows = yield* sql<Message.Content & { id: string }>`
      SELECT * FROM messages WHERE server = ${server.url} AND deleted_at IS NULL ORDER BY session_id, position`
    const archived = new Map<string, Array<BackendMessage>>()
    for (const row of rows) {
      const message = Message.fromRow(row)
      const before = archived.get(message.sessionId)
      if (before === undefined) archived.set(message.sessionId, [message])
      else before.push(message)
    }
    const sessions = yield* server.sessions
    yield* Effect.forEach(
      sessions,
      (id) =>
        Effect.map(messages.listSession({ id: SessionId.make(id) }), (listed) =>
          // Of a field that is absent it is not kept how it is.
          deepStrictEqual(JSON.parse(JSON.stringify(archived.get(id) ?? [])), JSON.parse(JSON.stringify(listed)))
        ),
      { concurrency: 4, discard: true }
    )
    for (const id of sessions) archived.delete(id)
    deepStrictEqual([...archived.keys()], [], "sessions that the server has not")
    const live = yield* sql<{ id: string }>`
      SELECT id FROM sessions WHERE server = ${server.url} AND deleted_at IS NULL`
    deepStrictEqual(live.map(({ id }) => id).sort(), [...sessions].sort())
    const marked = yield* sql`SELECT seq FROM messages WHERE server = ${server.url} AND deleted_at IS NOT NULL`
    return { messages: rows.length, sessions: sessions.length, deleted: marked.length }
  }).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url })))

export const compareIn = (target: Database.Target, server: MixServer.Running) =>
  Effect.provide(compare(server), Database.layerRead(target))
