import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/TestClock"
import { draws } from "../../core/test/draws.ts"
import * as MixServer from "../src/MixServer.ts"
import { call, exchange, fixture, fixtureHead, head, post } from "./MixServerClient.ts"

const sales = "7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11"
const covers = "b1a4e0f2-93d7-4f8e-8d0f-5b6a2e9c7d22"
const user = (id: string, text: string, createdAt: number, sessionId = sales) => ({ id, sessionId, text, createdAt })

const first = user("c4d1b6f0-2e3f-4a77-8f55-6a9b0c1d2e03", "Summarise sales.csv by region", 10)
const second = user("5b8e21c4-77aa-4c9e-9b1d-8c3d9f0a2b02", "Now do the same for Q3", 20)
const third = user("0f3c9a52-6d1e-4c0b-a0d7-1f7a3e55c301", "Resize cover.png to 1200px wide", 30, covers)
const answer = {
  id: "f207c9d3-3be6-4c82-9d9c-51303f2e6d06",
  sessionId: sales,
  role: "assistant",
  text: "EMEA leads with 41%.",
  createdAt: 12
}

const assistant = (id: string, text: string, extras: MixServer.MessageExtras = {}) => ({
  id,
  sessionId: sales,
  role: "assistant",
  text,
  ...extras
})

const list = (server: MixServer.Running, target: string) => Effect.map(call(server, target), ({ body }) => body)

const ids = (server: MixServer.Running, query = "") =>
  Effect.map(
    call(server, `/api/messages/history${query}`),
    ({ body }): ReadonlyArray<string> => JSON.parse(body).map((row: { readonly id: string }) => row.id)
  )

const serveWith = (messages: ReadonlyArray<MixServer.NewMessage>, options?: MixServer.Options) =>
  Effect.tap(MixServer.serve(options), (server) => Effect.forEach(messages, server.append))

