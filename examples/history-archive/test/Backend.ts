/** A backend in memory, which changes between any two requests, and a database that fails. */
import {
  type BackendMessage,
  ConnectionError,
  MessageId,
  MessagesService,
  NotFound,
  type Session,
  SessionId,
  SessionsService
} from "@mix-effect/core"
import { Clock, DateTime, Effect, Layer, Stream, TestClock } from "effect"

interface Row extends BackendMessage {
  readonly second: number
}

/** What happens before a request is answered. */
export type Happening =
  | { readonly _tag: "Append"; readonly session: number; readonly role: "user" | "assistant"; readonly text: string }
  | { readonly _tag: "Import"; readonly session: number; readonly count: number }
  | { readonly _tag: "Rewrite"; readonly session: number; readonly text: string }
  | { readonly _tag: "Rewind"; readonly session: number; readonly count: number }
  | { readonly _tag: "Delete"; readonly session: number }
  | { readonly _tag: "NextSecond" }
  | { readonly _tag: "Refuse" }
  | { readonly _tag: "Kill" }
  | { readonly _tag: "Nothing" }

export class Backend {
  private readonly sessions = new Map<string, Array<Row>>()
  private ids = 0

  /** `counts`: whether the list of sessions shows how many messages they have. */
  constructor(
    private readonly counts: boolean,
    private readonly next: () => Happening
  ) {}

  /** The session of this number among those that are there, or a new one. */
  private at(number: number): Array<Row> {
    const all = [...this.sessions.values()]
    const found = all[number]
    if (found !== undefined) return found
    const rows: Array<Row> = []
    this.sessions.set(`session ${++this.ids}`, rows)
    return rows
  }

  private idOf(rows: ReadonlyArray<Row>): string {
    return [...this.sessions].find(([, other]) => other === rows)?.[0] ?? ""
  }

  append(second: number, session: number, role: "user" | "assistant", text: string): void {
    const rows = this.at(session)
    const row = {
      id: MessageId.make(`message ${++this.ids}`),
      sessionId: SessionId.make(this.idOf(rows)),
      role,
      userInput: text,
      second
    }
    rows.push(role === "user" ? row : { ...row, assistantResponse: text })
  }

  /** Answers whether the request is to be refused, or whoever asks is to be killed. */
  private happen() {
    return Effect.gen(this, function* () {
      const second = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const happening = this.next()
      switch (happening._tag) {
        case "Append":
          return this.append(second, happening.session, happening.role, happening.text)
        case "Import":
          for (let index = 0; index < happening.count; index++)
            this.append(second, happening.session, "user", "imported")
          return
        case "Rewrite": {
          const rows = this.at(happening.session)
          const last = rows.at(-1)
          if (last?.role === "assistant") rows[rows.length - 1] = { ...last, assistantResponse: happening.text }
          return
        }
        case "Rewind":
          this.at(happening.session).splice(-happening.count)
          return
        case "Delete":
          this.sessions.delete(this.idOf(this.at(happening.session)))
          return
        case "NextSecond":
          return yield* TestClock.adjust("1 second")
        case "Refuse":
          return "refuse"
        case "Kill":
          return "kill"
        case "Nothing":
          return
      }
    })
  }

  /** All sessions with their messages, as the server lists them. */
  get listed(): ReadonlyMap<string, ReadonlyArray<BackendMessage>> {
    return new Map(
      [...this.sessions].map(([id, rows]) => [id, rows.map(({ second, ...message }): BackendMessage => message)])
    )
  }

  private history(): ReadonlyArray<BackendMessage> {
    const bySecond = new Map<number, Array<BackendMessage>>()
    // Rows of one second come in the order in which they were stored, whatever their session.
    const rows = [...this.sessions.values()].flat().filter((row) => row.role === "user")
    rows.sort((a, b) => Number(a.id.slice(8)) - Number(b.id.slice(8)))
    for (const { second, ...message } of rows) bySecond.set(second, [...(bySecond.get(second) ?? []), message])
    return [...bySecond].sort(([a], [b]) => b - a).flatMap(([, rows]) => rows)
  }

  private session(id: string, rows: ReadonlyArray<Row>): Session {
    return {
      id: SessionId.make(id),
      title: `The ${id}`,
      createdAt: DateTime.unsafeMake(0),
      ...(this.counts ? { userMessageCount: rows.filter((row) => row.role === "user").length } : {})
    }
  }

  /** The services, for a process that `kill` ends. */
  layer(kill: Effect.Effect<never>): Layer.Layer<MessagesService | SessionsService> {
    const answer = <A>(
      operation: "getHistory" | "listSession" | "listSessions" | "getSession",
      f: () => Effect.Effect<A, NotFound>
    ): Effect.Effect<A, ConnectionError | NotFound> =>
      Effect.flatMap(
        this.happen(),
        (fate): Effect.Effect<A, ConnectionError | NotFound> =>
          fate === "refuse"
            ? Effect.fail(
                new ConnectionError({ operation, code: "ECONNREFUSED", phase: "connect", address: "mix:8088" })
              )
            : fate === "kill"
              ? kill
              : f()
      )
    const messages = MessagesService.make({
      getHistory: ({ limit = 50, offset = 0 }) =>
        answer("getHistory", () => Effect.succeed(this.history().slice(offset, offset + limit))),
      listSession: ({ id }) => answer("listSession", () => Effect.succeed(this.listed.get(id) ?? [])),
      send: () => Effect.dieMessage("nobody sends")
    })
    const unused = () => Effect.dieMessage("nobody asks for it")
    const sessions = SessionsService.make(
      {
        create: unused,
        list: () =>
          answer("listSessions", () => Effect.succeed([...this.sessions].map(([id, rows]) => this.session(id, rows)))),
        get: ({ id }) =>
          answer("getSession", () => {
            const rows = this.sessions.get(id)
            return rows === undefined
              ? Effect.fail(new NotFound({ operation: "getSession", error: { message: "session not found" } }))
              : Effect.succeed(this.session(id, rows))
          }),
        delete: unused,
        cancel: unused,
        events: () => Stream.empty,
        export: unused,
        answerPermission: unused
      },
      messages
    )
    return Layer.merge(Layer.succeed(MessagesService, messages), Layer.succeed(SessionsService, sessions))
  }
}
