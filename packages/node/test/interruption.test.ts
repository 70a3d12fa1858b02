/** 5 Interruption stops everything at once: the server sees the socket close, and no request comes after it. */

import { assert, describe, it } from "@effect/vitest"
import { MessagesService, type Service, SessionId } from "@mix-effect/core"
import type { MixConfig } from "@mix-effect/http"
import { RetryPolicy } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { flow } from "effect/Function"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { MixNode } from "../src/index.ts"
import { expiring, turnOfLoop } from "./faultTime.ts"

const send = (messages: Service) => messages.send({ id: SessionId.make("s1"), text: "Hello" })
const get = (messages: Service) => messages.getHistory()

const withClient = <A, E, R>(
  server: { readonly url: string },
  use: (messages: Service) => Effect.Effect<A, E, R>,
  options?: MixConfig.Options
) => Effect.flatMap(MessagesService, use).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url, ...options })))

/** Interrupts at once, and counts the turns of the event loop that it takes. */
const interrupt = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) =>
  Effect.gen(function* () {
    let turns = 0
    const counting = yield* Effect.fork(Effect.forever(Effect.map(turnOfLoop, () => turns++)))
    yield* Fiber.interrupt(fiber)
    yield* Fiber.interrupt(counting)
    const exit = yield* Fiber.await(fiber)
    assert.isTrue(Exit.isInterrupted(exit), "136 interruption stays interruption")
    return turns
  })

/** How many it may take: none that waits for a timer or for the other side, however busy the machine is. */
const most = 10

const huge = FaultServer.reply(
  FaultServer.head({
    status: 200,
    headers: [
      ["Content-Type", "application/json"],
      ["Transfer-Encoding", "chunked"]
    ]
  }),
  FaultServer.flood({ bytes: Number.POSITIVE_INFINITY, chunked: true })
)

describe("while a request is under way", () => {
  for (const [phase, reply] of [
    ["headers", FaultServer.stallBeforeHead],
    ["body", FaultServer.stallMidBody()],
    ["a body that flows", huge],
    ["the body of an error", FaultServer.stallMidBody("no such thing", { status: 404 })]
  ] as const) {
    for (const [name, call] of [
      ["read", get],
      ["send", send]
    ] as const) {
      it.scopedLive(`${phase} of a ${name}`, () =>
        Effect.gen(function* () {
          const server = yield* FaultServer.serve([reply, FaultServer.json([])])
          yield* withClient(
            server,
            (messages) =>
              Effect.gen(function* () {
                const fiber = yield* Effect.fork(call(messages) as Effect.Effect<unknown, unknown>)
                yield* server.awaitRequests(1)
                assert.isBelow(yield* interrupt(fiber), most)
                yield* server.awaitClientClose
                yield* server.awaitNoneOpen
                assert.strictEqual(yield* server.requestCount, 1)
                // The client is as good as before.
                assert.deepStrictEqual(yield* get(messages), [])
              }),
            { maxResponseBytes: Number.MAX_SAFE_INTEGER }
          )
        })
      )
    }
  }

  it.scopedLive("the connection", () =>
    Effect.gen(function* () {
      const url = yield* FaultServer.blackHoleUrl
      yield* withClient({ url }, (messages) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(send(messages))
          // As far as the system lets it come.
          yield* Effect.yieldNow()
          assert.isBelow(yield* interrupt(fiber), most)
        })
      )
    })
  )

  it.scopedLive("many at once", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.stallBeforeHead)
      yield* withClient(server, (messages) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(
            Effect.all(
              Array.from({ length: 50 }, () => get(messages)),
              { concurrency: "unbounded" }
            )
          )
          yield* server.awaitRequests(50)
          yield* interrupt(fiber)
          yield* server.awaitClientCloses(50)
          assert.strictEqual(yield* server.requestCount, 50)
        })
      )
    })
  )
})

