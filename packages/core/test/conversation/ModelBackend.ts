/**
 * A model of a Mix backend whose agent plays scripts: rows and events appear over time as on real servers of each
 * generation, and whatever can go wrong on the way does, by chance. Everything follows from the seed. Time is the clock's, so
 * tests move it.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Pcg } from "../../../testing/src/internal/pcg.ts"
import {
  type BackendMessage,
  ConnectionError,
  type GetHistoryError,
  type Implementation,
  MessageId,
  MessagesService,
  NotFound,
  ReplyPending,
  ResponseDecodeError,
  type SendMessageRequest,
  ServerError,
  SessionId,
  SessionsService
} from "../../src/index.ts"

/** Each answers in its own way: by the stream's route, with the whole reply, or with 202 and events of three spellings. */
export const generations = ["2025-09-25", "2025-09-26", "2025-10-10", "2025-10-18", "2025-11-06", "2026-02"] as const

export type Generation = (typeof generations)[number]

export interface Tool {
  readonly name: string
  readonly millis: number
  readonly permission?: boolean
  readonly callback?: boolean
}

/** What the agent does with a message. */
export interface Script {
  /** Text and tools, turn by turn. The last turn has no tools. */
  readonly turns: ReadonlyArray<{ readonly text: string; readonly tools?: ReadonlyArray<Tool> }>
  /** The finish reason; `silence`: the last row never gets one, and no event follows; `failure`: an error does. */
  readonly end?: "end_turn" | "max_tokens" | "permission_denied" | "failure" | "silence"
  /** Milliseconds between two steps. */
  readonly pace?: number
  /** After the final row a callback adds a user's row and another turn. */
  readonly callback?: { readonly millis: number; readonly text: string }
}

/** How often things go wrong, from 0 to 1, and how long they take (milliseconds). */
export interface Faults {
  /** Of an event: it never arrives, arrives twice, or arrives late. */
  readonly lost?: number
  readonly doubled?: number
  readonly late?: number
  /** Of a connection, with each event: it drops, in the middle of a frame or with a reset. */
  readonly dropped?: number
  /** Of an opening after a drop: the connection cannot be opened. */
  readonly refused?: number
  /** Of an export or a list after the send: it fails. */
  readonly failing?: number
  /** Of a request: it takes seconds. */
  readonly slow?: number
  readonly latency?: number
  /** What becomes of the POST. */
  readonly post?: "replyLost" | "neverArrived" | "slow" | "swallowed"
}

interface Row {
  readonly id: string
  readonly role: "user" | "assistant" | "tool"
  text: string
  reason?: string
  calls?: ReadonlyArray<{ readonly id: string; readonly name: string }>
  callback?: boolean
}

/** What one message led to. */
export interface Run {
  readonly text: string
  readonly rows: Array<Row>
  state: "running" | "done" | "failed" | "dead"
}

interface Connection {
  readonly offer: (piece: Exit.Exit<string, Option.Option<GetHistoryError>>) => void
}

const id = SessionId.make("7d2f7c1e-4b0a-4c55-9a43-0c6f0f6f3a11")

export class ModelBackend {
  readonly id = id
  readonly rows: Array<Row> = []
  readonly runs: Array<Run> = []
  readonly sent: Array<SendMessageRequest> = []
  readonly connections = new Set<Connection>()
  readonly requests: Array<string> = []
  readonly cancels: Array<string> = []
  readonly permissions: Array<string> = []
  /** What a test may set: what happens when a run ends, the time that each half of a request takes, and refusals. */
  onEnd: Effect.Effect<void> = Effect.void
  fixedLatency: number | undefined
  reply: BackendMessage | undefined
  refusal: GetHistoryError | undefined
  cancelNever = false
  scrub: ((said: string, message: string) => string) | undefined
  /** Until then answers to requests for a permission fail. */
  deafUntil = 0
  mostRunning = 0
  opened = 0
  mostOpen = 0
  isDown = false
  isDeleted = false
  scripts: ReadonlyArray<Script>
  faults: Faults
  readonly generation: Generation
  private readonly random: Pcg
  private readonly fibers = new Map<Run, Fiber.RuntimeFiber<void>>()
  private readonly answers = new Map<string, Deferred.Deferred<"grant" | "deny">>()
  private ids = 0
  private frames = 0

