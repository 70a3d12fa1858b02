import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import {
  type BackendMessage,
  ConnectionError,
  type GetHistoryError,
  MessageId,
  MessagesService,
  NotFound,
  ReplyPending,
  SessionId,
  SessionsService
} from "../../src/index.ts"
import { draws } from "../draws.ts"
import { type Exchange, exchanges, toText } from "./recorded.ts"
import * as VirtualClock from "./VirtualClock.ts"

const absent = Effect.fail(new NotFound({ operation: "getSession" }))

/**
 * The server of a recorded exchange. It says a frame every 10 ms; the stream drops
 * once it has carried so many bytes, and the server replays nothing. The rows are finished with the last frame.
 */
const replay = ({ frames, rows, session, text }: Exchange, dropAfter: number) => {
  const id = SessionId.make(session)
  const created = frames.find(({ event }) => event === "user_message_created")
  const userId = created && (JSON.parse(created.data) as { readonly messageId: string }).messageId
  const listed = rows.map(
    ({ role }, index): BackendMessage => ({
      id: MessageId.make(index === 0 ? (userId ?? "row0") : `row${index}`),
      sessionId: id,
      role,
      userInput: role === "user" ? text : "",
      ...(role === "assistant" && { assistantResponse: `Text ${index}` })
    })
  )
  const state = { posts: 0, opened: 0, isOver: false }
  let open: Queue.Queue<Exit.Exit<string, Option.Option<GetHistoryError>>> | undefined
  let carried = 0
  const write = (piece: string) => {
    if (open === undefined) return
    const left = dropAfter - carried
    carried += piece.length
    if (state.opened > 1 || left >= piece.length) {
      open.unsafeOffer(Exit.succeed(piece))
      return
    }
    open.unsafeOffer(Exit.succeed(piece.slice(0, Math.max(0, left))))
    open.unsafeOffer(Exit.fail(dropAfter % 2 === 0 ? Option.none() : Option.some(lost("sessionEvents"))))
    open = undefined
  }
  const lost = (operation: "sessionEvents") =>
    new ConnectionError({ operation, code: "ECONNRESET", phase: "headers", address: "replay" })
  const visible = () => (state.posts === 0 ? [] : state.isOver ? listed : listed.slice(0, 2))
  const play = Effect.gen(function* () {
    for (const frame of frames.slice(1)) {
      yield* Effect.sleep(10)
      if (frame === frames.at(-1)) state.isOver = true
      write(toText([frame]))
    }
  })
  const post = Effect.suspend(() => {
    state.posts++
    return Effect.asVoid(Effect.forkDaemon(play))
  })
  const sessions = SessionsService.make(
    {
      create: () => absent,
      list: () => Effect.succeed([]),
      get: () => Effect.succeed({ id, title: "", createdAt: undefined as never }),
      delete: () => Effect.void,
      cancel: () => Effect.void,
      answerPermission: () => Effect.void,
      events: () =>
        Stream.unwrap(
          Effect.map(Queue.unbounded<Exit.Exit<string, Option.Option<GetHistoryError>>>(), (queue) => {
            state.opened++
            open = queue
            write(toText(frames.slice(0, 1)))
            return Stream.repeatEffectOption(Effect.flatten(Queue.take(queue)))
          })
        ),
      export: () =>
        Effect.sync(() => ({
          messages: visible().map((row, index) => ({
            id: row.id,
            role: row.role,
            content: row.assistantResponse ?? row.userInput,
            finishReason: state.isOver || index === 0 ? rows[index]?.finishReason : undefined
          }))
        })),
      streamRoute: { exists: () => Effect.succeed(session !== "" && userId === undefined), send: () => post }
    },
    MessagesService.make({
      getHistory: () => Effect.succeed([]),
      listSession: () => Effect.sync(visible),
      send: () => Effect.zipRight(post, Effect.fail(new ReplyPending({ operation: "send" })))
    })
  )
  return { state, listed, turn: Effect.either(sessions.ask({ id, text }, { timeout: "1 minute" })) }
}

/** Those that end by themselves, after a row was stored. */
const whole = exchanges.filter(
  ({ frames, name, rows }) => rows.length > 0 && frames.length > 2 && !/CANCEL|CLOSE|DIE|WORDS|!/.test(name)
)

/** Where a stream may drop: the ends of its events and the bytes beside them, and some of those between. */
const cutsOf = ({ frames }: Exchange) => {
  const { length } = toText(frames)
  const ends = frames.map((_, index) => toText(frames.slice(0, index + 1)).length)
  const near = ends.flatMap((end) => [end - 2, end - 1, end, end + 1])
  const between = Array.from({ length: Math.ceil(length / 13) }, (_, index) => index * 13)
  const cuts = [...new Set([...near, ...between])].filter((cut) => cut <= length).sort((one, other) => one - other)
  return cuts.filter((_, index) => index % draws(9, 1) === 0)
}

it.effect("a stream that drops after any byte of a recorded exchange: the same turn, sent once", () =>
  Effect.gen(function* () {
    assert.isAbove(whole.length, 8)
    let drops = 0
    for (const exchange of whole) {
      const cuts = cutsOf(exchange)
      const asks = cuts.map((cut) => replay(exchange, cut))
      const results = yield* VirtualClock.run(asks.map(({ turn }) => turn))
      for (const [index, result] of results.entries()) {
        const { listed, state } = asks[index] as (typeof asks)[number]
        const isDone = exchange.rows.at(-1)?.finishReason !== "canceled"
        const label = `${exchange.name}, after ${cuts[index]} characters`
        // Without the first event the stream was never open, and without an open stream nothing is sent.
        if (Either.isLeft(result) && result.left.outcome === "notSent") {
          assert.isTrue(state.posts === 0 && result.left._tag === "ConnectionError", label)
          continue
        }
        const { messages } = Either.isRight(result)
          ? result.right
          : result.left._tag === "AgentFailed"
            ? result.left
            : assert.fail(`${label}: ${result.left.message}`)
        assert.strictEqual(Either.isRight(result), isDone, label)
        assert.deepStrictEqual(messages as unknown, listed, label)
        assert.strictEqual(state.posts, 1, label)
        if (state.opened > 1) drops++
      }
    }
    assert.isAbove(drops, 100)
  })
)
