import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as MixAgent from "../src/MixAgent.ts"
import * as MixServer from "../src/MixServer.ts"
import { call, type EventStream, fixture, openStream, post } from "./MixServerClient.ts"

/** One exchange of a recorded run: what was sent, the events, the rows as they were listed, and how the export ended them. */
interface Recording {
  readonly text: string
  readonly reply: string
  readonly events: ReadonlyArray<string>
  readonly rows: string
  readonly finished: string
}

const recordings = (name: string): ReadonlyArray<Recording> => {
  const all: Array<Recording> = []
  let reply = ""
  let events: Array<string> = []
  let text = ""
  let rows = ""
  for (const line of fixture(name).split("\n")) {
    const event = /^ {3}(\d+:.*)$/.exec(line)?.[1]
    if (line.startsWith("   reply after ")) reply = line.replace(/^ {3}reply after \d+ms: /, "")
    else if (line.startsWith("## ")) text = line.slice(3)
    else if (event !== undefined) events.push(event)
    else if (line.startsWith("   rows: ")) rows = line.slice(9)
    else if (line.startsWith("   export: ")) {
      all.push({ text, reply, events, rows, finished: line.slice(11) })
      events = []
    }
  }
  return all
}

/** Ids and durations differ from run to run: each id becomes the count of those before it. */
const anonymous = (text: string): string => {
  const ids: Array<string> = []
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|toolu_\w+/g, (id) => {
      if (!ids.includes(id)) ids.push(id)
      return `#${ids.indexOf(id)}`
    })
    .replace(/ in [\d.]+m?s/g, " in TIME")
}

const eventLines = (stream: EventStream) =>
  stream
    .frames()
    .map(({ data, event, id, retry }) => `${id}:${event} ${data}${retry === 30_000 ? "" : ` retry ${retry}`}`)

interface Row {
  readonly role: string
  readonly userInput: string
  readonly toolCalls?: ReadonlyArray<{
    readonly name: string
    readonly input: string
    readonly type: string
    readonly finished: boolean
    readonly result?: string
  }>
}

const rowLine = (rows: ReadonlyArray<Row>) =>
  rows
    .map(({ role, toolCalls = [], userInput }) => {
      const calls = toolCalls.map(
        ({ finished, input, name, result = "", type }) => ` tc:${name}/${input.length}/${type}/${finished}/${result}`
      )
      return `${role}:"${userInput.slice(0, 24)}"${calls.join("")}`
    })
    .join(" | ")

const { call: callTool, fail, say, silence, stop, think } = MixAgent
const bash = (name = "bash") => callTool({ name, input: ['{"command":', '"echo hi"', "}"], known: name === "bash" })
const answerTo = (text: string, size: number) => {
  const whole = `Answer to ${text} <b>&</b>`
  const pieces = Array.from({ length: 4 }, (_, index) => whole.slice(index * size, (index + 1) * size))
  return say(...pieces)
}
const apiError = (status: string, type: string, message: string) =>
  `failed to process events: POST "http://127.0.0.1:8399/v1/messages": ${status} {"type":"error","error":{"type":"${type}","message":"${message}"}}`

/** What the recorded model said to each text. */
const script = (text: string, file: string): MixAgent.Script => {
  const letMe = say("Let me c", "heck 0.")
  const thought = think("I ", "think ", "so.")
  switch (text) {
    case "hi":
      return [say("Answer", " to hi", " <b>&<", "/b>")]
    case "THINK TOOL please":
      return [thought, letMe, bash(), thought, answerTo(text, 9)]
    case "TOOL BADTOOL":
    case "BADTOOL TOOL":
      return [letMe, bash("nosuchtool"), answerTo(text, 8)]
    case "NOTEXT TOOL":
      return [bash(), answerTo(text, 8)]
    case "MAXTOK":
      return [say("cut", " of"), stop("max_tokens")]
    case "ERR401":
      return file.startsWith("80")
        ? [
            fail(
              apiError("401 Unauthorized", "authentication_error", "invalid x-api-key"),
              "⚠️ Authentication required. Please use the /login command to authenticate with Claude API key."
            )
          ]
        : [
            fail(
              "Authentication failed: Not logged in or token expired. Please use /login to authenticate with Claude Code."
            )
          ]
    case "ERR429":
      return [silence]
    case "ERR500":
      return [fail(apiError("500 Internal Server Error", "api_error", "internal"))]
    case "DIE":
      return [say("half a", "n ans"), fail("failed to process events: unexpected EOF")]
    case "MIDERR":
      return [
        say("half a", "n ans"),
        fail(
          'failed to process events: received error while streaming: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n'
        )
      ]
    case "SLOW400 hello there my friend":
      return [say("Answer to SL", "OW400 hello ")]
    case "!echo hi":
      return [say("hi\n")]
    default: {
      const words = Number(/^WORDS(\d+)/.exec(text)?.[1] ?? 0)
      return words === 0 ? [] : [say(...Array.from({ length: words }, () => "w "))]
    }
  }
}