describe("MixServer lists", () => {
  it.scoped("sends the history like the real server, head and body", () =>
    Effect.gen(function* () {
      const server = yield* serveWith([first, answer, second, third])
      const response = yield* call(server, "/api/messages/history?limit=10")
      assert.strictEqual(response.body, fixture("01-history-user-rows.json"))
      assert.deepStrictEqual(head(response), fixtureHead("60-http-history-200.http"))
    })
  )

  it.scoped("writes header names in the form of Go and none of Node's own", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const { names } = yield* call(server, "/api/sessions", { headers: { connection: "keep-alive" } })
      assert.sameMembers(
        [...names],
        [
          "Access-Control-Allow-Headers",
          "Access-Control-Allow-Methods",
          "Access-Control-Allow-Origin",
          "Access-Control-Max-Age",
          "Content-Type",
          "Content-Length",
          "Date"
        ]
      )
    })
  )

  it.scoped("sends more than 2 KiB in chunks", () =>
    Effect.gen(function* () {
      // 128 bytes are around the text.
      const server = yield* serveWith([{ id: "a".repeat(36), sessionId: "s".repeat(36), text: "x".repeat(2048 - 128) }])
      const short = yield* call(server, "/api/messages/history")
      assert.strictEqual(short.body.length, 2048)
      assert.strictEqual(short.headers["content-length"], "2048")
      yield* server.append({ sessionId: sales, text: "y" })
      const long = yield* call(server, "/api/messages/history")
      assert.deepStrictEqual(head(long), fixtureHead("61-http-history-200-chunked.http"))
    })
  )

  it.scoped("sends every kind of row of a session", () =>
    Effect.gen(function* () {
      const call1 = { id: "toolu_01HqR8mB2v", name: "bash", input: '{"command":"head -5 sales.csv"}', type: "tool_use" }
      const server = yield* serveWith([
        first,
        {
          ...assistant("d0e5a7b1-19c4-4a60-bb7a-3f2e1d0c4b04", "I'll read the file first.", {
            toolCalls: [{ ...call1, finished: true }]
          }),
          createdAt: 11
        },
        { id: "e1f6b8c2-2ad5-4b71-8c8b-402f2e1d5c05", sessionId: sales, role: "tool", text: "hidden", createdAt: 11 },
        answer,
        second,
        {
          ...assistant("0318dae4-4cf7-4d93-8ead-6241403f7e07", "", {
            toolCalls: [{ id: "toolu_01Zk0pCancel", name: "bash", input: "", type: "", finished: false }]
          }),
          createdAt: 21
        }
      ])
      assert.strictEqual(yield* list(server, `/api/sessions/${sales}/messages`), fixture("04-list-session-seed.json"))
    })
  )

  it.scoped("sends the fields of later generations when a row has them", () =>
    Effect.gen(function* () {
      const url = `/api/sessions/${sales}/files/shot-1.png`
      const done = { type: "tool_use", finished: true }
      const server = yield* serveWith([
        { ...first, createdAt: 0 },
        assistant("d0e5a7b1-19c4-4a60-bb7a-3f2e1d0c4b04", "Reading.", {
          toolCalls: [
            {
              ...done,
              id: "toolu_01A",
              name: "Bash",
              input: '{"command":"head -2 sales.csv"}',
              result: "region,total\nEMEA,41\n",
              isError: false
            },
            {
              ...done,
              id: "toolu_01B",
              name: "ReadText",
              input: '{"path":"missing.md"}',
              result: "open missing.md: no such file or directory",
              isError: true
            },
            { ...done, id: "toolu_01C", name: "browser_screenshot", input: "{}", result: "ok", screenshotUrls: [url] }
          ],
          inputTokens: 2310,
          outputTokens: 188,
          cacheCreationTokens: 1900,
          cacheReadTokens: 0,
          cost: 0.01245,
          model: "claude-sonnet-4-5"
        }),
        {
          id: "e1f6b8c2-2ad5-4b71-8c8b-402f2e1d5c05",
          sessionId: sales,
          role: "tool",
          callbackResults: [
            {
              tool_call_id: "toolu_01A",
              tool_name: "Bash",
              callback_name: "lint",
              callback_type: "bash_script",
              stdout: "clean\n",
              success: true
            },
            {
              tool_call_id: "toolu_01B",
              tool_name: "ReadText",
              callback_type: "bash_script",
              stderr: "boom\n",
              exit_code: 2,
              success: false,
              error: "exit status 2"
            }
          ]
        },
        assistant(answer.id, "EMEA leads.", {
          inputTokens: 2600,
          outputTokens: 24,
          cacheReadTokens: 1900,
          cost: 1e-7,
          model: "claude-sonnet-4-5"
        })
      ])
      assert.strictEqual(
        yield* list(server, `/api/sessions/${sales}/messages`),
        fixture("05-list-session-feb2026.json")
      )
    })
  )

  it.scoped("escapes like Go", () =>
    Effect.gen(function* () {
      const text =
        "<script>alert('R&D')</script> \u2028line-sep\u2029 café 日本語 😀👨‍👩‍👧 tab\there quote\" back\\slash /slash del\u007f nul\u0000 bad\ud800utf8"
      const server = yield* serveWith([user("cc33cc33-0000-4000-8000-000000000003", text, 0)])
      assert.strictEqual(yield* list(server, "/api/messages/history"), fixture("08-unicode-html-escaped.json"))
      yield* server.append(user("x", "\b\f\u0001\u0085 \ufffd \udc00", 1))
      assert.include(yield* list(server, "/api/messages/history"), '"userInput":"\\b\\f\\u0001\u0085 \ufffd \\ufffd"}')
    })
  )

  it.scoped("sends tool errors, reasoning and plan mode as the samples have them", () =>
    Effect.gen(function* () {
      const failed = yield* serveWith([
        assistant("aa11aa11-0000-4000-8000-000000000001", "", {
          toolCalls: [
            {
              id: "toolu_01Err",
              name: "Bash",
              input: '{"command":"cat < /nope && echo \\"done\\""}',
              type: "tool_use",
              finished: true,
              result: "bash: /nope: No such file or directory\n<error>exit 1</error>",
              isError: true
            }
          ]
        })
      ])
      assert.strictEqual(
        yield* list(failed, `/api/sessions/${sales}/messages`),
        fixture("06-toolcall-error-result.json")
      )
      const reasoned = yield* serveWith([
        assistant("bb22bb22-0000-4000-8000-000000000002", "42", {
          reasoning: "The user wants a number.\nI should pick 42.",
          reasoningDuration: 3
        }),
        assistant("bb22bb22-0000-4000-8000-000000000003", "43", { reasoning: "No duration is stored for this one." })
      ])
      assert.strictEqual(yield* list(reasoned, `/api/sessions/${sales}/messages`), fixture("07-reasoning.json"))
      const reminder = "(server-side plan-mode instructions, a few KB, follow here)"
      const planned = yield* serveWith([
        user(
          "dd44dd44-0000-4000-8000-000000000004",
          `Draft the migration\n\n<system-reminder>\n${reminder}\n</system-reminder>`,
          0
        )
      ])
      assert.strictEqual(yield* list(planned, "/api/messages/history"), fixture("09-plan-mode-user-row.json"))
    })
  )

  it.scoped("answers an unknown session and an empty history with an empty list", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      for (const target of ["/api/messages/history", "/api/sessions/nobody/messages", "/api/sessions"]) {
        assert.strictEqual(yield* list(server, target), fixture("03-empty-array.json"))
      }
    })
  )

  it.scoped("has null lists and an empty userInput in the generation of 2025-09-11", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation: "2025-09-11" })
      for (const target of ["/api/messages/history", "/api/sessions/nobody/messages", "/api/sessions"]) {
        assert.strictEqual(yield* list(server, target), fixture("02-empty-null.json"))
      }
      yield* server.append(first)
      yield* server.append(answer)
      assert.strictEqual(
        yield* list(server, `/api/sessions/${sales}/messages`),
        fixture("04c-list-session-mid-sept-empty-userinput.json")
      )
    })
  )

  it.scoped("falls back silently on a bad limit or offset", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 60 } })
      const all = yield* server.messages
      const rows = (query: string) => ids(server, query)
      for (const limit of ["", "0", "-1", "1e3", "10.5", "abc", "+5", "1_0", "9223372036854775808", "%zz", "5;"]) {
        assert.deepStrictEqual(yield* rows(`?limit=${limit}`), all.slice(0, 50), limit)
      }
      for (const offset of ["-1", "abc", "1.0"]) {
        assert.deepStrictEqual(yield* rows(`?limit=5&offset=${offset}`), all.slice(0, 5), offset)
      }
      assert.deepStrictEqual(yield* rows("?limit=%2B5"), all.slice(0, 5))
      assert.deepStrictEqual(yield* rows("?limit=02"), all.slice(0, 2))
      assert.deepStrictEqual(yield* rows("?limit=100000"), all)
      assert.deepStrictEqual(yield* rows("?limit=007&offset=-0"), all.slice(0, 7))
      assert.deepStrictEqual(yield* rows("?limit=3&limit=9&offset=2&offset=7&page=1"), all.slice(2, 5))
      assert.deepStrictEqual(yield* rows("?limit=&limit=5"), all.slice(0, 50))
      assert.deepStrictEqual(yield* rows("?limit=9223372036854775807"), all)
      assert.deepStrictEqual(yield* rows("?offset=58"), all.slice(58))
      assert.deepStrictEqual(yield* rows("?offset=60"), [])
      assert.deepStrictEqual(yield* rows("?offset=9223372036854775807"), [])
    })
  )
})