  constructor(
    options: {
      readonly generation?: Generation
      readonly seed?: number
      readonly scripts?: ReadonlyArray<Script>
      readonly faults?: Faults
    } = {}
  ) {
    this.generation = options.generation ?? "2025-11-06"
    this.random = new Pcg(options.seed ?? 1)
    this.scripts = options.scripts ?? [{ turns: [{ text: "Answer" }] }]
    this.faults = options.faults ?? {}
  }

  chance(probability = 0): boolean {
    return probability > 0 && this.random.number() < probability
  }

  integer(max: number): number {
    return this.random.integer(max)
  }

  private newId(prefix: string) {
    return `${prefix}${++this.ids}`
  }

  private latency() {
    const { latency = 0, slow } = this.faults
    return Effect.suspend(() =>
      this.fixedLatency !== undefined
        ? Effect.sleep(this.fixedLatency)
        : this.chance(slow)
          ? Effect.sleep(3000)
          : latency > 0
            ? Effect.sleep(this.integer(latency) + 1)
            : Effect.void
    )
  }

  /** A read: the state it shows is that of some moment between its beginning and its end. */
  private read<A>(operation: "exportSession" | "listSession" | "getSession", show: () => A) {
    return Effect.suspend(() => {
      this.requests.push(operation)
      return this.latency()
    }).pipe(
      Effect.zipRight(
        Effect.suspend((): Effect.Effect<A, GetHistoryError> => {
          if (this.isDown)
            return Effect.fail(
              new ConnectionError({ operation, code: "ECONNREFUSED", phase: "connect", address: "model" })
            )
          if (this.sent.length > 0 && this.chance(this.faults.failing))
            return Effect.fail(new ServerError({ operation, status: 503 }))
          if (this.isDeleted && operation !== "listSession") return Effect.fail(new NotFound({ operation }))
          return Effect.succeed(show())
        })
      ),
      Effect.tap(() => this.latency())
    )
  }

  private deliver(connection: Connection, frame: string) {
    const { doubled, dropped, late, lost } = this.faults
    const isPermission = frame.includes("event: permission")
    if (this.chance(dropped)) return this.drop(connection, frame)
    if (!isPermission && this.chance(lost)) return Effect.void
    const offer = Effect.sync(() => {
      const cut = this.integer(frame.length)
      connection.offer(Exit.succeed(frame.slice(0, cut)))
      connection.offer(Exit.succeed(frame.slice(cut)))
    })
    const delivery = this.chance(doubled) ? Effect.zipRight(offer, offer) : offer
    return this.chance(late)
      ? Effect.asVoid(Effect.fork(Effect.zipRight(Effect.sleep(this.integer(3000)), delivery)))
      : delivery
  }

  private drop(connection: Connection, frame = "") {
    return Effect.sync(() => {
      this.connections.delete(connection)
      connection.offer(Exit.succeed(frame.slice(0, this.integer(frame.length + 1))))
      connection.offer(
        Exit.fail(
          this.chance(0.5)
            ? Option.none()
            : Option.some(new ResponseDecodeError({ operation: "sessionEvents", status: 200, reason: "truncated" }))
        )
      )
    })
  }

  private frame(event: string, data: object) {
    return `id: ${++this.frames}\nevent: ${event}\ndata: ${JSON.stringify(data)}\nretry: 30000\n\n`
  }

  broadcast(event: string, data: object) {
    return Effect.suspend(() => {
      const frame = this.frame(event, { type: event, ...data })
      return Effect.forEach([...this.connections], (connection) => this.deliver(connection, frame), { discard: true })
    })
  }

  /** All connections end, as after ten minutes. */
  readonly dropAll = Effect.suspend(() =>
    Effect.forEach([...this.connections], (connection) => this.drop(connection), { discard: true })
  )

