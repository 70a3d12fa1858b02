/** Runs snippets of the documents against a Mix server. */
import { assert, it } from "@effect/vitest"
import { MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import { collect, isFor, runAll, type Snippet } from "../snippets.ts"
import { root } from "../tarballs.ts"

/** Runs snippets against a served Mix server, and answers with what failed and with what the server was asked. */
export const runOnServer = (snippets: ReadonlyArray<Snippet>, workspace = root) =>
  Effect.gen(function* () {
    const server = yield* MixServer.serve({ seed: { sessions: 3, messages: 120 } })
    const sessions = snippets.flatMap(({ code }) => [...code.matchAll(/SessionId\.make\("([^"]+)"\)/g)])
    yield* Effect.forEach(sessions, ([, id = ""]) => server.createSession({ id }))
    const problems = yield* Effect.promise(() => runAll(workspace, snippets, server.url))
    const targets = (yield* server.requests).map(({ method, target }) => `${method} ${target}`)
    return { problems, targets }
  })

/** All of them run with a major version of Effect, that of a workspace. */
export const allRun = (edition: 3 | 4, workspace: string) =>
  it.scopedLive("all run, but for those marked `no-run`", () =>
    Effect.gen(function* () {
      const own = collect(root, workspace).filter((snippet) => snippet.run && isFor(edition)(snippet))
      const { problems, targets } = yield* runOnServer(own, workspace)
      assert.deepStrictEqual(problems, [])
      assert.include(targets.join("\n"), "GET /api/messages/history")
      // A session is made, and asked by the route of the server of Sept 25, 2025.
      assert.include(targets.join("\n"), "POST /api/sessions")
      assert.include(targets.join("\n"), "POST /stream/")
    })
  )