describe("MixServer order", () => {
  it.scoped("lists the history newest second first and, within a second, oldest first", () =>
    Effect.gen(function* () {
      const server = yield* serveWith([
        user("a", "", 5),
        user("b", "", 7),
        user("c", "", 5),
        user("d", "", 9, covers),
        user("e", "", 7),
        { ...answer, createdAt: 8 },
        user("f", "", 5)
      ])
      assert.deepStrictEqual(yield* ids(server), ["d", "b", "e", "a", "c", "f"])
      assert.deepStrictEqual(yield* server.messages, ["d", "b", "e", "a", "c", "f"])
      const session = JSON.parse(yield* list(server, `/api/sessions/${sales}/messages`))
      assert.deepStrictEqual(
        session.map((row: { readonly id: string }) => row.id),
        ["a", "c", "f", "b", "e", answer.id]
      )
    })
  )

  it.scoped("deletes sessions of any size", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      for (const [index, sessionId] of ["one", "few", "many", "many", "few", "one", "many"].entries()) {
        const count = sessionId === "many" ? 20 : 1
        for (let row = 0; row < count; row++) {
          yield* server.append({ id: `${sessionId}-${index}-${row}`, sessionId, createdAt: Math.floor(index / 2) })
        }
      }
      const kept = (all: ReadonlyArray<string>, prefix: string) => all.filter((id) => !id.startsWith(prefix))
      const all = yield* server.messages
      assert.lengthOf(all, 64)
      yield* server.deleteSession("few")
      assert.deepStrictEqual(yield* server.messages, kept(all, "few"))
      yield* server.deleteSession("many")
      assert.deepStrictEqual(yield* server.messages, ["one-5-0", "one-0-0"])
    })
  )

  it.scoped("follows insertions and deletions", () =>
    Effect.gen(function* () {
      const server = yield* serveWith([user("a", "", 1), user("b", "", 2, covers), user("c", "", 3)])
      yield* server.append(user("d", "", 4))
      assert.deepStrictEqual(yield* ids(server), ["d", "c", "b", "a"])
      assert.isTrue(yield* server.deleteSession(sales))
      assert.isFalse(yield* server.deleteSession(sales))
      assert.deepStrictEqual(yield* ids(server), ["b"])
      assert.deepStrictEqual(yield* server.sessions, [covers])
    })
  )
})

