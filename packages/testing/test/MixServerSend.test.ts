import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MixServer from "../src/MixServer.ts"
import { call, fixture, fixtureHead, head, post } from "./MixServerClient.ts"

const sales = "7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11"
const target = `/api/sessions/${sales}/messages`
const question = "Summarise sales.csv by region"

const serve = (options?: MixServer.Options) =>
  Effect.tap(MixServer.serve(options), (server) => server.createSession({ id: sales }))

const raw = (server: MixServer.Running, body: string | Uint8Array) => call(server, target, { method: "POST", body })

interface Row {
  readonly id: string
  readonly sessionId: string
  readonly role: string
  readonly userInput: string
  readonly assistantResponse?: string
}

const rows = (server: MixServer.Running) =>
  Effect.map(call(server, target), ({ body }): ReadonlyArray<Row> => JSON.parse(body))

const bodyError = (why: string) =>
  `${JSON.stringify({ error: { code: 400, message: `Validation error for field 'body': ${why}`, type: "validation_error" } })}\n`

describe("MixServer send, 2025-09-25", () => {
  it.scoped("answers 200 with the answer labelled as the question, and stores both", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const response = yield* post(server, target, { text: question, media: ["a.png"], apps: null, plan_mode: false })
      const [asked, answered] = yield* rows(server)
      assert.deepStrictEqual([asked?.sessionId, asked?.role, asked?.userInput], [sales, "user", question])
      assert.deepStrictEqual([answered?.sessionId, answered?.role], [sales, "assistant"])
      const sample = fixture("10-send-200-seed.json")
        .replace("f207c9d3-3be6-4c82-9d9c-51303f2e6d06", answered?.id ?? "")
        .replace("EMEA leads with 41%.", answered?.assistantResponse ?? "")
      assert.deepStrictEqual([response.status, response.body], [200, sample])
      assert.deepStrictEqual(yield* server.messages, [asked?.id ?? ""])
    })
  )

  it.scoped("refuses what the decoder refuses", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const refused = (body: string | Uint8Array, expected: string) =>
        Effect.map(raw(server, body), (response) => {
          assert.strictEqual(response.body, expected, String(body))
          assert.strictEqual(response.status, 400)
        })
      yield* refused("", fixture("23-error-400-empty-body.json"))
      yield* refused(" \n", fixture("23-error-400-empty-body.json"))
      yield* refused('{"text":"a","plan_mode":"yes"}', fixture("22-error-400-wrong-type.json"))
      for (const body of ["{}", "null", '{"text":""}', '{"text":null}', '{"media":[]}']) {
        yield* refused(body, fixture("21-error-400-empty-text.json"))
      }
      const type = (found: string, field: string, wanted: string) =>
        bodyError(`json: cannot unmarshal ${found} into Go struct field SendMessageRequest.${field} of type ${wanted}`)
      yield* refused('{"TEXT":1}', type("number", "text", "string"))
      yield* refused('{"text":{}}', type("object", "text", "string"))
      yield* refused('{"text":[]}', type("array", "text", "string"))
      yield* refused('{"text":true}', type("bool", "text", "string"))
      yield* refused('{"media":"a"}', type("string", "media", "[]string"))
      yield* refused('{"apps":["a",null,1]}', type("number", "apps", "string"))
      yield* refused("[]", bodyError("json: cannot unmarshal array into Go value of type http.SendMessageRequest"))
      yield* refused('{"planMode":true,"text":"a"}', bodyError('json: unknown field "planMode"'))
      yield* refused('{"content":"a"}', bodyError('json: unknown field "content"'))
      const syntax: ReadonlyArray<readonly [string, string]> = [
        ["\ufeff{}", "invalid character 'ï' looking for beginning of value"],
        ["hello", "invalid character 'h' looking for beginning of value"],
        ["'", "invalid character '\\'' looking for beginning of value"],
        ['{"text":"a"', "unexpected EOF"],
        ['{"text":"a', "unexpected EOF"],
        ['{"text":tru', "unexpected EOF"],
        ['{"text":"a\\', "unexpected EOF"],
        ['{"text":"a\\u12', "unexpected EOF"],
        ["{text:1}", "invalid character 't' looking for beginning of object key string"],
        ['{"text":"a",}', "invalid character '}' looking for beginning of object key string"],
        ['{"text" "a"}', "invalid character '\"' after object key"],
        ['{"text":"a" "b"}', "invalid character '\"' after object key:value pair"],
        ['{"media":[1 2]}', "invalid character '2' after array element"],
        ['{"media":[1,]}', "invalid character ']' looking for beginning of value"],
        ['{"text":"a\nb"}', "invalid character '\\n' in string literal"],
        ['{"text":"a\u0001b"}', "invalid character '\\x01' in string literal"],
        ['{"text":"\\x"}', "invalid character 'x' in string escape code"],
        ['{"text":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"],
        ['{"text":trux}', "invalid character 'x' in literal true (expecting 'e')"],
        ['{"text":nul}', "invalid character '}' in literal null (expecting 'l')"],
        ['{"text":-}', "invalid character '}' in numeric literal"],
        ['{"text":1.}', "invalid character '}' after decimal point in numeric literal"],
        ['{"text":1e+}', "invalid character '}' in exponent of numeric literal"],
        ['{"text":01}', "invalid character '1' after object key:value pair"],
        [`{"text":${"[".repeat(10_001)}`, "exceeded max depth"]
      ]
      for (const [body, why] of syntax) yield* refused(body, bodyError(why))
      assert.deepStrictEqual(yield* rows(server), [])
    })
  )

  it.scoped("reads what the decoder reads", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const stored = (body: string | Uint8Array) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* raw(server, body)).status, 200, String(body))
          return (yield* rows(server)).at(-2)?.userInput
        })
      assert.strictEqual(yield* stored('{"text":"a"} trailing'), "a")
      assert.strictEqual(yield* stored('{"TeXt":"b","MEDIA":[]}'), "b")
      assert.strictEqual(yield* stored('{"text":"c","text":"d"}'), "d")
      assert.strictEqual(yield* stored('{"text":"lone \\ud800 half"}'), "lone \ufffd half")
      assert.strictEqual(yield* stored('{"text":"  "}'), "  ")
      assert.strictEqual(
        yield* stored('\t{ "plan_mode" : null , "text":"\\u00e9\\n\\/", "media":["a",null] } \n'),
        "é\n/"
      )
      assert.strictEqual(yield* stored('{"text":"1","media":[],"apps":["x"],"plan_mode":false}'), "1")
    })
  )

  it.scoped("stores the reminder of plan mode but does not show it in the reply", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const reply = JSON.parse((yield* post(server, target, { text: "Draft", plan_mode: true })).body)
      assert.strictEqual(reply.userInput, "Draft")
      const [asked] = yield* rows(server)
      assert.match(asked?.userInput ?? "", /^Draft\n\n<system-reminder>\n[\s\S]+\n<\/system-reminder>$/)
    })
  )

  it.scoped("does not know a session only after everything else is right", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve()
      const unknown = yield* post(server, target, { text: question })
      assert.deepStrictEqual(
        [unknown.status, unknown.body],
        [500, fixture("27-error-500-send-missing-session-seed.json")]
      )
      assert.strictEqual((yield* post(server, target, { text: "/help" })).status, 200)
      assert.deepStrictEqual(yield* server.sessions, [])
    })
  )

  it.scoped("runs slash commands", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      for (const name of ["help", "clear", "session", "sessions", "mcp", "context", "login"]) {
        const { body, status } = yield* post(server, target, { text: `/${name} now` })
        const { assistantResponse, ...rest } = JSON.parse(body)
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(rest, { id: `cmd-${name}`, sessionId: "", role: "assistant", userInput: `/${name} now` })
        assert.strictEqual(JSON.parse(assistantResponse).type, name)
      }
      const help = yield* post(server, target, { text: "/help" })
      const start = fixture("12-send-200-slash-command.json").split("commands")[0] ?? ""
      assert.strictEqual(help.body.slice(0, start.length), start)
      const unknown = yield* post(server, target, { text: "/nope" })
      assert.deepStrictEqual([unknown.status, unknown.body], [404, fixture("26-error-404-command.json")])
      assert.include((yield* post(server, target, { text: "/etc/hosts says" })).body, "Command 'etc/hosts' not found")
      for (const text of [" /help", "\n/help", "/", "/ help"]) {
        const indented = yield* post(server, target, { text })
        assert.strictEqual(indented.status, 400)
        assert.include(indented.body, "Invalid slash command")
      }
      assert.deepStrictEqual(yield* rows(server), [])
    })
  )

  it.scoped("prompts for credentials with a 200, before commands and after the body", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ authenticated: false })
      const prompt = yield* post(server, target, { text: question })
      assert.deepStrictEqual([prompt.status, prompt.body], [200, fixture("11-send-200-auth-prompt.json")])
      assert.include((yield* post(server, target, { text: "/help" })).body, "system-auth-prompt")
      assert.strictEqual((yield* post(server, target, { text: "" })).status, 400)
    })
  )
})

