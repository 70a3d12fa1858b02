/**
 * An `HttpClient` that answers by a script and writes down what it was asked: no socket, no promise, so that under
 * `TestClock` everything happens at the millisecond at which it was due.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert } from "@effect/vitest"
import {
  type BackendMessage,
  MessageId,
  MessagesService,
  type MixError,
  type Service,
  SessionId
} from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { MessagesHttp, type MixConfig } from "../src/index.ts"

/** A request as the client was given it. */
export interface Recorded {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** When it was made, in milliseconds. */
  readonly at: number
}

/** One answer: a response, a failure of the engine, or neither ever. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Text, or chunks of bytes; a stream for whatever else. Default: nothing. */
  readonly body?: string | ReadonlyArray<Uint8Array> | Stream.Stream<Uint8Array, unknown>
  /** Before the head, by the clock. */
  readonly latency?: number
  /** Instead of a head: what the engine fails with. */
  readonly cause?: unknown
  /** Instead of all else: what the client does. */
  readonly effect?: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>
}

/** The nth request gets the nth answer; the last one repeats. */
export type Script =
  | Answer
  | readonly [Answer, ...ReadonlyArray<Answer>]
  | ((request: Recorded, index: number) => Answer)

const encoder = new TextEncoder()

const toStream = (body: Answer["body"]): Stream.Stream<Uint8Array, unknown> =>
  body === undefined
    ? Stream.empty
    : typeof body === "string"
      ? Stream.make(encoder.encode(body))
      : "length" in body
        ? Stream.fromIterable(body)
        : body

/** What the SDK reads of a response, and no more: web responses are slow to make, and cannot have every status. */
const respond = (request: HttpClientRequest.HttpClientRequest, { body, headers = {}, status = 200 }: Answer) => {
  const response = { request, status, headers: Headers.fromInput(headers) } as HttpClientResponse.HttpClientResponse
  const stream = Stream.mapError(
    toStream(body),
    (cause) => new HttpClientError.ResponseError({ request, response, reason: "Decode", cause })
  )
  return Object.assign(response, { stream })
}

export interface Scripted {
  readonly requests: Array<Recorded>
  readonly layer: Layer.Layer<HttpClient.HttpClient>
  /** How many requests were interrupted before their answer. */
  interrupted: number
}

export const scripted = (script: Script): Scripted => {
  const answers: ReadonlyArray<Answer> | undefined =
    typeof script === "function" ? undefined : Array.isArray(script) ? script : [script as Answer]
  const answer = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.gen(function* () {
      const recorded: Recorded = {
        method: request.method,
        url: new URL(request.url).href,
        headers: { ...request.headers },
        body: request.body._tag === "Raw" ? String(request.body.body) : undefined,
        at: yield* Clock.currentTimeMillis
      }
      const index = self.requests.push(recorded) - 1
      const answer =
        answers === undefined
          ? (script as (request: Recorded, index: number) => Answer)(recorded, index)
          : (answers[Math.min(index, answers.length - 1)] as Answer)
      if (answer.effect !== undefined) return yield* answer.effect
      if (answer.latency !== undefined) yield* Effect.sleep(answer.latency)
      if ("cause" in answer) {
        return yield* new HttpClientError.RequestError({ request, reason: "Transport", cause: answer.cause })
      }
      return respond(request, answer)
    }).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          self.interrupted += 1
        })
      )
    )
  const client = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    (request) => Effect.flatMap(request, answer),
    Effect.succeed
  )
  const self: Scripted = { requests: [], interrupted: 0, layer: Layer.succeed(HttpClient.HttpClient, client) }
  return self
}

export const jsonType = { "content-type": "application/json" }

export const json = (value: unknown, more: Omit<Answer, "body"> = {}): Answer => ({
  body: JSON.stringify(value),
  ...more,
  headers: { ...jsonType, ...more.headers }
})

export const status = (code: number, headers: Record<string, string> = {}, body = ""): Answer => ({
  status: code,
  headers,
  body
})

