/** What tests in the browser share: servers in Node.js, the service, and failures as values. */
import { assert } from "@effect/vitest"
import { MessagesService, type MixError, type Service, SessionId } from "@mix-effect/core"
import type { MixServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import { inject } from "vitest"
import { MixBrowser } from "../src/index.ts"
import type { FaultReply, MixOptions } from "./node/servers.ts"

export const sessionId = SessionId.make("s1")

const command = <A>(name: string, ...args: ReadonlyArray<unknown>): Effect.Effect<A> =>
  Effect.promise(async () => {
    const response = await fetch(inject("control"), { method: "POST", body: JSON.stringify({ name, args }) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${name}: ${text}`)
    return JSON.parse(text)
  })

export interface Request {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
}

const started = (name: string, ...args: ReadonlyArray<unknown>) =>
  Effect.acquireRelease(command<string>(name, ...args), (url) => command("close", url))

export const startMix = (options: MixOptions = {}) =>
  Effect.map(started("startMix", options), (url) => ({
    url,
    requests: command<ReadonlyArray<Request>>("call", url, "requests", []),
    messages: command<ReadonlyArray<string>>("call", url, "messages", []),
    sessions: command<ReadonlyArray<string>>("call", url, "sessions", []),
    append: (message: MixServer.NewMessage) => command<string>("call", url, "append", [message])
  }))

export const startFault = (replies: readonly [FaultReply, ...ReadonlyArray<FaultReply>], port?: number) =>
  Effect.map(started("startFault", replies, port), (url) => ({
    url,
    port: Number(new URL(url).port),
    requests: command<ReadonlyArray<Request>>("call", url, "requests", []),
    requestCount: command<number>("call", url, "requestCount", []),
    awaitRequests: (count: number) => command("call", url, "awaitRequests", [count]),
    awaitClientClose: command("call", url, "awaitClientClose", [])
  }))

export const refusedUrl = command<string>("refusedUrl")

/** The service, made anew. */
export const service = (options: MixBrowser.Options): Effect.Effect<Service> =>
  MessagesService.pipe(Effect.provide(MixBrowser.layer(options)), Effect.orDie)

export const failure = <A, E extends MixError>(call: Effect.Effect<A, E>): Effect.Effect<E> =>
  Effect.catchAll(
    Effect.flatMap(call, (value) => Effect.dieMessage(`a success: ${JSON.stringify(value)}`)),
    Effect.succeed
  ) as Effect.Effect<E>

/** Whether an error, or anything, has these fields. */
export const matches = (actual: object, expected: Readonly<Record<string, unknown>>): void => {
  const picked = Object.fromEntries(Object.keys(expected).map((key) => [key, (actual as Record<string, unknown>)[key]]))
  assert.deepStrictEqual(picked, { ...expected })
}

/** Replaces a property for as long as the scope is open. */
export const replaced = (object: object, name: string, value: unknown) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = Object.getOwnPropertyDescriptor(object, name)
      Object.defineProperty(object, name, { configurable: true, writable: true, value })
      return before
    }),
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete (object as Record<string, unknown>)[name]
        else Object.defineProperty(object, name, before)
      })
  )