describe("MixServer stored rows", () => {
  it.scoped("fails for ever on every list that holds a row it cannot read", () =>
    Effect.gen(function* () {
      const server = yield* serveWith([first, { ...second, unreadable: "video" }, third])
      const message = (operation: string) => `Internal error during ${operation}: unknown part type: video`
      const refused = (target: string) =>
        Effect.map(call(server, target), ({ body, status }) => [status, JSON.parse(body).error?.message])
      assert.deepStrictEqual(yield* refused("/api/messages/history"), [500, message("getting message history")])
      assert.deepStrictEqual(yield* refused("/api/messages/history?limit=1&offset=1"), [
        500,
        message("getting message history")
      ])
      assert.deepStrictEqual(yield* refused(`/api/sessions/${sales}/messages`), [
        500,
        message("listing session messages")
      ])
      assert.deepStrictEqual(yield* refused(`/api/sessions/${sales}/export`), [500, message("exporting session")])
      assert.deepStrictEqual(yield* ids(server, "?limit=1"), [third.id])
      assert.deepStrictEqual(yield* ids(server, "?offset=2"), [first.id])
      assert.strictEqual((yield* call(server, "/api/sessions")).status, 200)
    })
  )

  it.scoped("imports rows of one second behind a known one", () =>
    Effect.gen(function* () {
      const server = yield* serveWith([user("known", "", 5), user("older", "", 4)])
      const imported = yield* server.importMessages(3000, { sessionId: covers, text: "old", createdAt: 5 })
      assert.lengthOf(new Set(imported), 3000)
      assert.deepStrictEqual(yield* server.messages, ["known", ...imported, "older"])
      assert.deepStrictEqual(yield* ids(server, "?limit=3"), ["known", ...imported.slice(0, 2)])
    })
  )

  it.scoped("forks a session: its rows once more, in the present second", () =>
    Effect.gen(function* () {
      const server = yield* serveWith([first, answer, { sessionId: sales, role: "tool", createdAt: 12 }, second])
      yield* TestClock.adjust("100 seconds")
      const fork = (id: string, body: unknown) => post(server, `/api/sessions/${id}/fork`, body)
      const forked = yield* fork(sales, { messageIndex: 3 })
      assert.strictEqual(forked.status, 201)
      const { id, title, userMessageCount } = JSON.parse(forked.body)
      assert.deepStrictEqual([title, userMessageCount], ["Forked Session", 1])
      const rows = JSON.parse(yield* list(server, `/api/sessions/${id}/messages`))
      assert.deepStrictEqual(
        rows.map((row: { readonly role: string; readonly userInput: string }) => [row.role, row.userInput]),
        [
          ["user", first.text],
          ["assistant", answer.text],
          ["tool", ""]
        ]
      )
      assert.deepStrictEqual(yield* ids(server), [rows[0].id, second.id, first.id])
      assert.strictEqual((yield* fork("nobody", { messageIndex: 1 })).status, 500)
      assert.include((yield* fork(sales, { messageIndex: -1 })).body, "message index must be \\u003e= 0")
      const newer = yield* MixServer.serve({ generation: "2026-02" })
      assert.strictEqual((yield* post(newer, `/api/sessions/${sales}/fork`, {})).status, 404)
    })
  )

  it.scoped("never gives an id twice", () =>
    Effect.gen(function* () {
      const one = yield* MixServer.serve({ seed: { messages: 5 } })
      const two = yield* MixServer.serve({ seed: { messages: 5 } })
      const seen = new Set<string>(yield* one.messages)
      assert.lengthOf(seen, 5)
      for (let round = 0; round < 20; round++) {
        for (const server of [one, two]) {
          const id = yield* server.append({ sessionId: "s" })
          assert.isFalse(seen.has(id))
          seen.add(id)
        }
        yield* one.deleteSession("s")
        if (round === 10) yield* one.restart()
      }
      yield* one.append({ sessionId: "s", id: "mine" })
      yield* one.deleteSession("s")
      const again = yield* Effect.exit(one.append({ sessionId: "s", id: "mine" }))
      assert.isTrue(Exit.isFailure(again) && Cause.isDie(again.cause))
    })
  )
})

