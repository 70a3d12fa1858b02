/** Every operation against a Mix server of another origin, and what goes over the wire for it. */
import { assert, describe, it } from "@effect/vitest"
import type { MessageId } from "@mix-effect/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type Request, service, sessionId, startMix } from "./support.ts"

/** What every browser adds by itself, to every request. */
const browserHeaders = /^(host|connection|user-agent|origin|referer|accept-encoding|accept-language|sec-.*)$/

/** What browsers add to a request that no cache is to answer. It needs no preflight. */
const uncached = { "cache-control": "no-cache", pragma: "no-cache" }

const ownHeaders = ({ headers }: Request) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !browserHeaders.test(name)))

const count = (requests: ReadonlyArray<Request>, method: string) =>
  requests.filter((request) => request.method === method).length

describe.each(["2025-09-11", "2025-09-25", "2025-10-10"] as const)("Mix of %s", (generation) => {
  it.scopedLive("getHistory, listSession and an empty list are read without a preflight, by minimal requests", () =>
    Effect.gen(function* () {
      const server = yield* startMix({ generation, seed: { messages: 25, sessions: 2 } })
      const messages = yield* service({ serverUrl: server.url })
      const page = yield* messages.getHistory({ limit: 10, offset: 3 })
      const ids = yield* server.messages
      assert.deepStrictEqual<ReadonlyArray<string>>(
        page.map(({ id }) => id),
        ids.slice(3, 13)
      )
      const [first] = yield* server.sessions
      const session = yield* messages.listSession({ id: first as typeof sessionId })
      assert.isAbove(session.length, 1)
      assert.deepStrictEqual(yield* messages.listSession({ id: sessionId }), [])

      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map(({ method, target }) => `${method} ${target}`),
        [
          "GET /api/messages/history?limit=10&offset=3",
          `GET /api/sessions/${first}/messages`,
          "GET /api/sessions/s1/messages"
        ]
      )
      for (const request of requests)
        assert.deepStrictEqual(ownHeaders(request), { accept: "application/json", ...uncached })
    })
  )

  it.scopedLive("send answers with the reply, or says that it is pending; one preflight", () =>
    Effect.gen(function* () {
      const server = yield* startMix({ generation, seed: { messages: 1, sessions: 1 } })
      const messages = yield* service({ serverUrl: server.url })
      const [id] = (yield* server.sessions) as ReadonlyArray<typeof sessionId>
      const sent = yield* Effect.either(messages.send({ id: id as typeof sessionId, text: "Hello ☃" }))
      if (generation === "2025-10-10") {
        assert.strictEqual(sent._tag === "Left" && sent.left._tag, "ReplyPending")
      } else if (generation === "2025-09-25") {
        assert.strictEqual(sent._tag === "Right" && sent.right.userInput, "Hello ☃")
      }
      const requests = yield* server.requests
      assert.deepStrictEqual([count(requests, "OPTIONS"), count(requests, "POST")], [1, 1])
      const [preflight, post] = requests as [Request, Request]
      assert.strictEqual(preflight.headers["access-control-request-headers"], "content-type")
      assert.containsAllKeys(ownHeaders(post), ["accept", "content-type", "content-length"])
      assert.strictEqual(post.headers["content-type"], "application/json")
    })
  )

  it.scopedLive("streamHistory gives every message once, and streamHistoryPages resumes at a cursor", () =>
    Effect.gen(function* () {
      const server = yield* startMix({ generation, seed: { messages: 230, sessions: 3 } })
      const messages = yield* service({ serverUrl: server.url })
      const ids = yield* server.messages
      const all = yield* Stream.runCollect(messages.streamHistory({ pageSize: 100 }))
      assert.deepStrictEqual<ReadonlyArray<string>>(
        Chunk.toReadonlyArray(all).map(({ id }) => id),
        ids
      )
      const pages = messages.streamHistoryPages({ pageSize: 50 }).pipe(Stream.take(2))
      const { cursor } = Option.getOrThrow(yield* Stream.runLast(pages))
      const rest = yield* Stream.runCollect(messages.streamHistory({ pageSize: 100, from: cursor }))
      assert.deepStrictEqual<ReadonlyArray<string>>(
        Chunk.toReadonlyArray(rest).map(({ id }) => id),
        ids.slice(100)
      )
      assert.strictEqual(count(yield* server.requests, "OPTIONS"), 0)
    })
  )

  it.scopedLive("followHistory gives what appears, in order, without a preflight", () =>
    Effect.gen(function* () {
      const server = yield* startMix({ generation, seed: { messages: 5 } })
      const messages = yield* service({ serverUrl: server.url })
      const { cursor } = Option.getOrThrow(yield* Stream.runHead(messages.streamHistoryPages()))
      const expected: Array<string> = []
      for (const text of ["one", "two", "three"]) {
        expected.push(yield* server.append({ sessionId: "s1", text, createdAt: 4_000_000_000 + expected.length }))
      }
      const seen = yield* messages
        .followHistory({ from: cursor, schedule: Schedule.spaced("10 millis") })
        .pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual<ReadonlyArray<string>>(
        Chunk.toReadonlyArray(seen).map(({ id }) => id),
        expected
      )
      assert.strictEqual(count(yield* server.requests, "OPTIONS"), 0)
    })
  )
})

it.scopedLive("a stream asks for a page only as it is pulled", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ seed: { messages: 500 } })
    const messages = yield* service({ serverUrl: server.url })
    const pull = yield* Stream.toPull(messages.streamHistoryPages({ pageSize: 50 }))
    for (const pages of [1, 2, 3]) {
      yield* pull
      assert.isAtMost((yield* server.requests).length, pages)
    }
  }).pipe(Effect.orDie)
)

it.scopedLive("a bearer token passes Mix's preflight, with a read too", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ seed: { messages: 1 } })
    const messages = yield* service({ serverUrl: server.url, bearerToken: Redacted.make("secret") })
    const [only] = yield* messages.getHistory()
    assert.strictEqual<MessageId | undefined | string>(only?.id, (yield* server.messages)[0])
    const requests = yield* server.requests
    assert.deepStrictEqual(
      requests.map(({ method }) => method),
      ["OPTIONS", "GET"]
    )
    assert.strictEqual(requests[1]?.headers.authorization, "Bearer secret")
  })
)
