import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  type ListSessionsError,
  MessagesService,
  NewSession,
  NotFound,
  ServerError,
  Session,
  SessionExport,
  SessionId,
  type SessionsImplementation,
  SessionsService
} from "../src/index.ts"
import { json } from "./fixtures.ts"

const id = SessionId.make("s1")

const session: Session = { id, title: "New", createdAt: DateTime.unsafeMake(0) }

const make = (implementation: Partial<SessionsImplementation> = {}) => {
  const calls: Array<readonly [string, unknown]> = []
  const note =
    <A>(name: string, result: A) =>
    (input: unknown) =>
      Effect.sync(() => {
        calls.push([name, input])
        return result
      })
  const absent = Effect.fail(new NotFound({ operation: "send" }))
  const service = SessionsService.make(
    {
      create: note("create", session),
      list: note("list", [session]),
      get: note("get", session),
      delete: note("delete", undefined),
      cancel: note("cancel", undefined),
      events: () => Stream.never,
      export: note("export", { messages: [] }),
      answerPermission: note("answerPermission", undefined),
      ...implementation
    },
    MessagesService.make({ getHistory: () => absent, listSession: () => absent, send: () => absent })
  )
  return { calls, service }
}

describe("SessionsService", () => {
  it("reads sessions of every generation", () => {
    const decode = Schema.decodeUnknownSync(Session)
    const seed = decode(json("40-session-201-seed"))
    // The server writes its local time.
    assert.strictEqual(DateTime.formatIso(seed.createdAt), "2025-09-25T09:40:22.000Z")
    assert.strictEqual(seed.userMessageCount, 0)
    const newer = decode(json("42-session-201-feb2026"))
    assert.deepInclude(newer, { sessionType: "main", browserMode: "local-browser-service" })
    const lists = ["41-sessions-list-seed", "83-sessions-list-nov2025"].flatMap((name) =>
      Schema.decodeUnknownSync(Schema.Array(Session))(json(name))
    )
    assert.strictEqual(lists.length, 3)
    assert.isString(lists[0]?.firstUserMessage)
    assert.deepStrictEqual(
      decode({ id: "s1", title: "", createdAt: "2025-09-25T09:40:22Z", cdpUrl: null, callbacks: null, more: 1 }),
      { id, title: "", createdAt: DateTime.unsafeMake("2025-09-25T09:40:22Z") }
    )
  })

  it("reads exports", () => {
    const decode = Schema.decodeUnknownSync(SessionExport)
    const { messages } = decode(json("82-export-200"))
    assert.deepStrictEqual(
      messages.map(({ finishReason, role }) => `${role}:${finishReason}`),
      ["user:stop", "assistant:tool_use", "tool:stop", "assistant:end_turn"]
    )
    assert.deepStrictEqual(messages[1]?.toolCalls, [{ id: "toolu_2" }])
    for (const empty of [{}, { messages: null }]) assert.deepStrictEqual(decode(empty), { messages: [] })
  })

  it("encodes only the keys that are set", () => {
    const encode = Schema.encodeSync(NewSession)
    assert.strictEqual(JSON.stringify(encode({ title: "New" })), '{"title":"New"}')
    assert.strictEqual(
      JSON.stringify(
        encode({ title: "New", browserMode: "remote-cdp-websocket", cdpUrl: "ws://x", promptMode: undefined })
      ),
      '{"title":"New","browserMode":"remote-cdp-websocket","cdpUrl":"ws://x"}'
    )
  })

  it.effect("passes on what was checked", () =>
    Effect.gen(function* () {
      const { calls, service } = make()
      yield* service.create({ title: "New" })
      yield* service.list()
      yield* service.list({ includeSubagents: true })
      yield* service.get({ id })
      yield* service.delete({ id })
      yield* service.cancel({ id })
      assert.deepStrictEqual(calls, [
        ["create", { title: "New" }],
        ["list", {}],
        ["list", { includeSubagents: true }],
        ["get", { id }],
        ["delete", { id }],
        ["cancel", { id }]
      ])
    })
  )

  it.effect("refuses what no server understands, before it is called", () =>
    Effect.gen(function* () {
      const { calls, service } = make()
      const bad = { id: SessionId.make("..") }
      const effects = {
        createSession: service.create({ title: "" }),
        listSessions: service.list({ includeSubagents: "yes" as never }),
        getSession: service.get(bad),
        deleteSession: service.delete(bad),
        cancelSession: service.cancel(bad),
        sessionEvents: Stream.runDrain(service.events(bad))
      }
      for (const [operation, effect] of Object.entries(effects)) {
        const error = yield* Effect.flip(effect as Effect.Effect<unknown, ListSessionsError>)
        assert.deepStrictEqual([error._tag, error.operation as string], ["InvalidRequest", operation])
      }
      const lone = yield* Effect.flip(service.create({ title: "\ud800" }))
      assert.deepInclude(lone, { _tag: "InvalidRequest", parameter: "title" })
      const wire = yield* Effect.flip(service.create({ title: "New", browser_mode: "x" } as never))
      assert.deepInclude(wire, { _tag: "InvalidRequest" })
      assert.deepStrictEqual(calls, [])
    })
  )

  it.effect("says whether a session may have been made, and is not repeated then", () =>
    Effect.gen(function* () {
      const failing = (status: number) =>
        make({ create: () => Effect.fail(new ServerError({ operation: "createSession", status })) }).service
      const error = yield* Effect.flip(failing(502).create({ title: "New" }))
      assert.deepInclude(error, { _tag: "ServerError", outcome: "unknown", isRetryable: false })
      assert.include(error.message, "may have been created")
      assert.strictEqual(error._tag === "ServerError" && error.route, "/api/sessions")
    })
  )

  it.effect("deletes a scoped session when the scope closes, also after a failure", () =>
    Effect.gen(function* () {
      const { calls, service } = make()
      yield* Effect.scoped(
        Effect.flatMap(service.createScoped({ title: "New" }), () => Effect.sync(() => calls.push(["use", undefined])))
      )
      yield* Effect.ignore(Effect.scoped(Effect.zipRight(service.createScoped({ title: "New" }), Effect.fail("no"))))
      assert.deepStrictEqual(
        calls.map(([name]) => name),
        ["create", "use", "delete", "create", "delete"]
      )
      // That it cannot be deleted does not fail what was done with it.
      const gone = make({ delete: () => Effect.fail(new NotFound({ operation: "deleteSession" })) }).service
      const result = yield* Effect.either(Effect.scoped(Effect.as(gone.createScoped({ title: "New" }), "done")))
      assert.deepStrictEqual(result, Either.right("done"))
    })
  )
})
