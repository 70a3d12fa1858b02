import type { Generation, MessageExtras, NewMessage, NewSession } from "./model.ts"
import type { Random } from "./random.ts"
import { Timeline } from "./timeline.ts"

/** A stored message. */
export interface Row {
  readonly id: string
  readonly sessionId: string
  readonly role: string
  readonly userInput: string
  readonly assistantResponse: string
  readonly extras: MessageExtras | undefined
  readonly createdAt: number
}

/** A stored session. Its rows are oldest first; rows of one second in order of insertion. */
export interface Session {
  readonly id: string
  readonly title: string
  readonly createdAt: number
  readonly rows: Array<Row>
}

const extraKeys = [
  "toolCalls",
  "callbackResults",
  "reasoning",
  "reasoningDuration",
  "inputTokens",
  "outputTokens",
  "cacheCreationTokens",
  "cacheReadTokens",
  "cost",
  "model"
] as const satisfies ReadonlyArray<keyof MessageExtras>

const insertAscending = (rows: Array<Row>, row: Row): void => {
  let index = rows.length
  while (index > 0 && (rows[index - 1]?.createdAt ?? 0) > row.createdAt) index--
  rows.splice(index, 0, row)
}

/** The server's database, in memory. Times are whole epoch seconds and always given by the caller. */
export class Store {
  private readonly byId = new Map<string, Session>()
  private readonly sessions = new Timeline<Session>()
  private readonly history = new Timeline<Row>()

  constructor(
    private readonly generation: Generation,
    private readonly random: Random
  ) {}

  createSession(input: NewSession, now: number): Session {
    const known = input.id === undefined ? undefined : this.byId.get(input.id)
    if (known !== undefined) return known
    const session: Session = {
      id: input.id ?? this.random.uuid(),
      title: input.title ?? "",
      createdAt: input.createdAt ?? now,
      rows: []
    }
    this.byId.set(session.id, session)
    this.sessions.insert(session)
    return session
  }

  deleteSession(id: string): boolean {
    const session = this.byId.get(id)
    if (session === undefined) return false
    this.byId.delete(id)
    this.sessions.remove([session])
    this.history.remove(session.rows.filter((row) => row.role === "user"))
    return true
  }

  append(input: NewMessage, now: number): Row {
    const session = this.createSession({ id: input.sessionId }, now)
    const role = input.role ?? "user"
    const text = input.text ?? ""
    const assistant = role === "assistant"
    const hidden = role === "tool" || (assistant && this.generation === "2025-09-11")
    const row: Row = {
      id: input.id ?? this.random.uuid(),
      sessionId: session.id,
      role,
      userInput: hidden ? "" : text,
      assistantResponse: input.assistantResponse ?? (assistant ? text : ""),
      extras: extraKeys.some((key) => input[key] !== undefined) ? input : undefined,
      createdAt: input.createdAt ?? now
    }
    insertAscending(session.rows, row)
    if (role === "user") this.history.insert(row)
    return row
  }

  session(id: string): Session | undefined {
    return this.byId.get(id)
  }

  /** Newest first. */
  listSessions(): Array<Session> {
    return this.sessions.page(0, this.sessions.size)
  }

  /** User rows of all sessions, newest second first. */
  page(offset: number, limit: number): Array<Row> {
    return this.history.page(offset, limit)
  }

  historyIds(): Array<string> {
    return this.history.page(0, this.history.size).map((row) => row.id)
  }
}
