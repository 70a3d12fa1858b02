/** The tool as a process: killed, started again, one at a time, and what a person sees. */
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@mix-effect/testing/FaultServer"
import * as MixServer from "@mix-effect/testing/MixServer"
import { Effect, Schema, Stream } from "effect"
import * as Database from "../src/Database.ts"
import * as Databases from "./databases.ts"
import * as Tool from "./Tool.ts"

const file = Effect.map(Databases.temporaryFolder, (folder) => join(folder, "archive.db"))

/** The ids that the archive holds as not deleted. */
const liveIds = (path: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<{ id: string }>`SELECT id FROM messages WHERE role = 'user' AND deleted_at IS NULL`
  ).pipe(
    Effect.map((rows) => rows.map(({ id }) => id).sort()),
    Effect.provide(Database.layerRead(Database.Target.Sqlite({ path })))
  )

describe.concurrent("the process", { timeout: 60_000 }, () => {
  it.scopedLive("follows; refuses a second one; is killed, and the next one goes on", () =>
    Effect.gen(function* () {
      const path = yield* file
      const server = yield* MixServer.serve({ generation: "2026-02", seed: { messages: 60, sessions: 4 } })
      const args = ["--server", server.url, "--database", path]
      const command = yield* Effect.flatMap(Databases.temporaryFolder, (folder) =>
        Effect.promise(() => Tool.bundled(folder))
      )
      const first = yield* Tool.start([...args, "--json"], {}, command)
      const until = (accept: (progress: typeof Tool.Progress.Type) => boolean) =>
        first.lines.pipe(Stream.mapEffect(Schema.decode(Tool.Progress)), Stream.filter(accept), Stream.runHead)
      yield* until(({ phase }) => phase === "following")

      const { code, stderr } = yield* Tool.run([...args, "--once"])
      assert.strictEqual(code, 1)
      assert.strictEqual(stderr, `error: another process writes to ${path}, and holds ${path}.lock: one at a time\n`)

      const [sessionId = ""] = yield* server.sessions
      const before = yield* server.messages
      yield* server.append({ sessionId, text: "while it follows" })
      // 60 of the walk, and the one that is followed; a listing may come before it.
      yield* until(({ due, messages }) => messages > before.length && due === 0)
      yield* first.kill("SIGKILL")
      yield* first.result
      yield* server.append({ sessionId, text: "while nobody looks" })
      const gone = (yield* server.sessions).at(-1) ?? ""
      yield* server.deleteSession(gone)

      const second = yield* Tool.run([...args, "--once"])
      assert.strictEqual(second.code, 0, second.stderr)
      assert.deepStrictEqual(yield* liveIds(path), [...(yield* server.messages)].sort())

      const status = yield* Tool.run(["status", "--database", path])
      assert.match(
        status.stdout,
        /^http:\S+: \d+ messages in 3 sessions; \d+ messages and 1 session deleted on the server; /
      )
      const exported = yield* Tool.run(["export", gone, "--database", path])
      assert.match(
        exported.stdout,
        /^# .*\n\nDeleted on the server; found so at \S+\.\n\n## user \(deleted on the server\)\n/
      )
    })
  )

  it.scopedLive("without a server: an embedded one, and what is in the archive", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* Tool.run(["--database", yield* file], { MIX_SERVER_URL: " " })
      assert.strictEqual(code, 0, stderr)
      assert.match(stderr, /^MIX_SERVER_URL is not set: serving an embedded reference server at http:\S+\n/)
      assert.match(stdout, /== status ==\nhttp:\S+: \d+ messages in 20 sessions; complete as of \S+, \d+ s ago\n/)
      assert.match(stdout, /== search café ==\n\S+ {2}user: Summarise the café survey in three points/)
    })
  )

  it.scopedLive("a session that the server cannot read is left out, and counted", () =>
    Effect.gen(function* () {
      const path = yield* file
      const server = yield* MixServer.serve({ seed: { messages: 20, sessions: 2 } })
      yield* server.append({ sessionId: "broken", text: "cannot be read", unreadable: "mystery" })
      const { code, stderr } = yield* Tool.run(["--once", "--server", server.url, "--database", path])
      assert.strictEqual(code, 0, stderr)
      const { stdout } = yield* Tool.run(["status", "--json", "--database", path])
      assert.include(stdout, '"sessions":3')
      assert.include(stdout, '"problems":1')
      const messages = yield* server.messages
      assert.strictEqual((yield* liveIds(path)).length, messages.length - 1)
    })
  )

  it.scopedLive("what cannot be done is one line, without credentials, and an exit code", () =>
    Effect.gen(function* () {
      const url = yield* FaultServer.refusedUrl
      const withPassword = url.replace("//", "//user:s3cret@")
      const path = yield* file
      const results = yield* Effect.forEach(
        [
          ["--once", "--server", url, "--database", path],
          ["--once", "--server", withPassword, "--database", `${path}2`],
          ["--once", "--server", url, "--database", withPassword.replace("http:", "postgres:")],
          ["status", "--database", `${path}3`],
          ["search", "--database", path, "-"],
          ["--cluster", "--server", url, "--database", path],
          ["--cluster", "--once", "--server", url, "--database", "postgres://localhost/archive"],
          ["--server", url, "--server", `${url}/`, "--database", path]
        ],
        (args) => Tool.run(args),
        { concurrency: 3 }
      )
      assert.deepStrictEqual(
        results.map(({ code }) => code),
        [1, 2, 1, 1, 1, 2, 2, 2]
      )
      for (const { stderr, stdout } of results) {
        assert.match(stderr, /^(?:http.*\n)*error: .+\n$/)
        assert.notInclude(`${stderr}${stdout}`, "s3cret")
      }
    })
  )
})