describe("MixServer send, 2025-10-10", () => {
  const generation = "2025-10-10"

  it.scoped("answers 202 and stores the rows", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation })
      const response = yield* post(server, target, { text: question })
      assert.strictEqual(response.body, fixture("13-send-202.json"))
      assert.deepStrictEqual(head(response), fixtureHead("62-http-send-202.http"))
      const stored = yield* rows(server)
      assert.deepStrictEqual(
        stored.map((row) => row.role),
        ["user", "assistant"]
      )
    })
  )

  it.scoped("no longer takes media and apps", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation })
      const response = yield* post(server, target, { text: "a", media: [] })
      assert.deepStrictEqual([response.status, response.body], [400, fixture("20-error-400-unknown-field-media.json")])
      assert.include((yield* post(server, target, { text: "a", apps: [] })).body, '\\"apps\\"')
    })
  )

  it.scoped("refuses with a 401 without credentials, and still runs commands with a 200", () =>
    Effect.gen(function* () {
      const locked = yield* serve({ generation, authenticated: false })
      const refused = yield* post(locked, target, { text: question })
      assert.deepStrictEqual([refused.status, refused.body], [401, fixture("24-error-401-not-authenticated.json")])
      const server = yield* serve({ generation })
      assert.strictEqual((yield* post(server, target, { text: "/help" })).status, 200)
    })
  )

  it.scoped("names the agent for an unknown session", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ generation })
      const response = yield* post(server, target, { text: question })
      assert.strictEqual(response.status, 500)
      assert.include(response.body, "Internal error during sending message to agent: ")
    })
  )
})

describe("MixServer send, 2025-09-11", () => {
  it.scoped("takes content instead of text", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation: "2025-09-11" })
      assert.strictEqual((yield* post(server, target, { content: question })).status, 200)
      const refused = yield* post(server, target, { text: question })
      assert.strictEqual(refused.body, bodyError('json: unknown field "text"'))
    })
  )
})
