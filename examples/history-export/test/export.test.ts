/** Exports to the screen and to a file, in this process, from a server on a real socket. */

import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { BackendMessage, MessageId, SessionId } from "@mix-effect/core"
import * as MixServer from "@mix-effect/testing/MixServer"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ExportFile from "../src/ExportFile.ts"
import * as Render from "../src/Render.ts"
import { run, type Settings } from "./Tool.ts"

const decodeLine = Schema.decodeUnknown(Schema.parseJson(BackendMessage), { onExcessProperty: "error" })

const decodeRows = Schema.decodeUnknown(Schema.Array(BackendMessage))

/** A server of 250 messages in 10 sessions, and a file that is not there yet. */
const setup = (options?: MixServer.Options) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const server = yield* MixServer.serve({ seed: { messages: 250, sessions: 10 }, ...options })
    const file = `${yield* fs.makeTempDirectoryScoped()}/export.ndjson`
    const tool = (args: ReadonlyArray<string>, settings?: Settings) => run(["--server", server.url, ...args], settings)
    const read = Effect.map(fs.readFileString(file), (text) => {
      assert.isTrue(text === "" || text.endsWith("\n"))
      return text.split("\n").slice(0, -1)
    })
    const ids = Effect.flatMap(
      read,
      Effect.forEach((line) => Effect.map(decodeLine(line), ({ id }) => String(id)))
    )
    const hasCursor = fs.exists(`${file}.cursor`)
    const targets = Effect.map(server.requests, (requests) => requests.map(({ target }) => target))
    return { server, file, fs, tool, read, ids, hasCursor, targets }
  })

const test = <A, E>(name: string, body: Effect.Effect<A, E, FileSystem.FileSystem | Scope.Scope>) =>
  it.scopedLive(name, () => Effect.provide(body, NodeContext.layer))

const history = "/api/messages/history"

