import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as MixAgent from "../src/MixAgent.ts"
import * as MixServer from "../src/MixServer.ts"
import { call, eventually, fixture, fixtureHead, head, post } from "./MixServerClient.ts"

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
      for (const text of [" /help", "\n/help"]) {
        const indented = yield* post(server, target, { text })
        assert.strictEqual(indented.status, 400)
        assert.include(indented.body, "Validation error for field 'content': Invalid slash command")
      }
      // Only a blank ends the name.
      for (const [text, name] of [
        ["/", ""],
        ["/ help", ""],
        ["/help\nfoo", "help\\nfoo"],
        ["/help\tfoo", "help\\tfoo"]
      ] as const) {
        const unnamed = yield* post(server, target, { text })
        assert.strictEqual(unnamed.status, 404)
        assert.include(unnamed.body, `Command '${name}' not found. Available commands: [`)
      }
      const { commands } = JSON.parse(JSON.parse(help.body).assistantResponse)
      assert.deepInclude(commands, { name: "help", description: "Show <available> commands", usage: "/help" })
      assert.deepStrictEqual(yield* rows(server), [])
    })
  )

  it.scoped("answers with the agent's first event, and cuts the run off", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        agent: [
          [MixAgent.say("Answer to", " the question."), MixAgent.silence],
          [MixAgent.think("Hm."), MixAgent.say("42")],
          [MixAgent.call({ name: "bash" }), MixAgent.say("42")],
          [MixAgent.say("42"), MixAgent.pause("1 hour")],
          []
        ]
      })
      const sample = JSON.parse(fixture("10b-send-200-seed-first-event-only.json"))
      const answers = ["Answer to", undefined, undefined, "42", undefined]
      for (const assistantResponse of answers) {
        const reply = yield* post(server, target, { text: question })
        const last = (yield* rows(server)).at(-1)
        const expected = assistantResponse === undefined ? sample : { ...sample, assistantResponse }
        assert.deepStrictEqual([reply.status, JSON.parse(reply.body)], [200, { ...expected, id: last?.id }])
        // What is stored is less than the reply said.
        assert.isUndefined(last?.assistantResponse)
        assert.strictEqual(yield* server.runCount, 0)
      }
      assert.deepStrictEqual(
        (yield* rows(server)).map((row) => row.role),
        answers.flatMap(() => ["user", "assistant"])
      )
    })
  )

  it.scoped("ends the run with a request that is given up", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const server = yield* serve({
        agent: [[MixAgent.perform(Deferred.succeed(started, undefined)), MixAgent.silence]]
      })
      const sending = yield* Effect.fork(post(server, target, { text: question }))
      yield* Deferred.await(started)
      assert.strictEqual(yield* server.runCount, 1)
      yield* Fiber.interrupt(sending)
      yield* server.awaitIdle
    })
  )

  it.scoped("refuses a busy session and an unknown one, and asks nothing of the agent", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const texts: Array<string> = []
      const server = yield* serve({
        agent: ({ text }) => {
          texts.push(text)
          return [MixAgent.perform(Deferred.succeed(started, undefined)), MixAgent.silence]
        }
      })
      yield* Effect.fork(post(server, target, { text: "first" }))
      yield* Deferred.await(started)
      const busy = yield* post(server, target, { text: "second" })
      assert.deepStrictEqual([busy.status, busy.body], [500, fixture("28-error-500-session-busy-seed.json")])
      const unknown = yield* post(server, "/api/sessions/nobody/messages", { text: "third" })
      assert.deepStrictEqual(
        [unknown.status, unknown.body],
        [500, fixture("27-error-500-send-missing-session-seed.json")]
      )
      assert.deepStrictEqual(texts, ["first"])
      assert.lengthOf(yield* server.messages, 1)
      assert.deepStrictEqual(yield* server.sessions, [sales])
    })
  )

  it.scoped("answers an agent's failure with a 500, or with the prompt where it is about credentials", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        agent: [[MixAgent.fail("overloaded")], [MixAgent.fail("401 Unauthorized")]]
      })
      const failed = yield* post(server, target, { text: question })
      assert.strictEqual(failed.status, 500)
      assert.include(failed.body, "Internal error during agent processing: overloaded")
      const prompt = yield* post(server, target, { text: question })
      assert.deepStrictEqual([prompt.status, prompt.body], [200, fixture("11-send-200-auth-prompt.json")])
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

describe("MixServer send, 2025-09-26", () => {
  it.scoped("answers with the whole answer when the run is over, whoever waits", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const server = yield* serve({
        generation: "2025-09-26",
        agent: [[MixAgent.say("EMEA leads "), MixAgent.perform(Deferred.await(gate)), MixAgent.say("with 41%.")]]
      })
      const given = yield* Effect.fork(post(server, target, { text: question }))
      yield* eventually(Effect.map(server.runCount, (count) => count === 1))
      yield* Fiber.interrupt(given)
      assert.strictEqual(yield* server.runCount, 1)
      const waiting = yield* Effect.fork(post(server, target, { text: question }))
      yield* Deferred.succeed(gate, undefined)
      const response = yield* Fiber.join(waiting)
      yield* server.awaitIdle
      const stored = yield* rows(server)
      const id = stored.filter((row) => row.role === "assistant").at(-1)?.id ?? ""
      assert.strictEqual(
        response.body,
        fixture("10-send-200-seed.json").replace("f207c9d3-3be6-4c82-9d9c-51303f2e6d06", id)
      )
      assert.lengthOf(stored, 4)
    })
  )
})

describe("MixServer send, 2025-10-10", () => {
  const generation = "2025-10-10"

  it.scoped("answers 202 before there is any row, and stores the rows one after the other", () =>
    Effect.gen(function* () {
      const gates = yield* Effect.replicateEffect(Deferred.make<void>(), 3)
      const reached = yield* Effect.replicateEffect(Deferred.make<void>(), 3)
      const stop = (index: number) => {
        const [gate, mark] = [gates[index], reached[index]]
        if (gate === undefined || mark === undefined) throw new Error("no such gate")
        return MixAgent.perform(Effect.zipRight(Deferred.succeed(mark, undefined), Deferred.await(gate)))
      }
      const server = yield* serve({
        generation,
        agent: [[stop(0), MixAgent.received, stop(1), MixAgent.say("One "), MixAgent.say("two."), stop(2)]]
      })
      const shown = Effect.map(rows(server), (all) => all.map((row) => [row.role, row.userInput]))
      const response = yield* post(server, target, { text: question })
      assert.strictEqual(response.body, fixture("13-send-202.json"))
      const seen = [yield* shown]
      for (const [index, gate] of gates.entries()) {
        yield* Deferred.await(reached[index] ?? gate)
        seen.push(yield* shown)
        yield* Deferred.succeed(gate, undefined)
      }
      yield* server.awaitIdle
      seen.push(yield* shown)
      const user = ["user", question]
      assert.deepStrictEqual(seen, [
        [],
        [],
        [user, ["assistant", ""]],
        // Text is stored at the end of the turn.
        [user, ["assistant", ""]],
        [user, ["assistant", "One two."]]
      ])
    })
  )

  it.scoped("answers 202 and stores the rows", () =>
    Effect.gen(function* () {
      const server = yield* serve({ generation })
      const response = yield* post(server, target, { text: question })
      assert.strictEqual(response.body, fixture("13-send-202.json"))
      assert.deepStrictEqual(head(response), fixtureHead("62-http-send-202.http"))
      yield* server.awaitIdle
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
