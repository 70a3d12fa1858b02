// Runs the TypeScript of the documents (../snippets.ts) against a Mix server, in one process for all of it (snippetsProcess.ts).
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { MixServer } from "@mix-effect/testing"
import { Effect } from "effect"
import ts from "typescript"
import { bundle } from "../bundle.ts"
import { collect, isFor, type Snippet, written } from "../snippets.ts"
import { root, run } from "../tarballs.ts"

/** A module is over when what it does at its top level is: `Effect.runPromise` there is waited for. */
const awaited = (code: string): string =>
  ts
    .createSourceFile("snippet.ts", code, ts.ScriptTarget.Latest, true)
    .statements.filter(ts.isExpressionStatement)
    .map(({ expression }) => expression)
    .filter((expression) => !ts.isAwaitExpression(expression))
    .reduceRight(
      (text, { end, pos }) => `${text.slice(0, pos)}\nawait (${text.slice(pos, end)})${text.slice(end)}`,
      code
    )

/** Where documents say that a server is. */
const documented = /https?:\/\/(localhost:80(80|88)|([\w-]+\.)*example\.com)\b/g

/**
 * Runs snippets against the Mix server at a url, all in one other process: it stands for the servers that documents name,
 * and for `MIX_SERVER_URL`. What a snippet exports is run too: effects and streams to their end or for two seconds, with the
 * services of `MixNode`; layers are built. Answers one line for each thing that fails; a missing configuration is the
 * reader's business.
 */
export const runAll = (root: string, snippets: ReadonlyArray<Snippet>, serverUrl: string) => {
  const adapted = snippets.map((it) => ({ ...it, code: awaited(it.code).replaceAll(documented, serverUrl) }))
  return written(root, adapted, async (folder): Promise<ReadonlyArray<string>> => {
    const entryPoints = [join(root, "scripts/test/snippetsProcess.ts"), join(folder, "snippet-*.ts")]
    await bundle(entryPoints, folder, { splitting: true })
    const node = join(root, "node_modules/.bin/node") // Effect 4 requires a newer one than the workspace.
    const args = ["snippetsProcess.mjs", ...snippets.map(({ file, line }) => `${file}:${line}`)]
    const env = { MIX_SERVER_URL: serverUrl }
    const output = await run(folder, existsSync(node) ? node : process.execPath, args, env).catch(String)
    const problems = join(folder, "problems.json")
    if (existsSync(problems)) return JSON.parse(readFileSync(problems, "utf8"))
    return [`A snippet ended the process that runs them all:\n${output.slice(-2000)}`]
  })
}

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