describe("between requests", () => {
  it.scopedLive("139 during a delay: it wakes at once", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.status(503, [["Retry-After", "30"]]))
      yield* withClient(server, (messages) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(get(messages))
          yield* server.awaitRequests(1)
          assert.isBelow(yield* interrupt(fiber), most)
          assert.strictEqual(yield* server.requestCount, 1)
        })
      )
    })
  )

  it.scopedLive("134 before it starts: nothing is asked for, and nothing connected", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      yield* withClient(server, (messages) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.zipRight(Effect.interrupt, get(messages)))
          yield* Fiber.await(fiber)
          assert.strictEqual(yield* server.connections, 0)
        })
      )
    })
  )

  it.scopedLive("pages that are fetched ahead", () =>
    Effect.gen(function* () {
      const page = (from: number) =>
        FaultServer.json(
          Array.from({ length: 10 }, (_, index) => ({
            id: `m${from + index}`,
            sessionId: "s1",
            role: "user",
            userInput: ""
          }))
        )
      const server = yield* FaultServer.serve([page(0), FaultServer.stallBeforeHead])
      yield* withClient(server, (messages) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Stream.runDrain(messages.streamHistory({ pageSize: 10, prefetch: 3 })))
          // The page that came, the one that is waited for, and three ahead.
          yield* server.awaitRequests(2 + 3)
          assert.isBelow(yield* interrupt(fiber), most)
          yield* server.awaitClientCloses(1 + 3)
          assert.strictEqual(yield* server.requestCount, 2 + 3)
        })
      )
    })
  )

  it.scopedLive("a stream that is no longer wanted gives its page up", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(huge)
      yield* withClient(
        server,
        (messages) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Stream.runDrain(messages.streamHistory()))
            yield* server.awaitRequests(1)
            yield* interrupt(fiber)
            yield* server.awaitClientClose
          }),
        { maxResponseBytes: Number.MAX_SAFE_INTEGER }
      )
    })
  )

  it.scopedLive("following ends when it is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]))
      yield* withClient(server, (messages) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(
            Stream.runDrain(messages.followHistory({ schedule: Schedule.spaced("1 hour") }))
          )
          yield* server.awaitRequests(1)
          assert.isBelow(yield* interrupt(fiber), most)
        })
      )
    })
  )
})

it.scopedLive("135 interruption and reply at once: one outcome, and no connection is left", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.json([]))
    const outcomes: Record<string, number> = {}
    yield* withClient(server, (messages) =>
      Effect.gen(function* () {
        yield* get(messages)
        for (let turn = 0; turn < 300; turn++) {
          const fiber = yield* Effect.fork(get(messages))
          // Some turns of the event loop later, up to and beyond the reply.
          for (let step = 0; step < turn % 12; step++) yield* turnOfLoop
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          const outcome = Exit.isSuccess(exit) ? "success" : Exit.isInterrupted(exit) ? "interrupted" : "failure"
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        }
        assert.deepStrictEqual(yield* get(messages), [])
      })
    )
    yield* server.awaitNoneOpen
    assert.isUndefined(outcomes.failure)
    assert.isAbove(outcomes.success ?? 0, 0)
    assert.isAbove(outcomes.interrupted ?? 0, 0)
  })
)

it.scopedLive.each([
  ["a time limit", 4, get],
  ["a time limit, not retried,", 1, flow(get, RetryPolicy.withRetryPolicy(RetryPolicy.none))]
] as const)("%s closes the socket as interruption does", ([, requests, call]) =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(FaultServer.stallBeforeHead)
    const requestTimeout = 300
    yield* withClient(
      server,
      (messages) =>
        Effect.gen(function* () {
          yield* Effect.exit(call(messages).pipe(Effect.withRandom(Random.fixed([0]))))
          yield* server.awaitClientCloses(requests)
        }),
      { requestTimeout }
    ).pipe((program) => expiring(program, { server, reply: undefined, requests, limit: requestTimeout }))
    yield* server.awaitNoneOpen
    assert.strictEqual(yield* server.requestCount, requests)
  })
)