/** An engine's failure that is known by its code, and by the system call that failed. */
export const fault = (code: string, syscall?: string): Answer => ({
  cause: Object.assign(new Error(code), { code, ...(syscall !== undefined && { syscall }) })
})

/** A head that never comes. */
export const never: Answer = { effect: Effect.never }

/** A head, and half a body that never ends. */
export const stalledBody: Answer = {
  headers: jsonType,
  body: Stream.concat(Stream.make(encoder.encode("[")), Stream.never)
}

/** A body that breaks off. */
export const brokenBody: Answer = {
  headers: jsonType,
  body: Stream.concat(Stream.make(encoder.encode("[")), Stream.fail(Object.assign(new Error(), { code: "ECONNRESET" })))
}

export const sessionId = SessionId.make("s1")

export const row: BackendMessage = {
  id: MessageId.make("m1"),
  sessionId,
  role: "user",
  userInput: "Hello"
}

/** An empty environment, so that no test depends on that of its process. */
export const environment = (variables: Record<string, string> = {}) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

/** Runs a program against the service over a scripted client. */
export const withService = <A, E, R>(
  server: Scripted,
  use: (messages: Service) => Effect.Effect<A, E, R>,
  options?: MixConfig.Options
) =>
  Effect.flatMap(MessagesService, use).pipe(
    Effect.provide(
      // A bad option is a mistake of the test.
      MessagesHttp.layer(options).pipe(Layer.provide(server.layer), Layer.provide(environment()), Layer.orDie)
    )
  )

/** Asks a server for one page. */
export const get = (server: Scripted, options?: MixConfig.Options) =>
  withService(server, (messages) => messages.getHistory(), options)

/** Sends it one message. */
export const send = (server: Scripted, options?: MixConfig.Options) =>
  withService(server, (messages) => messages.send({ id: sessionId, text: "Hello" }), options)

/** The shortest delays that a policy may choose. */
export const noJitter = Effect.withRandom(Random.fixed([0]))

/**
 * Runs a program and lets as much time pass as it wants, up to a day. The clock wakes what sleeps one by one, with real timers
 * in between: nothing is woken after the end.
 */
export const passing = <A, E, R>(program: Effect.Effect<A, E, R>, time: number = 24 * 3600 * 1000) =>
  Effect.gen(function* () {
    let isOver = false
    const end = Effect.sync(() => {
      isOver = true
    })
    const fiber = yield* Effect.fork(Effect.ensuring(program, end))
    let passed = 0
    for (const next of [0, 1000, 60_000, time]) {
      for (let turn = 0; turn < 100 && !isOver; turn++) yield* Effect.yieldNow()
      if (isOver) break
      yield* TestClock.adjust(Math.min(next, time) - passed)
      passed = Math.min(next, time)
    }
    return yield* Fiber.join(fiber)
  })

/** Lets everything run that waits for no time. */
export const settle = Effect.zipRight(
  Effect.forEach(Array.from({ length: 100 }), () => Effect.yieldNow(), { discard: true }),
  TestClock.adjust(0)
)

/** The failure of a program that has to fail, with an error that is declared. */
export const failure = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.map(Effect.exit(program), (exit) => {
    if (Exit.isSuccess(exit)) return assert.fail("it succeeded")
    const found = Cause.failureOption(exit.cause)
    return found._tag === "Some" ? found.value : assert.fail(Cause.pretty(exit.cause))
  })

/** Asserts some fields of an error, its tag among them. Durations are given in milliseconds. */
export const matches = (error: MixError, fields: Readonly<Record<string, unknown>>) => {
  const found = Object.fromEntries(
    Object.keys(fields).map((key) => {
      const value = (error as unknown as Record<string, unknown>)[key]
      return [key, Duration.isDuration(value) ? Duration.toMillis(value) : value]
    })
  )
  assert.deepStrictEqual(found, fields, error.message)
}

/** When each request was made, from the first on. */
export const times = (server: Scripted) => server.requests.map(({ at }) => at - (server.requests[0]?.at ?? 0))