  /** The server stops, and starts again: what ran is dead, and its last row stays as it is. */
  restart(millis: number) {
    return Effect.suspend(() => {
      this.isDown = true
      for (const run of this.runs) if (run.state === "running") run.state = "dead"
      return Effect.zipRight(Fiber.interruptAll([...this.fibers.values()]), this.dropAll)
    }).pipe(
      Effect.zipRight(Effect.sleep(millis)),
      Effect.zipRight(
        Effect.sync(() => {
          this.isDown = false
        })
      )
    )
  }

  private get isSeed() {
    return this.generation === "2025-09-25"
  }

  private push(run: Run, row: Omit<Row, "id">): Row {
    const whole: Row = { id: this.newId("m"), ...row }
    this.rows.push(whole)
    run.rows.push(whole)
    return whole
  }

  private toolEvents(call: { readonly id: string; readonly name: string }, assistantMessageId: string) {
    const { id: toolCallId, name } = call
    const input = '{"command":"echo hi"}'
    const events: ReadonlyArray<readonly [string, object]> =
      this.generation < "2025-11-06"
        ? [
            ["tool", { name, input: "", id: toolCallId, status: "running" }],
            ["tool", { name, input, id: toolCallId, status: "completed" }]
          ]
        : [
            ["tool_use_start", { name, id: toolCallId, assistantMessageId }],
            ["tool_use_parameter_delta", { toolCallId, input: input.slice(0, 9), assistantMessageId }],
            ["tool_use_parameter_delta", { toolCallId, input: input.slice(9), assistantMessageId }],
            ["tool_use_parameter_streaming_complete", { name, input, id: toolCallId, assistantMessageId }]
          ]
    return Effect.forEach(events, ([event, data]) => this.broadcast(event, data), { discard: true })
  }

  private play(run: Run, script: Script): Effect.Effect<void> {
    const { callback, end = "end_turn", pace = 50, turns } = script
    const step = Effect.suspend(() => Effect.sleep(1 + this.integer(pace)))
    const failed = (message: string) =>
      Effect.gen(this, function* () {
        yield* this.broadcast("error", { error: message })
        if (!this.isSeed) yield* this.broadcast("error", { error: `${message}, once more` })
      })
    return Effect.gen(this, function* () {
      yield* step
      const question = this.push(run, { role: "user", text: run.text, reason: "stop" })
      if (this.generation >= "2025-10-18")
        yield* this.broadcast("user_message_created", { messageId: question.id, content: run.text })
      for (const [index, { text, tools = [] }] of turns.entries()) {
        const row = this.push(run, { role: "assistant", text: "" })
        yield* Effect.onInterrupt(
          Effect.gen(this, function* () {
            yield* step
            for (const content of text.match(/.{1,8}/g) ?? []) {
              yield* this.broadcast("content", { content, assistantMessageId: row.id })
              if (this.isSeed) row.text += content
              yield* step
            }
            if (tools.length > 0) {
              const calls = tools.map(({ name }) => ({ id: this.newId("toolu_"), name }))
              for (const call of calls) yield* this.toolEvents(call, row.id)
              row.text = text
              row.calls = calls
              row.reason = "tool_use"
              for (const [number, call] of calls.entries()) {
                const { millis = 0, permission } = tools[number] ?? {}
                if (permission) {
                  const asked = this.newId("permission")
                  const answer = yield* Deferred.make<"grant" | "deny">()
                  this.answers.set(asked, answer)
                  yield* this.broadcast("permission", {
                    id: asked,
                    sessionId: this.id,
                    toolName: call.name,
                    params: {}
                  })
                  if ((yield* Deferred.await(answer)) === "deny") {
                    row.reason = "permission_denied"
                    run.state = "failed"
                    yield* failed("permission denied")
                    return
                  }
                }
                yield* this.broadcast("tool_execution_start", { toolName: "", toolCallId: call.id })
                yield* Effect.sleep(millis)
                yield* this.broadcast("tool_execution_complete", { toolName: "", success: true, toolCallId: call.id })
              }
              const callbackRow = tools.some((tool) => tool.callback)
              this.push(run, { role: "tool", text: "", reason: "stop", callback: callbackRow })
              return
            }
            if (index < turns.length - 1) return
            if (end === "silence") return yield* Effect.async<never>(() => {})
            row.text = text
            if (end === "failure") {
              row.reason = "canceled"
              run.state = "failed"
              return yield* failed("failed to process events: 500")
            }
            row.reason = end
            if (end === "permission_denied") {
              run.state = "failed"
              return yield* failed("permission denied")
            }
            let messageId = row.id
            if (callback !== undefined) {
              yield* Effect.sleep(callback.millis)
              this.push(run, { role: "user", text: "What the callback found", reason: "stop" })
              const more = this.push(run, { role: "assistant", text: "" })
              yield* step
              more.text = callback.text
              more.reason = "end_turn"
              messageId = more.id
            }
            run.state = "done"
            yield* this.onEnd
            yield* this.broadcast("complete", { content: callback?.text ?? text, messageId, done: true })
          }),
          () =>
            Effect.suspend(() => {
              if (run.state === "dead") return Effect.void
              row.reason = "canceled"
              run.state = "failed"
              return failed("request cancelled by user")
            })
        )
        if (run.state !== "running") return
      }
    })
  }