describe("to the screen", () => {
  test(
    "the whole history, newest first, one line for each message",
    Effect.gen(function* () {
      const { server, tool } = yield* setup()
      const { code, stderr, stdout } = yield* tool([])
      assert.strictEqual(code, 0)
      const reply = yield* Effect.promise(() => fetch(`${server.url}${history}?limit=1000`))
      const rows = yield* decodeRows(yield* Effect.promise(() => reply.json()))
      assert.strictEqual(rows.length, 250)
      assert.deepStrictEqual(stdout.split("\n"), [...rows.map((row) => Render.historyLine(row, Option.none())), ""])
      assert.match(stderr, /^250 messages, 3 pages, \d+\/s, \d+\.\d s\n$/)
      assert.isTrue(
        (yield* server.requests).every(({ method }) => method === "GET"),
        "a user's own server is only read"
      )
    })
  )

  test(
    "clipped to a terminal, and around the progress line",
    Effect.gen(function* () {
      const { tool } = yield* setup()
      const { stderr, stdout } = yield* tool(["--limit", "20"], { columns: 50 })
      assert.isTrue(stdout.split("\n").every((line) => line.length <= 50))
      assert.match(stdout, /…\n/)
      assert.match(stderr, /20 messages, 1 page, \d+\/s, 0\.\d s\n$/)
    })
  )

  test(
    "--limit asks for no more than it needs",
    Effect.gen(function* () {
      const { targets, tool } = yield* setup()
      const count = (stdout: string) => stdout.split("\n").length - 1
      assert.strictEqual(count((yield* tool(["--limit", "10"])).stdout), 10)
      assert.deepStrictEqual(yield* targets, [`${history}?limit=10&offset=0`])
      assert.strictEqual(count((yield* tool(["--limit", "100"])).stdout), 100)
      assert.strictEqual((yield* targets).length, 2)
      assert.strictEqual(count((yield* tool(["--limit", "101"])).stdout), 101)
      assert.strictEqual((yield* targets).length, 4)
    })
  )

  test(
    "--page-size is what the server is asked for, and --prefetch changes nothing but the time",
    Effect.gen(function* () {
      const { targets, tool } = yield* setup()
      const one = yield* tool(["--page-size", "1000"])
      assert.deepStrictEqual(yield* targets, [
        `${history}?limit=1000&offset=0`,
        `${history}?limit=2&offset=250`,
        `${history}?limit=2&offset=249`
      ])
      const other = yield* tool(["--page-size", "20", "--prefetch", "5"])
      assert.strictEqual(other.stdout, one.stdout)
      assert.match(other.stderr, /^250 messages, 13 pages/)
    })
  )

  test(
    "--skip-unreadable leaves out what the server cannot read",
    Effect.gen(function* () {
      const { server, tool } = yield* setup({ seed: {} })
      for (const text of ["one", "two", "three"]) yield* server.append({ sessionId: "s", text })
      yield* server.append({ sessionId: "s", text: "bad", unreadable: "voice" })
      for (const text of ["four", "five"]) yield* server.append({ sessionId: "s", text })
      assert.strictEqual((yield* tool([])).code, 1)
      const { code, stdout } = yield* tool(["--skip-unreadable"])
      assert.strictEqual(code, 0)
      const words = stdout.match(/one|two|three|four|five|bad/g) ?? []
      assert.deepStrictEqual(words.sort(), ["five", "four", "one", "three", "two"])
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )

  test(
    "--session lists one session, oldest first",
    Effect.gen(function* () {
      const { server, targets, tool } = yield* setup({ seed: {} })
      yield* server.append({ sessionId: "s/1", text: "Which tests are flaky?" })
      yield* server.append({ sessionId: "s/1", role: "assistant", text: "None.\nAll pass." })
      yield* server.append({ sessionId: "s2", text: "Elsewhere" })
      const whole = yield* tool(["--session", "s/1"])
      assert.strictEqual(whole.stdout, "user       Which tests are flaky?\nassistant  None. All pass.\n")
      assert.deepStrictEqual(yield* targets, ["/api/sessions/s%2F1/messages"])
      assert.strictEqual(
        (yield* tool(["--session", "s/1", "--limit", "1"])).stdout,
        "user       Which tests are flaky?\n"
      )
      const none = yield* tool(["--session", "s3"])
      assert.deepStrictEqual([none.code, none.stdout], [0, ""])
    })
  )

  test(
    "--send shows the reply, or that it comes later",
    Effect.gen(function* () {
      const before = yield* setup()
      const [id = ""] = yield* before.server.sessions
      const replied = yield* before.tool(["--send", id, "Are we done?"])
      assert.deepStrictEqual(replied, { code: 0, stdout: "You said: Are we done?\n", stderr: "" })

      const since = yield* setup({ generation: "2025-10-10", seed: { messages: 1 } })
      const [other = ""] = yield* since.server.sessions
      const pending = yield* since.tool(["--send", other, "Are we done?"])
      assert.deepStrictEqual(pending, {
        code: 0,
        stdout: `The server took the message and answers later; --session ${other} shows the reply.\n`,
        stderr: ""
      })
      const [sent] = yield* since.server.requests
      assert.deepStrictEqual([sent?.method, sent?.status, sent?.body], ["POST", 202, '{"text":"Are we done?"}'])
    })
  )
})

describe("to a file", () => {
  test(
    "every message is a line of JSON, in order",
    Effect.gen(function* () {
      const { file, hasCursor, ids, read, server, tool } = yield* setup()
      const { code, stderr, stdout } = yield* tool(["--out", file])
      assert.deepStrictEqual([code, stdout], [0, ""])
      assert.match(stderr, /^250 messages, 3 pages, \d+\/s, \d+\.\d s\n\S+export\.ndjson: 250 messages, complete\n$/)
      assert.deepStrictEqual(yield* ids, yield* server.messages)
      assert.isFalse(yield* hasCursor)
      assert.notMatch((yield* read).join("\n"), /[\u2028\u2029]/)
    })
  )

  test(
    "that exists is not touched, unless by --force",
    Effect.gen(function* () {
      const { file, fs, ids, tool } = yield* setup()
      yield* fs.writeFileString(file, "mine")
      const refused = yield* tool(["--out", file])
      assert.deepStrictEqual(refused, { code: 1, stdout: "", stderr: `error: ${file} exists: --force replaces it\n` })
      assert.deepStrictEqual(yield* tool(["--out", file, "--resume"]), {
        ...refused,
        stderr: `error: ${file} exists, but ${file}.cursor does not: there is nothing to resume, --force replaces it\n`
      })
      assert.strictEqual(yield* fs.readFileString(file), "mine")
      assert.strictEqual((yield* tool(["--out", file, "--force"])).code, 0)
      assert.strictEqual((yield* ids).length, 250)
    })
  )

  test(
    "in a folder that is not there",
    Effect.gen(function* () {
      const { file, targets, tool } = yield* setup()
      const result = yield* tool(["--out", `${file}/x`])
      assert.deepStrictEqual(result, {
        code: 1,
        stdout: "",
        stderr: `error: ENOENT: no such file or directory, open '${file}/x'\n`
      })
      assert.deepStrictEqual(yield* targets, [])
    })
  )

  test(
    "of one session",
    Effect.gen(function* () {
      const { file, hasCursor, read, server, tool } = yield* setup()
      const [id = ""] = yield* server.sessions
      assert.strictEqual((yield* tool(["--session", id, "--out", file])).code, 0)
      const rows = yield* Effect.forEach(yield* read, (line) => decodeLine(line))
      assert.isAbove(rows.length, 10)
      assert.isTrue(rows.every(({ sessionId }) => sessionId === id))
      assert.isFalse(yield* hasCursor)
    })
  )

  test(
    "--limit can be raised with --resume",
    Effect.gen(function* () {
      const { file, hasCursor, ids, server, targets, tool } = yield* setup()
      const first = yield* tool(["--out", file, "--limit", "130"])
      assert.match(first.stderr, /130 messages, as many as --limit allows; --resume with a higher one goes on\n$/)
      assert.strictEqual((yield* ids).length, 130)
      assert.strictEqual((yield* tool(["--out", file, "--limit", "100", "--resume"])).code, 0)
      assert.strictEqual((yield* targets).length, 2, "nothing is asked for when there is enough")
      assert.strictEqual((yield* tool(["--out", file, "--limit", "200", "--resume"])).code, 0)
      assert.deepStrictEqual(yield* ids, (yield* server.messages).slice(0, 200))
      assert.isTrue(yield* hasCursor)
      assert.match((yield* tool(["--out", file, "--resume"])).stderr, /250 messages, complete\n$/)
      assert.deepStrictEqual(yield* ids, yield* server.messages)
      assert.isFalse(yield* hasCursor)
    })
  )

  test(
    "after a failure, --resume goes on, whatever happened meanwhile",
    Effect.gen(function* () {
      let broken = true
      const { file, fs, hasCursor, ids, server, tool } = yield* setup({
        faults: ({ query }) =>
          Effect.succeed(
            broken && Number(query.get("offset")) > 150 ? MixServer.Fault.Respond({ status: 503 }) : undefined
          )
      })
      const before = yield* server.messages
      const failed = yield* tool(["--out", file, "--page-size", "50"])
      assert.strictEqual(failed.code, 1)
      assert.match(
        failed.stderr,
        /200 messages, incomplete; the same command with --resume goes on\nerror: getHistory: /
      )
      assert.deepStrictEqual(yield* ids, before.slice(0, 200))

      broken = false
      // A crash in the middle of a page, and messages that arrive before somebody looks after it.
      yield* fs.writeFileString(file, '{"id":"half a li', { flag: "a" })
      yield* server.append({ sessionId: "new", text: "Meanwhile" })
      const refused = yield* tool(["--out", file])
      assert.strictEqual(refused.stderr, `error: ${file} exists: --resume goes on with it, --force replaces it\n`)
      const resumed = yield* tool(["--out", file, "--page-size", "50", "--resume"])
      assert.match(resumed.stderr, /^50 messages, \d pages.*\n\S+: 250 messages, complete\n$/)
      assert.deepStrictEqual(yield* ids, before)
      assert.isFalse(yield* hasCursor)
    })
  )

  test(
    "--resume begins anew where nothing was written yet",
    Effect.gen(function* () {
      let broken = true
      const { file, ids, server, tool } = yield* setup({
        faults: () => Effect.succeed(broken ? MixServer.Fault.Reset() : undefined)
      })
      assert.match(
        (yield* tool(["--out", file])).stderr,
        /: 0 messages, incomplete; the same command with --force starts again\nerror: /
      )
      broken = false
      assert.strictEqual((yield* tool(["--out", file, "--resume"])).code, 0)
      assert.deepStrictEqual(yield* ids, yield* server.messages)
    })
  )

  test(
    "--resume does not trust a cursor that does not fit",
    Effect.gen(function* () {
      const { file, fs, tool } = yield* setup()
      yield* tool(["--out", file, "--limit", "100"])
      yield* fs.truncate(file, 10)
      const short = yield* tool(["--out", file, "--resume"])
      assert.strictEqual(short.stderr, `error: ${file} is shorter than ${file}.cursor says: --force starts again\n`)
      yield* fs.writeFileString(`${file}.cursor`, "{}")
      const unreadable = yield* tool(["--out", file, "--resume"])
      assert.strictEqual(unreadable.stderr, `error: ${file}.cursor is not a cursor file: --force starts again\n`)
    })
  )

  test(
    "a page that does not fit on the disk is taken back whole",
    Effect.gen(function* () {
      const { file, fs, read } = yield* setup()
      const message = (id: string): BackendMessage => ({
        id: MessageId.make(id),
        sessionId: SessionId.make("s1"),
        role: "user",
        userInput: "Hello"
      })
      const full = new PlatformError.SystemError({ reason: "Unknown", module: "FileSystem", method: "writeAll" })
      let writes = 0
      const smallDisk: FileSystem.FileSystem = {
        ...fs,
        open: (path, options) =>
          Effect.map(fs.open(path, options), (file) => {
            const writeAll = (data: Uint8Array) =>
              writes++ === 0
                ? file.writeAll(data)
                : Effect.zipRight(file.writeAll(data.subarray(0, data.length / 2)), Effect.fail(full))
            return new Proxy(file, {
              get: (target, key) => {
                if (key === "writeAll") return writeAll
                const value = Reflect.get(target, key, target)
                return typeof value === "function" ? value.bind(target) : value
              }
            })
          })
      }
      const error = yield* Effect.gen(function* () {
        const file_ = yield* ExportFile.open(file, "refuse")
        yield* file_.append({ messages: [message("m1")], cursor: Option.none() })
        return yield* Effect.flip(file_.append({ messages: [message("m2"), message("m3")], cursor: Option.none() }))
      }).pipe(Effect.scoped, Effect.provideService(FileSystem.FileSystem, smallDisk))
      assert.strictEqual(error, full)
      assert.deepStrictEqual(yield* read, ['{"id":"m1","sessionId":"s1","role":"user","userInput":"Hello"}'])
    })
  )
})
