/**
 * One row of the fault table: bad input or a fault, and the right answer to it. Rows are plain values and need no test
 * runner: tests run them one by one, and a script can print them.
 */
import { inspect } from "node:util"
import { MessagesService, type MixError, type Service, SessionId, type SessionsService } from "@mix-effect/core"
import type { MixConfig } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { MixNode } from "../src/index.ts"
import { expiring } from "./faultTime.ts"

/** The head of a stream of events that goes on and on. */
export const eventStreamHead = (...more: ReadonlyArray<FaultServer.HeaderLine>): FaultServer.Step =>
  FaultServer.head({
    status: 200,
    headers: [["Content-Type", "text/event-stream"], ...more, ["Transfer-Encoding", "chunked"]]
  })

/** What is called. `secret` stands in for what must not show, where the call has room for it. */
export interface Call<R = never> {
  readonly name: string
  readonly run: (messages: Service, secret: string) => Effect.Effect<unknown, MixError, R>
}

/** What came of a row. */
export interface Observed {
  readonly exit: Exit.Exit<unknown, unknown>
  /** What the server counted. */
  readonly requests: number
  readonly received: ReadonlyArray<FaultServer.ReceivedRequest>
}

/** The right answer. */
export interface Expected {
  /** The value of a success; any, where it is left out and there is no `tag`. */
  readonly value?: unknown
  /** The tag of a failure. */
  readonly tag?: string
  /** It is interrupted, and fails with nothing. */
  readonly interrupted?: boolean
  /** Fields of the failure; durations in milliseconds. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** What the failure's message says. */
  readonly says?: RegExp
  /** How many requests the server counts. */
  readonly requests?: number
  /** The request targets that went out. */
  readonly targets?: ReadonlyArray<string>
  /** What else has to hold, and how to say it. */
  readonly also?: readonly [text: string, holds: (observed: Observed) => boolean]
}

/** What a run may change of a row. */
export interface Overlay {
  readonly options?: MixConfig.Options
  /** Replaces the text of messages. */
  readonly secret?: string
}

export interface Row {
  /** The numbers of the cases that it shows. */
  readonly cases: ReadonlyArray<number>
  readonly name: string
  readonly call: string
  readonly expected: Expected
  readonly run: (overlay?: Overlay) => Effect.Effect<Observed, never, Scope.Scope>
}

/** A case that has no row, and why. */
export interface Absent {
  readonly cases: ReadonlyArray<number>
  readonly name: string
  readonly reason: string
}

/** Limits that no row shall reach, however busy the machine is. */
export const limits = { requestTimeout: 5000, deadline: 15_000, sendTimeout: 10_000 } satisfies MixConfig.Options

/** Limits for the rows that are to reach them, by the tests' clock. */
export const shortLimits = { requestTimeout: 300, deadline: 3000, sendTimeout: 500 } satisfies MixConfig.Options

const id = SessionId.make("s1")

export const getHistory = (options?: unknown): Call => ({
  name: `getHistory(${options === undefined ? "" : show(options)})`,
  run: (messages) => messages.getHistory(options as never)
})

export const listSession = (id: unknown): Call => ({
  name: `listSession({ id: ${show(id)} })`,
  run: (messages) => messages.listSession({ id } as never)
})

export const send = (request: object = {}): Call => ({
  name: `send(${show(request)})`,
  // Property by property: some of the values cannot be read.
  run: (messages, text) =>
    messages.send(Object.defineProperties({ id, text }, Object.getOwnPropertyDescriptors(request)))
})

/** The ids of the whole history. */
export const streamHistory = (options: Parameters<Service["streamHistory"]>[0] = {}): Call => ({
  name: `streamHistory(${show(options)})`,
  run: (messages) =>
    messages.streamHistory(options).pipe(
      Stream.map((message) => message.id as string),
      Stream.runCollect,
      Effect.map((ids) => [...ids])
    )
})

/** How much of a value is shown. */
const longest = 60

/** Something shorter than JSON, for people. */
const show = (value: unknown): string => {
  const text = typeof value === "number" || value === undefined ? String(value) : (quoted(value) ?? String(value))
  return text.length > longest ? `${text.slice(0, longest - 3)}...` : text
}

const quoted = (value: unknown): string | undefined => {
  try {
    const marked = JSON.stringify(value, (_, inner) => {
      if (typeof inner === "number") return `#${Object.is(inner, -0) ? "-0" : inner}#`
      return typeof inner === "string" ? inner.slice(0, longest) : inner
    })
    return marked?.replace(/"#(.*?)#"/g, "$1")
  } catch {
    return typeof value === "bigint" ? `${value}n` : "an object that cannot be read"
  }
}

/** Where a row's requests go: to a server with these replies, or to an address. */
export type Where =
  | FaultServer.Reply
  | readonly [FaultServer.Reply, ...ReadonlyArray<FaultServer.Reply>]
  | {
      readonly script: () => FaultServer.Script
      readonly options?: FaultServer.Options
    }
  | { readonly url: Effect.Effect<string, unknown, Scope.Scope> }