describe("MixServer seed", () => {
  it.scoped("makes up the same rows for the same seed", () =>
    Effect.gen(function* () {
      const bodies = (random: number | string) =>
        Effect.gen(function* () {
          const server = yield* MixServer.serve({ seed: { messages: 200, sessions: 3, random } })
          const sessions = yield* server.sessions
          const lists = yield* Effect.forEach(sessions, (id) => list(server, `/api/sessions/${id}/messages`))
          const next = yield* server.append({ sessionId: "s" })
          return { sessions, lists, next, history: yield* list(server, "/api/messages/history?limit=1000") }
        })
      const one = yield* bodies("a")
      assert.deepStrictEqual(yield* bodies("a"), one)
      assert.notDeepEqual(yield* bodies("b"), one)
      assert.lengthOf(one.sessions, 3)
      assert.lengthOf(JSON.parse(one.history), 201)
      const everything = one.lists.join("")
      for (const part of [
        "toolCalls",
        '"role":"tool"',
        "reasoningDuration",
        "\\u003c",
        "\\u0026",
        "\\u2028",
        "日本語"
      ]) {
        assert.include(everything, part)
      }
      for (const id of [...one.sessions, one.next]) {
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      }
    })
  )

  it.scoped("puts later rows before the made-up past", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 10, sessions: 0 } })
      yield* server.append({ sessionId: sales, id: "new" })
      const all = yield* server.messages
      assert.lengthOf(all, 11)
      assert.strictEqual(all[0], "new")
      assert.lengthOf(yield* server.sessions, 2)
    })
  )

  it.scoped("pages a long history without reading all of it, and takes thousands of changes", () =>
    Effect.gen(function* () {
      const size = draws(10_000, 50_000)
      const server = yield* MixServer.serve({ seed: { messages: size } })
      const all = yield* server.messages
      const seen: Array<string> = []
      for (let offset = 0; offset < all.length; offset += 1000) {
        seen.push(...(yield* ids(server, `?limit=1000&offset=${offset}`)))
      }
      assert.deepStrictEqual(seen, [...all])
      yield* Effect.repeatN(server.append({ sessionId: sales }), size / 10 - 1)
      const [, ...others] = yield* server.sessions
      yield* Effect.forEach(others, server.deleteSession)
      assert.lengthOf(others, size / 25)
      assert.lengthOf(yield* server.messages, size / 10)
    })
  )
})

