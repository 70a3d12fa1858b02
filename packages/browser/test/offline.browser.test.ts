/** `waitWhileOffline`, with the browser's own word for it. */
import { assert, it } from "@effect/vitest"
import { RetryPolicy } from "@mix-effect/http"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { policy } from "./policy.ts"
import { failure, matches, replaced, service, sessionId } from "./support.ts"

/** A browser that is offline until `back`, and a `fetch` that fails meanwhile. Counts requests. */
const network = Effect.gen(function* () {
  const state = { requests: 0, listeners: 0 }
  const { addEventListener, removeEventListener } = globalThis
  yield* replaced(navigator, "onLine", false)
  yield* replaced(globalThis, "fetch", () => {
    state.requests++
    return navigator.onLine ? Promise.resolve(Response.json([])) : Promise.reject(new TypeError("Failed to fetch"))
  })
  yield* replaced(globalThis, "addEventListener", (name: string, listener: () => void) => {
    if (name === "online") state.listeners++
    addEventListener.call(globalThis, name, listener)
  })
  yield* replaced(globalThis, "removeEventListener", (name: string, listener: () => void) => {
    if (name === "online") state.listeners--
    removeEventListener.call(globalThis, name, listener)
  })
  const set = (onLine: boolean) =>
    Effect.sync(() => {
      Object.defineProperty(navigator, "onLine", { configurable: true, writable: true, value: onLine })
      dispatchEvent(new Event(onLine ? "online" : "offline"))
    })
  return { state, back: set(true), away: set(false) }
})

/** Completes `asked` at the first failure. */
const telling = (times: number, asked: Deferred.Deferred<void>) =>
  RetryPolicy.withRetryPolicy(policy(times, () => Deferred.unsafeDone(asked, Effect.void)))

const serverUrl = "http://mix.test:1"

it.scopedLive("on: the retry waits until the browser is online, whoever chose the policy", () =>
  Effect.gen(function* () {
    const { back, state } = yield* network
    const asked = yield* Deferred.make<void>()
    const messages = yield* service({ serverUrl, waitWhileOffline: true })
    const call = messages.getHistory().pipe(telling(1, asked))
    const fiber = yield* Effect.fork(call)
    yield* Deferred.await(asked)
    yield* Effect.yieldNow()
    assert.deepStrictEqual(state, { requests: 1, listeners: 1 })
    yield* back
    assert.deepStrictEqual(yield* Fiber.join(fiber), [])
    assert.deepStrictEqual(state, { requests: 2, listeners: 0 })
  })
)

it.scopedLive("off: retries go on failing, and end with the policy", () =>
  Effect.gen(function* () {
    const { state } = yield* network
    const asked = yield* Deferred.make<void>()
    const messages = yield* service({ serverUrl })
    const error = yield* failure(messages.getHistory().pipe(telling(2, asked)))
    matches(error, { _tag: "ConnectionError", code: "OFFLINE", attempts: 3, hint: "this browser is offline" })
    assert.deepStrictEqual(state, { requests: 3, listeners: 0 })
  })
)

it.scopedLive("the deadline ends the wait, and the error is that of the last attempt", () =>
  Effect.gen(function* () {
    const { state } = yield* network
    const asked = yield* Deferred.make<void>()
    const messages = yield* service({ serverUrl, waitWhileOffline: true, deadline: "100 millis" })
    const error = yield* failure(messages.getHistory().pipe(telling(5, asked)))
    matches(error, { _tag: "ConnectionError", code: "OFFLINE", attempts: 1 })
    assert.deepStrictEqual(state, { requests: 1, listeners: 0 })
  })
)

it.scopedLive("160 the deadline ends the wait where nothing can be interrupted", () =>
  Effect.gen(function* () {
    const { state } = yield* network
    const asked = yield* Deferred.make<void>()
    const messages = yield* service({ serverUrl, waitWhileOffline: true, deadline: "100 millis" })
    const call = messages.getHistory().pipe(telling(5, asked))
    matches(yield* failure(Effect.uninterruptible(call)), { _tag: "ConnectionError", code: "OFFLINE", attempts: 1 })
    assert.deepStrictEqual(state, { requests: 1, listeners: 0 })
  })
)

it.scopedLive("interruption ends the wait", () =>
  Effect.gen(function* () {
    const { state } = yield* network
    const asked = yield* Deferred.make<void>()
    const messages = yield* service({ serverUrl, waitWhileOffline: true })
    const call = messages.getHistory().pipe(telling(1, asked))
    const fiber = yield* Effect.fork(call)
    yield* Deferred.await(asked)
    yield* Fiber.interrupt(fiber)
    assert.deepStrictEqual(state, { requests: 1, listeners: 0 })
  })
)

it.scopedLive("a network that comes and goes: each retry waits anew", () =>
  Effect.gen(function* () {
    const { away, back, state } = yield* network
    const messages = yield* service({ serverUrl, waitWhileOffline: true })
    let asked = yield* Deferred.make<void>()
    const flapping = policy(3, () => Deferred.unsafeDone(asked, Effect.void))
    const fiber = yield* Effect.fork(messages.getHistory().pipe(RetryPolicy.withRetryPolicy(flapping)))
    for (const requests of [1, 2]) {
      yield* Deferred.await(asked)
      yield* Effect.yieldNow()
      assert.strictEqual(state.requests, requests)
      asked = yield* Deferred.make<void>()
      yield* back
      yield* away
    }
    yield* Deferred.await(asked)
    yield* back
    assert.deepStrictEqual(yield* Fiber.join(fiber), [])
    assert.strictEqual(state.requests, 4)
  })
)

it.scopedLive("a send is not even tried while the browser is offline, unless the server is on this machine", () =>
  Effect.gen(function* () {
    const { state } = yield* network
    const send = { id: sessionId, text: "Hello" }
    const none = RetryPolicy.withRetryPolicy(RetryPolicy.none)
    const far = yield* service({ serverUrl })
    matches(yield* failure(none(far.send(send))), { code: "OFFLINE", phase: "connect", outcome: "notSent" })
    assert.strictEqual(state.requests, 0)
    const near = yield* service({ serverUrl: "http://localhost:1" })
    matches(yield* failure(none(near.send(send))), { code: "OFFLINE", phase: "unknown", outcome: "unknown" })
    assert.strictEqual(state.requests, 1)
  })
)