const open = (where: Where) => {
  if ("url" in where) {
    return Effect.map(Effect.orDie(where.url), (url) => ({
      url,
      port: Number(new URL(url).port),
      requestCount: Effect.succeed(0),
      requests: Effect.succeed<ReadonlyArray<FaultServer.ReceivedRequest>>([])
    }))
  }
  return Effect.orDie(
    "script" in where
      ? FaultServer.serve(where.script(), where.options)
      : FaultServer.serve(where as FaultServer.Script)
  )
}

export interface More {
  /** Default: `getHistory()`. */
  readonly call?: Call<SessionsService>
  readonly options?: MixNode.Options
  /** Goes behind the server's url. */
  readonly prefix?: string
  /** The environment; empty by default. */
  readonly env?: Readonly<Record<string, string>>
  /** What the call is wrapped into. */
  readonly around?: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Lets each attempt at a server run into its limit. */
export const expire = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  server: Pick<FaultServer.Running, "port" | "requestCount">,
  where: Where,
  { requests = 0 }: Expected
) =>
  expiring(program, {
    server,
    reply: "steps" in where ? where : undefined,
    requests,
    limit: shortLimits.requestTimeout
  })

/** Chance chooses the shortest delays, so that retries take no time. */
const impatient = Effect.withRandom(Random.fixed([0]))

/** No message at all. */
export const empty = FaultServer.json([])

export const message = { id: "m1", sessionId: "s1", role: "user", userInput: "Hello" }

/** The message that was sent. */
export const taken = FaultServer.json(message)

export const sending: More = { call: send() }

/** Each request fails, and with the last of them the call. */
export const fails = (tag: string, requests: number, fields: Record<string, unknown> = {}): Expected => ({
  tag,
  fields: { attempts: requests, ...fields },
  requests
})

export const ok = (requests: number, value: unknown = []): Expected => ({ value, requests })

export const row = (
  cases: number | ReadonlyArray<number>,
  name: string,
  where: Where,
  expected: Expected,
  { around, call = getHistory(), env = {}, options = {}, prefix = "" }: More = {}
): Row => ({
  cases: [cases].flat(),
  name,
  call: call.name,
  expected,
  run: (overlay = {}) =>
    Effect.gen(function* () {
      const server = yield* open(where)
      const expires = expected.tag === "RequestTimeout"
      const base = expires ? shortLimits : limits
      const layer = MixNode.layer({ ...base, serverUrl: server.url + prefix, ...options, ...overlay.options })
      const program = Effect.flatMap(MessagesService, (messages) => call.run(messages, overlay.secret ?? "Hello"))
      const exit = yield* program.pipe(
        around ?? ((effect) => effect),
        Effect.provide(layer),
        Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))),
        impatient,
        (program) => (expires ? expire(program, server, where, expected) : program),
        Effect.exit
      )
      return { exit, requests: yield* server.requestCount, received: yield* server.requests }
    })
})

/** A row that is played by a program of its own. */
export const play = (
  cases: number | ReadonlyArray<number>,
  name: string,
  call: string,
  expected: Expected,
  program: Effect.Effect<unknown, unknown, Scope.Scope>,
  requests: () => number = () => 0
): Row => ({
  cases: [cases].flat(),
  name,
  call,
  expected,
  run: () =>
    program.pipe(
      impatient,
      Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map()))),
      Effect.exit,
      Effect.map((exit) => ({ exit, requests: requests(), received: [] }))
    )
})

/** The right answer in words. */
export const answerOf = ({ also, fields = {}, interrupted, requests, says, tag, targets, value }: Expected): string => {
  const success =
    value === undefined ? "success" : Array.isArray(value) && value.length === 0 ? "no messages" : "the messages"
  const told = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
  return [
    tag ?? (interrupted === true ? "interrupted" : success),
    ...(told.length === 0 ? [] : [`(${told.join(", ")})`]),
    ...(says === undefined ? [] : [`that says ${says.source.replaceAll(".*", " ... ").replaceAll("\\", "")}`]),
    ...(targets === undefined ? [] : [`sent as ${targets.join(", ")}`]),
    ...(requests === undefined ? [] : [`after ${requests} ${requests === 1 ? "request" : "requests"}`]),
    ...(also === undefined ? [] : [`- ${also[0]}`])
  ].join(" ")
}

/** The error that a row ends with. */
export const failureOf = ({ exit }: Observed): unknown => {
  if (Exit.isSuccess(exit)) throw new Error(`it succeeded: ${inspect(exit.value)}`)
  return Option.getOrThrowWith(
    Cause.failureOption(exit.cause),
    () => new Error(`not an error: ${Cause.pretty(exit.cause)}`)
  )
}

/** A field of an error as the table writes it. */
export const fieldOf = (error: unknown, key: string): unknown => {
  const value = (error as Record<string, unknown>)[key]
  return Duration.isDuration(value) ? Duration.toMillis(value) : value
}