describe("MixServer routes", () => {
  it.scoped("answers a preflight", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      for (const target of [`/api/sessions/${sales}/messages`, "/nowhere"]) {
        const response = yield* call(server, target, { method: "OPTIONS", headers: { origin: "http://localhost" } })
        assert.strictEqual(response.body, "")
        assert.deepStrictEqual(head(response), fixtureHead("67-http-preflight.http"))
      }
    })
  )

  it.scoped("answers OPTIONS * without a header of its own", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const response = yield* call(server, "*", { method: "OPTIONS" })
      assert.deepStrictEqual(head(response), { status: 200, headers: { "content-length": "0" } })
    })
  )

  it.scoped("knows no list of methods: the router refuses what it does not have", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const send = (line: string) =>
        Effect.map(exchange(server, `${line}\r\nHost: x\r\n\r\n`), ({ received }) => received)
      for (const method of ["BREW", "get", "constructor"]) {
        const refused = yield* send(`${method} /api/messages/history?limit=1 HTTP/1.1`)
        assert.match(refused, /^HTTP\/1\.1 405 Method Not Allowed\r\n/)
        assert.include(refused, "\r\nAllow: GET, HEAD\r\n")
        assert.isTrue(refused.endsWith(`\r\n\r\n${fixture("30-405-mux.txt")}`))
      }
      assert.match(yield* send("BREW /nowhere HTTP/1.1"), /^HTTP\/1\.1 404 Not Found\r\n/)
      assert.match(yield* send("BREW /health HTTP/1.1"), /^HTTP\/1\.1 200 OK\r\n/)
      assert.match(yield* send("no request at all"), /^HTTP\/1\.1 400 Bad Request\r\n/)
      assert.deepStrictEqual(
        (yield* server.requests).map(({ method, status }) => [method, status]),
        [
          ["BREW", 405],
          ["get", 405],
          ["constructor", 405],
          ["BREW", 404],
          ["BREW", 200]
        ]
      )
    })
  )

  it.scoped("answers HTTP/1.0 as HTTP/1.0, and closes", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 60 } })
      const get = (path: string) => exchange(server, `GET ${path} HTTP/1.0\r\n\r\n`)
      const short = yield* get("/api/messages/history?offset=60")
      assert.match(short.received, /^HTTP\/1\.0 200 OK\r\n/)
      assert.include(short.received, "\r\nContent-Length: 3\r\n")
      assert.isTrue(short.received.endsWith("\r\n\r\n[]\n"))
      const long = yield* get("/api/messages/history")
      assert.notMatch(long.received, /Content-Length|Transfer-Encoding|Connection/)
      assert.lengthOf(JSON.parse(long.received.split("\r\n\r\n")[1] ?? ""), 50)
      assert.deepStrictEqual([short.code, long.code], [undefined, undefined])
      assert.strictEqual(yield* server.aborted, 0)
    })
  )

  it.scoped("sends the whole reply and then resets a connection whose body nobody read", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const send = (line: string) =>
        exchange(server, `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 13\r\n\r\n{"title":"a"}`)
      for (const [line, status] of [
        ["PUT /api/sessions", 405],
        ["POST /nowhere", 404],
        ["POST /api/sessions/s/cancel", 200]
      ] as const) {
        const { code, received } = yield* send(line)
        assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} `))
        assert.match(received, /\r\n\r\n.*\n$/)
        assert.strictEqual(code, "ECONNRESET", line)
      }
      const read = yield* send("POST /api/sessions")
      assert.match(read.received, /^HTTP\/1\.1 201 /)
      assert.isUndefined(read.code)
      assert.strictEqual(yield* server.aborted, 0)
    })
  )

  it.scoped("lists the methods of a path in a 405", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const response = yield* call(server, `/api/sessions/${sales}/messages`, { method: "PUT" })
      assert.strictEqual(response.body, fixture("30-405-mux.txt"))
      assert.deepStrictEqual(head(response), fixtureHead("65-http-405-mux.http"))
      const allow = (method: string, target: string) =>
        Effect.map(call(server, target, { method }), ({ headers, status }) => [status, headers.allow])
      assert.deepStrictEqual(yield* allow("POST", "/api/messages/history"), [405, "GET, HEAD"])
      assert.deepStrictEqual(yield* allow("PATCH", "/api/sessions"), [405, "GET, HEAD, POST"])
      assert.deepStrictEqual(yield* allow("POST", `/api/sessions/${sales}`), [405, "DELETE, GET, HEAD"])
      assert.deepStrictEqual(yield* allow("TRACE", "/api/sessions"), [405, "GET, HEAD, POST"])
    })
  )

  it.scoped("lets the handler refuse HEAD", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const response = yield* call(server, "/api/messages/history", { method: "HEAD" })
      assert.strictEqual(response.status, 405)
      assert.strictEqual(response.body, "")
      assert.strictEqual(response.headers["content-length"], String(fixture("31-405-handler.txt").length))
      assert.isUndefined(response.headers.allow)
    })
  )

  it.scoped("has a plain 404 for paths it does not have", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      for (const target of ["/nowhere", "/api/sessions/", "/API/sessions", "/api/messages/history/", "/"]) {
        const response = yield* call(server, target)
        assert.strictEqual(response.body, fixture("32-404-mux.txt"), target)
        assert.deepStrictEqual(head(response), fixtureHead("64-http-404-mux.http"), target)
      }
    })
  )

  it.scoped("redirects to the clean path", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const response = yield* post(server, `//api/sessions/${sales}/messages`, {})
      assert.deepStrictEqual(head(response), fixtureHead("66-http-301-double-slash-post.http"))
      const to = (target: string) => Effect.map(call(server, target), ({ headers }) => headers.location)
      assert.strictEqual(yield* to("/api/sessions//messages"), "/api/sessions/messages")
      assert.strictEqual(yield* to("/api/./messages/x/../history?limit=5&a=b"), "/api/messages/history?limit=5&a=b")
      assert.strictEqual(yield* to("//nowhere//"), "/nowhere/")
      const page = yield* call(server, "//a?b=c&d")
      assert.strictEqual(page.body, '<a href="/a?b=c&amp;d">Moved Permanently</a>.\n\n')
      assert.strictEqual(page.headers["content-type"], "text/html; charset=utf-8")
    })
  )

  it.scoped("redirects with a 307 as a server built with a newer Go", () =>
    Effect.gen(function* () {
      const server = yield* serveWith([first], { redirectStatus: 307 })
      const page = yield* call(server, "//a?b=c&d")
      assert.deepStrictEqual([page.status, page.body], [307, '<a href="/a?b=c&amp;d">Temporary Redirect</a>.\n\n'])
      // Unlike a 301 it has the client send the body once more.
      const response = yield* Effect.promise(() =>
        fetch(`${server.url}//api/sessions/${sales}/messages`, { method: "POST", body: '{"text":"kept"}' })
      )
      assert.strictEqual(response.status, 200)
      assert.include(yield* Effect.promise(() => response.text()), '"userInput":"kept"')
    })
  )

  it.scoped("takes an empty id for the id `messages`", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const response = yield* Effect.promise(() =>
        fetch(`${server.url}/api/sessions//messages`, { method: "POST", body: '{"text":"lost"}' })
      )
      assert.strictEqual(response.status, 404)
      assert.include(yield* Effect.promise(() => response.text()), "Session with ID 'messages' not found")
    })
  )

  it.scoped("decodes the id of a path", () =>
    Effect.gen(function* () {
      const id = "a/b; c?é%"
      const server = yield* serveWith([{ sessionId: id, text: "here" }])
      assert.include(yield* list(server, `/api/sessions/${encodeURIComponent(id)}/messages`), '"userInput":"here"')
      yield* server.append({ sessionId: "x;y", text: "there" })
      assert.include(yield* list(server, "/api/sessions/x;y/messages?z"), '"userInput":"there"')
      const long = "l".repeat(500)
      yield* server.append({ sessionId: long, text: "far" })
      assert.include(yield* list(server, `/api/sessions/${long}/messages`), '"userInput":"far"')
      // Go takes neither for the end of a path.
      yield* server.append({ sessionId: "x#y", text: "behind" })
      assert.include(yield* list(server, "/api/sessions/x#y/messages"), '"userInput":"behind"')
      assert.include((yield* call(server, "/api/sessions/%FF")).body, "Session with ID")
      const broken = yield* call(server, "/api/sessions/%zz")
      assert.deepStrictEqual([broken.status, broken.body], [400, "400 Bad Request"])
    })
  )
})

