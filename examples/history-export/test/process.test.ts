/** The tool as a process: signals, pipes, exit codes, and the run without any flag. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { BackendMessage } from "@mix-effect/core"
import * as FaultServer from "@mix-effect/testing/FaultServer"
import * as MixServer from "@mix-effect/testing/MixServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { draws } from "../../../packages/core/test/draws.ts"
import { bundled, npmStart, run, start, withoutPorts } from "./Tool.ts"

const decodeLine = Schema.decodeUnknown(Schema.parseJson(BackendMessage))

/** Stalls the request for this offset, once. */
const stallingAt = (offset: number) =>
  Effect.map(Deferred.make<void>(), (reached) => ({
    reached: Deferred.await(reached),
    faults: ({ query }: MixServer.FaultRequest) =>
      query.get("offset") === String(offset)
        ? Effect.map(Deferred.succeed(reached, undefined), (first) => (first ? MixServer.Fault.Stall() : undefined))
        : Effect.succeed(undefined)
  }))

const folder = mkdtempSync(join(tmpdir(), "mix-effect-export-"))
let command: ReadonlyArray<string> = []
beforeAll(async () => {
  command = await bundled(folder)
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.concurrent("the process", () => {
  it.scopedLive("without flags: the history of an embedded server, one session, one message", () =>
    Effect.gen(function* () {
      // By default the bundle: on sources it takes six times as long to start.
      // A blank variable counts as none, and a proxy is for other servers.
      const tool = yield* start(draws(command, npmStart), [], {
        MIX_SERVER_URL: " ",
        HTTP_PROXY: yield* FaultServer.refusedUrl
      })
      const { code, stderr, stdout } = yield* tool.result
      assert.strictEqual(code, 0, stderr)
      const [note, ...progress] = withoutPorts(stderr).split("\n")
      assert.strictEqual(
        note,
        "Neither --server nor MIX_SERVER_URL is set: reading an embedded reference server at http://127.0.0.1:PORT"
      )
      assert.match(progress.join("\n"), /5000 messages, 50 pages, \d+\/s, \d+\.\d s\n$/)

      const [history = "", list = "", sent = ""] = stdout.split("\n\n")
      const lines = history.split("\n")
      assert.strictEqual(lines[0], "== streamHistory: what users wrote, newest first ==")
      assert.strictEqual(lines.length, 5001)
      assert.strictEqual(new Set(lines.slice(1).map((line) => line.slice(0, 36))).size, 40)
      const [heading, ...rows] = list.split("\n")
      assert.match(heading ?? "", /^== listSession: the last 10 of \d+ messages of session [0-9a-f-]{36} ==$/)
      assert.strictEqual(rows.length, 10)
      assert.isTrue(rows.every((row) => /^(user|assistant|tool) /.test(row)))
      assert.strictEqual(
        sent,
        '== send: "Thank you, that is all for today." to the same session ==\nYou said: Thank you, that is all for today.\n'
      )
    })
  )

  it.scopedLive("MIX_SERVER_URL is read, and never written to", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 30 } })
      const tool = yield* start(command, ["--page-size", "10"], { MIX_SERVER_URL: server.url })
      const { code, stderr, stdout } = yield* tool.result
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout.split("\n").length, 31)
      assert.match(stderr, /^30 messages, 3 pages, \d+\/s, \d+\.\d s\n$/)
      assert.isTrue((yield* server.requests).every(({ method }) => method === "GET"))
    })
  )

  it.scopedLive("nothing listens: one line, and 1", () =>
    Effect.gen(function* () {
      const { result } = yield* start(command, ["--server", yield* FaultServer.refusedUrl])
      const { code, stderr, stdout } = yield* result
      assert.strictEqual(
        withoutPorts(stderr),
        "error: getHistory: cannot reach 127.0.0.1:PORT (ECONNREFUSED): nothing listens there; is the Mix backend running, and is the server url right?\n"
      )
      assert.deepStrictEqual([code, stdout], [1, ""])
    })
  )

  it.scopedLive(
    "SIGINT leaves a valid file, says how to go on, and exits with 130; --resume then loses and repeats nothing",
    () =>
      Effect.gen(function* () {
        const { faults, reached } = yield* stallingAt(196)
        const server = yield* MixServer.serve({ seed: { messages: 450 }, faults })
        const fs = yield* FileSystem.FileSystem
        const file = `${yield* fs.makeTempDirectoryScoped()}/export.ndjson`
        const ids = fs.readFileString(file).pipe(
          Effect.map((text) => text.split("\n").slice(0, -1)),
          Effect.flatMap(Effect.forEach((line) => decodeLine(line))),
          Effect.map((messages) => messages.map(({ id }): string => id))
        )
        const all = yield* server.messages

        const tool = yield* start(command, ["--server", server.url, "--out", file])
        yield* reached
        yield* tool.kill("SIGINT")
        const { code, stderr, stdout } = yield* tool.result
        assert.deepStrictEqual([code, stdout], [130, ""])
        assert.match(
          stderr,
          /^(.*\n)*200 messages, 2 pages, \d+\/s, \d+\.\d s\n\S+: 200 messages, incomplete; the same command with --resume goes on\n$/
        )
        assert.deepStrictEqual(yield* ids, all.slice(0, 200))

        const resumed = yield* run(["--server", server.url, "--out", file, "--resume"])
        assert.strictEqual(resumed.code, 0, resumed.stderr)
        assert.deepStrictEqual(yield* ids, all)
      }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("SIGTERM exits with 143", () =>
    Effect.gen(function* () {
      const { faults, reached } = yield* stallingAt(0)
      const server = yield* MixServer.serve({ seed: { messages: 1 }, faults })
      const tool = yield* start(command, ["--server", server.url])
      yield* reached
      yield* tool.kill("SIGTERM")
      assert.deepStrictEqual(yield* tool.result, { code: 143, stdout: "", stderr: "" })
    })
  )

  it.scopedLive("stdout that is closed early ends it quietly", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 5000 } })
      const tool = yield* start(command, ["--server", server.url])
      yield* tool.leaveStdout
      const { code, stderr } = yield* tool.result
      assert.strictEqual(code, 0)
      assert.notInclude(stderr, "error")
      assert.isBelow(yield* server.requestCount, 50, "what nobody reads is not asked for")
    })
  )
})