  /** A run that ended long ago, or whose server crashed. */
  past(text: string, isDead: boolean): void {
    const run: Run = { text, rows: [], state: isDead ? "dead" : "done" }
    this.push(run, { role: "user", text, reason: "stop" })
    this.push(run, {
      role: "assistant",
      text: isDead ? "" : `Old answer to ${text}`,
      ...(!isDead && { reason: "end_turn" })
    })
  }

  /** A message arrives; another client's, if it does not come by the service. */
  start(text: string, script: Script) {
    return Effect.gen(this, function* () {
      const run: Run = { text, rows: [], state: "running" }
      this.runs.push(run)
      this.mostRunning = Math.max(this.mostRunning, this.runs.filter(({ state }) => state === "running").length)
      const fiber = yield* Effect.forkDaemon(Effect.interruptible(this.play(run, script)))
      this.fibers.set(run, fiber)
      return [run, fiber] as const
    })
  }

  /** What the server has of the message that was sent. */
  get own(): Run | undefined {
    return this.runs.find(({ text }) => text === this.sent[0]?.text)
  }

  private post(request: SendMessageRequest) {
    return Effect.gen(this, function* () {
      this.requests.push("send")
      this.sent.push(request)
      const lost = new ConnectionError({ operation: "send", code: "ECONNRESET", phase: "headers", address: "model" })
      yield* this.faults.post === "slow" ? Effect.sleep(4000) : this.latency()
      if (this.faults.post === "neverArrived") return yield* lost
      if (this.refusal !== undefined) return yield* this.refusal
      const script = this.scripts[(this.sent.length - 1) % this.scripts.length] as Script
      const started = yield* this.start(request.text, script)
      if (this.faults.post === "replyLost") return yield* lost
      return started
    })
  }

  private message({ callback, calls, id: messageId, role, text }: Row): BackendMessage {
    return {
      id: MessageId.make(messageId),
      sessionId: this.id,
      role,
      userInput: role === "tool" ? "" : text,
      ...(role === "assistant" && text !== "" && { assistantResponse: text }),
      ...(calls && { toolCalls: calls.map((call) => ({ ...call, input: "{}", type: "", finished: true })) }),
      ...(callback && {
        callbackResults: [{ toolCallId: "t", toolName: "x", callbackType: "bash_script", success: true }]
      })
    }
  }

  /** What the service should have answered. */
  get expected() {
    const own = this.own
    return own && { messages: own.rows.map((row) => this.message(row)), text: own.rows.at(-1)?.text ?? "" }
  }

  /** What the server lists of some messages now. */
  listed(messages: ReadonlyArray<BackendMessage>) {
    const ids = messages.map((message) => message.id as string)
    return this.rows.filter((row) => ids.includes(row.id)).map((row) => this.message(row))
  }