describe("MixServer sessions", () => {
  it.scoped("creates, shows, lists and deletes", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const created = yield* post(server, "/api/sessions", { title: "Sales <1>" })
      const [id = ""] = yield* server.sessions
      const counts = '"promptTokens":0,"completionTokens":0,"cost":0,"createdAt":"1970-01-01T00:00:00Z"'
      const empty = `{"id":"${id}","title":"Sales \\u003c1\\u003e","userMessageCount":0,"assistantMessageCount":0,"toolCallCount":0,${counts}}`
      assert.deepStrictEqual([created.status, created.body], [201, `${empty}\n`])
      assert.strictEqual(yield* list(server, `/api/sessions/${id}`), `${empty}\n`)
      yield* server.append({ sessionId: id, text: 'say "<hi>"' })
      yield* server.append({ sessionId: id, role: "assistant", text: "hi" })
      yield* server.append({ sessionId: id, role: "tool" })
      const [listed] = JSON.parse(yield* list(server, "/api/sessions"))
      assert.deepStrictEqual(
        [listed.userMessageCount, listed.assistantMessageCount, listed.toolCallCount, listed.firstUserMessage],
        [
          1,
          1,
          1,
          '[{"type":"text","data":{"text":"say \\"\\u003chi\\u003e\\""}},{"type":"finish","data":{"reason":"stop","time":0}}]'
        ]
      )
      yield* server.createSession({ id: "newer", title: "T", createdAt: 100 })
      assert.deepStrictEqual(yield* server.sessions, ["newer", id])
      const deleted = yield* call(server, `/api/sessions/${id}`, { method: "DELETE" })
      assert.strictEqual(deleted.body, "")
      assert.deepStrictEqual(head(deleted), fixtureHead("68-http-delete-204.http"))
      assert.deepStrictEqual(yield* server.messages, [])
    })
  )

  it.scoped("has a JSON 404 for an unknown one", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      for (const method of ["GET", "DELETE"]) {
        const response = yield* call(server, `/api/sessions/${covers}`, { method })
        assert.strictEqual(response.body, fixture("25-error-404-session.json"))
        assert.deepStrictEqual(head(response), fixtureHead("63-http-404-json.http"))
      }
      const old = yield* MixServer.serve({ generation: "2025-09-11" })
      assert.strictEqual((yield* call(old, `/api/sessions/${covers}`, { method: "DELETE" })).status, 500)
    })
  )

  it.scoped("wants a title and nothing it does not know", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const untitled = yield* post(server, "/api/sessions", {})
      assert.strictEqual(untitled.status, 400)
      assert.include(untitled.body, "\"Validation error for field 'title': title is required\"")
      assert.include((yield* post(server, "/api/sessions", { title: "a", browserMode: "x" })).body, "unknown field")
    })
  )

  it.scoped("is healthy for any method", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const response = yield* call(server, "/health", { method: "PUT" })
      assert.strictEqual(response.status, 200)
      assert.strictEqual(
        response.headers["access-control-allow-headers"],
        "Content-Type, Authorization, X-Requested-With"
      )
      assert.deepStrictEqual(Object.keys(JSON.parse(response.body)), [
        "environment",
        "services",
        "status",
        "timestamp",
        "version"
      ])
    })
  )
})