describe.each([
  ["80-runs-202-exchanges.txt", "2025-11-06"],
  ["81-runs-seed-exchanges.txt", "2025-09-25"]
] as const)("%s", (file, generation) => {
  const byStream = generation === "2025-09-25"

  it.scoped.each(recordings(file))("$text", (recording) =>
    Effect.gen(function* () {
      const [, action = "", text = ""] = /^(CANCEL |CLOSE |)(.*)$/.exec(recording.text) ?? []
      const said = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const server = yield* MixServer.serve({
        generation,
        agent: [
          action === ""
            ? script(text, file)
            : [
                ...script(text, file),
                MixAgent.perform(Deferred.succeed(said, undefined)),
                action === "CLOSE " ? MixAgent.perform(Deferred.await(closed)) : silence
              ]
        ]
      })
      const id = yield* server.createSession()
      const stream = yield* openStream(server, id)
      const message = { text }
      const { body, status } = yield* byStream
        ? post(server, `/stream/${id}/message`, { content: JSON.stringify(message) })
        : post(server, `/api/sessions/${id}/messages`, message)
      const expectedReply = anonymous(recording.reply)
      const reply = anonymous(`${status} ${body.trim()}`)
      // The commands of the recorded server are its own.
      if (!text.startsWith("/") || byStream) assert.strictEqual(reply, expectedReply)
      else assert.strictEqual(reply.slice(0, 60), expectedReply.slice(0, 60))

      if (action !== "") yield* Deferred.await(said)
      if (action === "CANCEL ") {
        const cancelled = yield* post(server, `/api/sessions/${id}/cancel`, "")
        assert.strictEqual(
          cancelled.body,
          fixture("14-cancel-200.json").replace("7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11", id)
        )
      }
      if (action === "CLOSE ") {
        yield* stream.awaitEvent("content", 2)
        yield* stream.close
        yield* stream.ended
        yield* Deferred.succeed(closed, undefined)
      }
      if (text !== "ERR429") yield* server.awaitIdle
      const last = /^\d+:(\S+)/.exec(recording.events.at(-1) ?? "")?.[1] ?? "connected"
      const count = recording.events.filter((line) => line.includes(`:${last} `)).length
      if (action !== "CLOSE ") yield* stream.awaitEvent(last, count)

      const events = anonymous(eventLines(stream).join("\n")).split("\n")
      const expected = anonymous(recording.events.join("\n")).split("\n")
      for (const [index, line] of expected.entries()) {
        // The recording cuts long lines; what it lists of commands is its server's own.
        const whole = line.endsWith("}") || / retry \d+$/.test(line)
        const seen = events[index] ?? ""
        if (whole) assert.strictEqual(seen, line)
        else assert.strictEqual(seen.slice(0, 60), line.slice(0, 60))
      }
      assert.strictEqual(events.length, expected.length)

      const rows: ReadonlyArray<Row> = JSON.parse((yield* call(server, `/api/sessions/${id}/messages`)).body)
      assert.strictEqual(rowLine(rows), recording.rows)
      const exported = JSON.parse((yield* call(server, `/api/sessions/${id}/export`)).body)
      const finished = exported.messages.map(
        ({ finishReason = "-", role }: { readonly role: string; readonly finishReason?: string }) =>
          `${role}:${finishReason}`
      )
      assert.strictEqual(finished.join(" "), recording.finished)
    })
  )
})