  /** `send` stands for what the transport makes of a message. */
  service(send?: Implementation["send"]) {
    const events = Effect.gen(this, function* () {
      this.requests.push("sessionEvents")
      this.opened++
      yield* this.latency()
      if (this.isDown || (this.sent.length > 0 && this.chance(this.faults.refused)))
        return yield* new ServerError({ operation: "sessionEvents", status: 503 })
      const queue = yield* Queue.unbounded<Exit.Exit<string, Option.Option<GetHistoryError>>>()
      const connection: Connection = { offer: (piece) => queue.unsafeOffer(piece) }
      if (this.isDeleted) {
        connection.offer(Exit.succeed(this.frame("error", { error: `Invalid session ID: ${this.id}` })))
        connection.offer(Exit.fail(Option.none()))
      } else {
        connection.offer(Exit.succeed(this.frame("connected", { sessionId: this.id })))
        yield* Effect.acquireRelease(
          Effect.sync(() => this.connections.add(connection)),
          () => Effect.sync(() => this.connections.delete(connection))
        )
        this.mostOpen = Math.max(this.mostOpen, this.connections.size)
      }
      return Stream.repeatEffectOption(Effect.flatten(Queue.take(queue)))
    })
    const messages = MessagesService.make({
      getHistory: () => Effect.succeed([]),
      listSession: () =>
        this.read("listSession", () => (this.isDeleted ? [] : this.rows.map((row) => this.message(row)))),
      send: (request) => {
        if (send !== undefined) return send(request)
        if (this.faults.post === "swallowed") {
          // The server says that it took the message, and nothing comes of it.
          this.sent.push(request)
          return Effect.fail(new ReplyPending({ operation: "send" }))
        }
        if (this.reply !== undefined) return Effect.succeed(this.reply)
        return Effect.flatMap(
          this.post(request),
          ([run, fiber]): Effect.Effect<BackendMessage, GetHistoryError | ReplyPending> =>
            this.generation === "2025-09-26"
              ? Effect.flatMap(Fiber.await(fiber), () => {
                  const last = run.rows.at(-1)
                  return run.state === "done" && last !== undefined
                    ? Effect.succeed({ ...this.message(last), sessionId: SessionId.make(""), role: "user" })
                    : Effect.fail(new ServerError({ operation: "send", status: 500 }))
                })
              : Effect.fail(new ReplyPending({ operation: "send" }))
        )
      }
    })
    const sessions = SessionsService.make(
      {
        scrub: (said, message) => this.scrub?.(said, message) ?? said,
        create: () => Effect.fail(new NotFound({ operation: "createSession" })),
        list: () => Effect.succeed([]),
        get: () => this.read("getSession", () => ({ id: this.id, title: "", createdAt: undefined as never })),
        delete: () =>
          Effect.sync(() => {
            this.isDeleted = true
          }),
        cancel: () =>
          Effect.suspend(() => {
            const newest = this.runs.filter(({ state }) => state === "running").at(-1)
            this.cancels.push(newest?.text ?? "nothing")
            const fiber = newest && this.fibers.get(newest)
            if (this.cancelNever) return Effect.never
            return Effect.zipRight(this.latency(), fiber ? Fiber.interruptFork(fiber) : Effect.void)
          }),
        events: () => Stream.unwrapScoped(events),
        export: () =>
          this.read("exportSession", () => ({
            messages: this.rows.map(({ calls, id: rowId, reason, role, text }) => ({
              id: rowId,
              role,
              content: text,
              finishReason: reason,
              toolCalls: calls
            }))
          })),
        answerPermission: ({ answer, id: asked }) =>
          Effect.suspend(() => {
            this.permissions.push(`${asked} ${answer}`)
            const deferred = this.answers.get(asked)
            return Effect.zipRight(
              this.latency(),
              Effect.flatMap(Clock.currentTimeMillis, (now) =>
                now < this.deafUntil
                  ? Effect.fail(new ServerError({ operation: "answerPermission", status: 503 }))
                  : deferred
                    ? Deferred.succeed(deferred, answer)
                    : Effect.void
              )
            )
          }),
        streamRoute: {
          exists: () =>
            Effect.zipRight(
              this.latency(),
              Effect.sync(() => {
                this.requests.push("streamRoute")
                return this.isSeed
              })
            ),
          send: (request) => {
            this.requests.push("sendThroughStream")
            return Effect.asVoid(this.post(request))
          }
        }
      },
      messages
    )
    return { messages, sessions }
  }
}
