/**
 * Random asks of random servers over real sockets: every generation, with events that are lost or doubled, streams that drop,
 * requests that fail, permissions, slow readers, and somebody else who asks in the same session.
 */
import { assert, it } from "@effect/vitest"
import {
  type Answer,
  type AskError,
  type BackendMessage,
  MessagesService,
  SessionId,
  SessionsService
} from "@mix-effect/core"
import { MixAgent, MixServer } from "@mix-effect/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import { draws } from "../../core/test/draws.ts"
import { Pcg } from "../../testing/src/internal/pcg.ts"
import { MixNode } from "../src/index.ts"

/** By default those where no permission is lost with its stream: such an ask waits for its time limit. */
const seeds = draws(
  [0, 1, 3, 4, 5, 6, 7, 8, 10, 11],
  Array.from({ length: 100 }, (_, seed) => seed)
)

const generations = ["2025-09-25", "2025-09-26", "2025-10-10", "2025-11-06", "2026-02"] as const

const draw = (seed: number) => {
  const random = new Pcg(seed)
  const chance = (probability: number) => random.number() < probability
  const pick = <A>(all: ReadonlyArray<A>): A => all[random.integer(all.length)] as A
  const some = (probability: number) => (chance(0.5) ? random.number() * probability : 0)
  const generation = generations[seed % generations.length] as (typeof generations)[number]
  const script = (name: string): MixAgent.Script => [
    ...(chance(0.5) ? [MixAgent.think("Hm, ", "well.")] : []),
    ...Array.from({ length: random.integer(3) }, () => [
      MixAgent.say("Let me ", "look."),
      MixAgent.call({
        name: "Bash",
        input: '{"command":"ls"}',
        duration: Duration.millis(random.integer(60)),
        result: "README.md",
        ...(chance(0.3) && { permission: { description: "ls", path: "/" } })
      })
    ]).flat(),
    MixAgent.pause(Duration.millis(random.integer(60))),
    ...(chance(0.1)
      ? [MixAgent.fail("the model is overloaded")]
      : [MixAgent.say(...`The answer to ${name}.`.split(/(?<= )/))])
  ]
  const [lost, doubled, dropped, failing] = [some(0.6), some(0.6), some(0.15), some(0.3)]
  // The server of Sept 25 runs one message at a time in a session, and its agent is run by an open stream.
  const isShared = generation !== "2025-09-25" && chance(0.3)
  const isSlow = chance(0.3)
  const mine = script("us")
  const theirs = script("them")
  let sent = false
  const options: MixServer.Options = {
    generation,
    agent: ({ text }) => (text === "us" ? mine : theirs),
    streamFaults: ({ event }) => {
      if (event === "connected" || event === "permission") return undefined
      if (chance(dropped)) return MixServer.StreamFault.Drop({ bytes: random.integer(40), clean: chance(0.5) })
      return chance(lost) ? MixServer.StreamFault.Lose() : chance(doubled) ? MixServer.StreamFault.Repeat() : undefined
    },
    faults: ({ method, path }) =>
      Effect.sync(() => {
        if (method === "POST" && /\/messages?$/.test(path)) sent = true
        return sent && method === "GET" && path !== "/stream" && chance(failing)
          ? pick([
              MixServer.Fault.Reset(),
              MixServer.Fault.Truncate({ bytes: 5 }),
              MixServer.Fault.Respond({ status: 503 })
            ])
          : undefined
      })
  }
  return {
    isShared,
    isSlow,
    options,
    description: JSON.stringify({ seed, generation, lost, doubled, dropped, failing, isShared, isSlow, mine })
  }
}

const play = (seed: number) =>
  Effect.gen(function* () {
    const { description, isShared, isSlow, options } = draw(seed)
    const server = yield* MixServer.serve(options)
    const id = SessionId.make(yield* server.createSession())
    const layer = MixNode.layer({ serverUrl: server.url })
    const ask = (text: string) =>
      Effect.gen(function* () {
        const sessions = yield* SessionsService
        const how = { timeout: "8 seconds", onPermission: () => Effect.succeed("grant" as const) } as const
        if (!isSlow) return yield* sessions.ask({ id, text }, how)
        const last = yield* sessions.askStream({ id, text }, how).pipe(
          Stream.tap(() => Effect.sleep("20 millis")),
          Stream.runLast
        )
        return last._tag === "Some" && last.value._tag === "Answered" ? last.value.answer : assert.fail("no answer")
      }).pipe(Effect.either, Effect.provide(layer))
    const [outcome] = yield* Effect.all([ask("us"), isShared ? ask("them") : Effect.void], { concurrency: 2 })
    yield* server.setFaults(() => Effect.succeed(undefined))
    const listed = yield* Effect.provide(
      Effect.flatMap(MessagesService, (messages) => messages.listSession({ id })),
      layer
    )
    const posts = (yield* server.requests).filter(
      ({ body, method, target }) => method === "POST" && /\/messages?$/.test(target) && /\bus\b/.test(body)
    )
    const problem = audit(outcome, listed, isShared)
    return {
      isAnswer: Either.isRight(outcome),
      wrong:
        posts.length === 1 && problem === undefined ? undefined : `${posts.length} posts, ${problem}: ${description}`
    }
  }).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None))

/** What is wrong with an outcome, or nothing. */
const audit = (
  outcome: Either.Either<Answer, AskError>,
  listed: ReadonlyArray<BackendMessage>,
  isShared: boolean
): string | undefined => {
  const mine = listed.findIndex(({ role, userInput }) => role === "user" && userInput === "us")
  const rows = Either.isRight(outcome)
    ? outcome.right.messages
    : outcome.left._tag === "AgentFailed"
      ? outcome.left.messages
      : undefined
  // A permission whose request was lost with its stream is never answered.
  if (rows === undefined)
    return Either.isLeft(outcome) && outcome.left._tag === "AnswerTimeout" && outcome.left.eventsMissed
      ? undefined
      : String(outcome)
  if (rows[0]?.id !== listed[mine]?.id) return "it does not begin with the question"
  if (!rows.every((row) => listed.some((other) => JSON.stringify(other) === JSON.stringify(row))))
    return "rows that are not listed so"
  // Rows of two runs that overlap cannot always be told apart.
  if (isShared) return undefined
  return JSON.stringify(rows) === JSON.stringify(listed.slice(mine)) ? undefined : "not the whole turn"
}

it.live("whatever server it is and whatever happens, the answer is the turn, and it is sent once", () =>
  Effect.gen(function* () {
    const results = yield* Effect.forEach(seeds, play, { concurrency: 15 })
    assert.deepStrictEqual(
      results.flatMap(({ wrong }) => wrong ?? []),
      []
    )
    assert.isAbove(results.filter(({ isAnswer }) => isAnswer).length, seeds.length / 2)
  })
)
