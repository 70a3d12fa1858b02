/** K: the stream of a session's events, when it fails in each of its phases. */
import { gzipSync } from "node:zlib"
import { type SessionEvent, SessionId, SessionsService } from "@mix-effect/core"
import { FaultServer, MixAgent, MixServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { MixNode } from "../src/index.ts"
import { type Absent, type Call, type Expected, eventStreamHead, limits, play, type Row, row } from "./faultRow.ts"

const id = SessionId.make("s1")

const frame = (event: string, data: object) => `event: ${event}\ndata: ${JSON.stringify(data)}\nretry: 30000\n\n`
const connected = frame("connected", { sessionId: id })
const content = frame("content", { type: "content", content: "Hi" })

const tagsOf = (events: Iterable<SessionEvent>) => [...events].map(({ _tag }) => _tag as string)

/** The first events of a session, and then no more. */
const events = (count: number): Call<SessionsService> => ({
  name: `events({ id }), the first ${count}`,
  run: () =>
    Effect.flatMap(SessionsService, (sessions) =>
      Effect.map(Stream.runCollect(Stream.take(sessions.events({ id }), count)), tagsOf)
    )
})

const opened = (...steps: ReadonlyArray<FaultServer.Step>) => FaultServer.reply(eventStreamHead(), ...steps)

const well = opened(FaultServer.chunk(connected + content), FaultServer.stall)

/** The stream fails, and the next one is well. */
const drops = (cases: number, name: string, first: FaultServer.Reply, seen: ReadonlyArray<string>): Row =>
  row(
    cases,
    name,
    [first, well],
    { value: [...seen, "Reconnected", "Text"], requests: 2 },
    { call: events(seen.length + 2) }
  )

const fails = (
  cases: number,
  name: string,
  first: FaultServer.Reply,
  tag: string,
  fields: Record<string, unknown>,
  requests = 1
): Row =>
  row(cases, name, first, { tag, fields: { operation: "sessionEvents", ...fields }, requests }, { call: events(1) })

/** An ask, while the server does something in the middle of its run. */
const asked = (
  cases: number,
  name: string,
  expected: Expected,
  meanwhile: (server: MixServer.Running) => Effect.Effect<void>,
  timeout: number
): Row =>
  play(
    cases,
    name,
    "ask({ id, text })",
    expected,
    Effect.gen(function* () {
      const server = yield* MixServer.serve({
        generation: "2026-02",
        agent: (_, running) => [
          MixAgent.say("Half of "),
          MixAgent.perform(Effect.asVoid(Effect.forkDaemon(meanwhile(running)))),
          MixAgent.pause("200 millis"),
          MixAgent.say("the answer.")
        ]
      })
      const session = yield* server.createSession({ browserMode: "local-browser-service" })
      const answer = yield* Effect.flatMap(SessionsService, (sessions) =>
        sessions.ask({ id: SessionId.make(session), text: "Hello" }, { timeout })
      ).pipe(Effect.provide(MixNode.layer({ ...limits, serverUrl: server.url })))
      return answer.text
    })
  )

const hello = 'data: {"x":"'

export const streamRows: ReadonlyArray<Row> = [
  row(
    171,
    "nothing listens where the stream is",
    { url: FaultServer.refusedUrl },
    { tag: "ConnectionError", fields: { operation: "sessionEvents", phase: "connect", attempts: 4 }, requests: 0 },
    { call: events(1) }
  ),
  fails(172, "the stream: 401", FaultServer.status(401), "Unauthorized", { status: 401 }),
  fails(173, "the stream: 404 of another server", FaultServer.status(404), "NotFound", { status: 404 }),
  fails(
    174,
    "the stream: a page of HTML",
    FaultServer.text("<html>Log in</html>", { headers: [["Content-Type", "text/html"]] }),
    "ResponseDecodeError",
    { reason: "contentType" }
  ),
  fails(175, "the stream: no head", FaultServer.stallBeforeHead, "RequestTimeout", { phase: "headers" }, 4),
  fails(
    176,
    "the stream: a head, and not its first event, as of a proxy that holds it back",
    opened(FaultServer.stall),
    "RequestTimeout",
    { phase: "body" },
    4
  ),
  drops(
    177,
    "the stream is reset",
    opened(FaultServer.chunk(connected), FaultServer.delay("20 millis"), FaultServer.reset),
    ["Connected"]
  ),
  drops(
    178,
    "the stream ends in the middle of an event",
    opened(FaultServer.chunk(connected + content + content.slice(0, 20)), FaultServer.lastChunk, FaultServer.end),
    ["Connected", "Text"]
  ),
  drops(
    179,
    "an event that never ends: given up after 16 MiB",
    opened(
      FaultServer.chunk(connected + hello),
      ...Array.from({ length: 17 }, () => FaultServer.chunk("x".repeat(1024 * 1024))),
      FaultServer.stall
    ),
    ["Connected"]
  ),
  row(
    180,
    "the stream is compressed",
    FaultServer.reply(
      eventStreamHead(["Content-Encoding", "gzip"]),
      FaultServer.chunk(gzipSync(connected + content)),
      FaultServer.stall
    ),
    { value: ["Connected", "Text"], requests: 1 },
    { call: events(2) }
  ),
  asked(
    181,
    "the server cuts all streams in the middle of a run",
    { value: "Half of the answer." },
    (server) => server.closeStreams(),
    10_000
  ),
  asked(
    182,
    "the server restarts in the middle of a run, which is lost with it",
    {
      tag: "AnswerTimeout",
      fields: { outcome: "accepted", eventsMissed: true, isRetryable: false },
      says: /run goes on.*events were missed/
    },
    (server) => Effect.orDie(server.restart("20 millis")),
    1500
  )
]

export const streamAbsent: ReadonlyArray<Absent> = [
  {
    cases: [183],
    name: "the stream falls silent",
    reason: "it is given up after 100 seconds: by `TestClock`, in packages/http/test/eventStream.test.ts"
  },
  {
    cases: [184],
    name: "a reader that is slow",
    reason: "no socket decides it: packages/core/test/conversation/connection.test.ts and ask.test.ts"
  }
]
