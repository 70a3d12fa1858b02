/** Limits where nothing can be interrupted: they hold as elsewhere, and nothing waits for what was given up. */
import { assert, describe, it } from "@effect/vitest"
import type { MixError, Service } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { MixConfig, RetryPolicy } from "../src/index.ts"
import {
  type Answer,
  failure,
  jsonType,
  matches,
  never,
  noJitter,
  passing,
  type Script,
  scripted,
  sessionId,
  stalledBody,
  status,
  times,
  withService
} from "./scripted.ts"

type Call = (messages: Service) => Effect.Effect<unknown, MixError>

const get: Call = (messages) => messages.getHistory()
const send: Call = (messages) => messages.send({ id: sessionId, text: "Hello" })

/** Where a call runs that nobody can interrupt. */
const regions: Readonly<Record<string, <A, E>(call: Effect.Effect<A, E>) => Effect.Effect<A, E>>> = {
  "in an uninterruptible region": Effect.uninterruptible,
  "in a finalizer": (call) =>
    Effect.gen(function* () {
      let exit: Effect.Effect<Effect.Effect.Success<typeof call>, Effect.Effect.Error<typeof call>> | undefined
      yield* Effect.scoped(
        Effect.acquireRelease(Effect.void, () =>
          Effect.map(Effect.exit(call), (ended) => {
            exit = ended
          })
        )
      )
      return yield* exit ?? Effect.dieMessage("the finalizer did not end")
    })
}

const endless: Answer = {
  headers: jsonType,
  body: Stream.forever(Stream.fromEffect(Effect.delay(Effect.succeed(new Uint8Array(1)), 30)))
}

/** A client that cannot be interrupted either. */
const stubborn: Answer = { effect: Effect.uninterruptible(Effect.never) }

const patient = RetryPolicy.withRetryPolicy(Schedule.modifyDelayEffect(Schedule.forever, () => Effect.never))

interface Case {
  readonly name: string
  readonly script: Script
  readonly call?: Call
  readonly options?: MixConfig.Options
  readonly fields: Readonly<Record<string, unknown>>
}

const timeout = { _tag: "RequestTimeout" }
const minutes15 = { limit: 900_000, elapsed: 900_000, scope: "deadline", outcome: "unknown", attempts: 1 }

const cases: ReadonlyArray<Case> = [
  { name: "no head", script: never, fields: { ...timeout, phase: "headers", attempts: 4, elapsed: 120_000 } },
  {
    name: "a client that cannot be interrupted",
    script: stubborn,
    options: { requestTimeout: 100 },
    fields: { ...timeout, scope: "attempt", attempts: 4, elapsed: 400 }
  },
  { name: "a body that stalls", script: stalledBody, fields: { ...timeout, phase: "body", elapsed: 120_000 } },
  {
    name: "a body that trickles, and a deadline",
    script: endless,
    options: { requestTimeout: 100, deadline: 250 },
    fields: { ...timeout, phase: "body", scope: "deadline", attempts: 3, elapsed: 250 }
  },
  { name: "no head of a reply to a send", script: never, call: send, fields: { ...timeout, ...minutes15 } },
  { name: "a reply to a send that stalls", script: stalledBody, call: send, fields: { ...timeout, ...minutes15 } },
  {
    name: "a send with a limit of its own",
    script: never,
    call: (messages) => MixConfig.withDeadline(send(messages), 70),
    fields: { ...timeout, limit: 70, elapsed: 70, outcome: "unknown" }
  },
  {
    name: "429 of a send, whose body never ends",
    script: { ...endless, status: 429, headers: { ...jsonType, "retry-after": "3600" } },
    call: send,
    fields: { _tag: "RateLimited", outcome: "refused", attempts: 1, elapsed: 2000, retryAfter: 3_600_000 }
  },
  {
    name: "500 of a send, whose body stalls",
    script: { ...stalledBody, status: 500 },
    call: send,
    fields: { _tag: "ServerError", outcome: "unknown", attempts: 1, elapsed: 2000 }
  },
  {
    name: "404, whose body stalls",
    script: { ...stalledBody, status: 404 },
    options: { requestTimeout: 100 },
    fields: { _tag: "NotFound", elapsed: 50 }
  },
  {
    name: "202, whose body stalls",
    script: { ...stalledBody, status: 202 },
    call: send,
    fields: { _tag: "ReplyPending", outcome: "accepted", elapsed: 2000 }
  },
  {
    name: "a page of HTML that never begins",
    script: { headers: { "content-type": "text/html" }, body: Stream.never },
    fields: { _tag: "ResponseDecodeError", reason: "contentType", elapsed: 2000 }
  },
  {
    name: "a policy that never decides",
    script: status(503),
    call: (messages) => patient(get(messages)),
    fields: { _tag: "ServerError", attempts: 1, elapsed: 0 }
  }
]

for (const [region, within] of Object.entries(regions)) {
  describe(`160 ${region}`, () => {
    for (const { call = get, fields, name, options, script } of cases) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const server = scripted(script)
          const error = yield* passing(
            noJitter(failure(withService(server, (messages) => within(call(messages)), options)))
          )
          matches(error, fields)
        })
      )
    }

    it.effect("retries are made, and their delays are kept", () =>
      Effect.gen(function* () {
        const server = scripted(status(503))
        const error = yield* passing(
          Effect.withRandom(failure(withService(server, (messages) => within(get(messages)))), Random.fixed([0.5]))
        )
        matches(error, { _tag: "ServerError", attempts: 4 })
        assert.deepStrictEqual(times(server), [0, 125, 375, 875])
      })
    )
  })
}
