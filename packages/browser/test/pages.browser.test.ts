/** Environments other than the test page: a worker, a page of https, a strict policy, a browser that is offline. */
import { assert, it } from "@effect/vitest"
import { commands } from "@vitest/browser/context"
import * as Effect from "effect/Effect"
import type { Bundle } from "./node/bundle.ts"
import type { Visit, Visited } from "./node/visit.ts"
import { refusedUrl, startMix } from "./support.ts"

declare module "@vitest/browser/context" {
  interface BrowserCommands {
    readonly bundle: () => Promise<Bundle>
    readonly visit: (options: Visit) => Promise<Visited>
  }
}

const visit = (options: Visit): Effect.Effect<Visited> => Effect.promise(() => commands.visit(options))

it.scopedLive("in a dedicated worker, which has no window", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ seed: { messages: 25 } })
    const worker = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("./pages/worker.ts", import.meta.url), { type: "module" })),
      (worker) => Effect.sync(() => worker.terminate())
    )
    const answer = yield* Effect.async((resume) => {
      worker.addEventListener("message", ({ data }) => resume(Effect.succeed(data)))
      worker.addEventListener("error", ({ message }) => resume(Effect.dieMessage(message)))
      worker.postMessage(server.url)
    })
    const ids = yield* server.messages
    assert.deepStrictEqual(answer, {
      _id: "Exit",
      _tag: "Success",
      value: { ids: ids.slice(0, 3), count: 25, window: "undefined", origin: location.origin }
    })
    assert.isTrue((yield* server.requests).every(({ method }) => method === "GET"))
  })
)

it.live("a bundle has no use for Node.js, nor for scripts that are made of strings", () =>
  Effect.gen(function* () {
    const { imports, used } = yield* Effect.promise(() => commands.bundle())
    assert.deepStrictEqual(used, [])
    assert.isNotEmpty(imports)
    assert.deepStrictEqual(
      imports.filter((name) => !/^(effect|@effect\/platform)\//.test(name)),
      []
    )
  })
)

it.scopedLive("in a page whose policy allows no script but its own, and no eval", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ seed: { messages: 25 } })
    const { console, result } = yield* visit({
      script: "history.ts",
      origin: "http://localhost:1",
      input: { serverUrl: server.url },
      csp: `default-src 'none'; script-src 'self'; connect-src ${server.url}; require-trusted-types-for 'script'`
    })
    const ids = yield* server.messages
    assert.deepStrictEqual(result, { ids: ids.slice(0, 3), count: 25, canEval: false, process: "undefined" })
    // The script's own try at `Function` is all that the policy had to refuse.
    assert.deepStrictEqual(
      console.filter((line) => !/TrustedScript|The JavaScript Function constructor|unsafe-eval/.test(line)),
      []
    )
    assert.isAtMost(console.length, 2)
  })
)

it.scopedLive("147 a page of https and a server of http: mixed content, tried once", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ seed: { messages: 1 } })
    const { result } = yield* visit({
      script: "failure.ts",
      origin: "https://page.test",
      input: { serverUrl: server.url.replace("127.0.0.1", "mix.test") }
    })
    assert.deepInclude(result, { tag: "ConnectionError", code: "MIXED_CONTENT", attempts: 1, transient: false })
    assert.match((result as { message: string }).message, /the page is https and the server url http/)
    assert.lengthOf(yield* server.requests, 0)
  })
)

it.scopedLive("106 offline: read and send say so; a walk and a send wait for the network with waitWhileOffline", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ seed: { messages: 3, sessions: 1 } })
    yield* server.append({ sessionId: "s1", text: "first" })
    const { result } = yield* visit({
      script: "offline.ts",
      origin: "http://localhost:1",
      input: { serverUrl: server.url.replace("127.0.0.1", "mix.test") }
    })
    const { count, read, reply, sent } = result as Record<string, unknown>
    assert.deepInclude(read, { tag: "ConnectionError", code: "OFFLINE", attempts: 1 })
    assert.match((read as { message: string }).message, /this browser is offline/)
    assert.deepInclude(sent, { tag: "ConnectionError", code: "OFFLINE", phase: "connect", outcome: "notSent" })
    assert.isAtLeast(count as number, 4)
    assert.strictEqual(reply, "Hello")
    const methods = (yield* server.requests).map(({ method }) => method)
    assert.strictEqual(methods.filter((method) => method === "POST").length, 1)
    // The walk, which may see the message arrive.
    assert.isAtMost(methods.filter((method) => method === "GET").length, 6)
  })
)

it.scopedLive("without permission to reach this machine: the hint says so", () =>
  Effect.gen(function* () {
    const server = yield* startMix({ seed: { messages: 1 } })
    const { result } = yield* visit({
      script: "failure.ts",
      origin: "https://page.test",
      input: { serverUrl: server.url },
      mayReachThisMachine: false
    })
    assert.deepInclude(result, { tag: "ConnectionError", code: "FETCH_FAILED", transient: true })
    assert.match((result as { message: string }).message, /lack the permission for local network access$/)
    assert.lengthOf(yield* server.requests, 0)
  })
)

it.scopedLive("a dead port on this machine, from a page of https, is no mixed content", () =>
  Effect.gen(function* () {
    const { result } = yield* visit({
      script: "failure.ts",
      origin: "https://page.test",
      input: { serverUrl: yield* refusedUrl }
    })
    assert.deepInclude(result, { tag: "ConnectionError", code: "FETCH_FAILED", attempts: 4 })
  })
)
