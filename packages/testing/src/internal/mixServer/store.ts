import type { Traits } from "./generations.ts"
import type { MessageExtras, NewMessage, NewSession } from "./model.ts"
import type { Random } from "./random.ts"
import { Timeline } from "./timeline.ts"

/** A stored message. The agent rewrites its row while it works. */
export interface Row {
  readonly id: string
  readonly sessionId: string
  readonly role: string
  readonly createdAt: number
  userInput: string
  assistantResponse: string
  extras: MessageExtras | undefined
  /** Absent while the row is being written. */
  finishReason: string | undefined
  model: string
  updatedAt: number
  /** The type of a part that the server cannot read. */
  readonly unreadable: string | undefined
}

/** A stored session. Its rows are oldest first; rows of one second in order of insertion. */
export interface Session extends Omit<NewSession, "id" | "title" | "createdAt"> {
  readonly id: string
  readonly createdAt: number
  readonly rows: Array<Row>
  title: string
  updatedAt: number
  promptTokens: number
  completionTokens: number
  cost: number
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

const finishReasonOf = (role: string, { toolCalls = [] }: NewMessage): string | undefined => {
  if (role !== "assistant") return "stop"
  if (toolCalls.length === 0) return "end_turn"
  return toolCalls.every((call) => call.finished) ? "tool_use" : undefined
}

/** The server's database, in memory. Times are whole epoch seconds and always given by the caller. */
export class Store {
  private readonly byId = new Map<string, Session>()
  private readonly sessions = new Timeline<Session>()
  private readonly history = new Timeline<Row>()
  /** Ids that callers chose. Those of the generator do not repeat. */
  private readonly chosen = new Set<string>()

  constructor(
    private readonly traits: Traits,
    private random: Random
  ) {}

  /** From now on ids come from this generator. */
  takeIdsFrom(random: Random): void {
    this.random = random
  }

  newId(): string {
    let id = this.random.uuid()
    while (this.chosen.has(id)) id = this.random.uuid()
    return id
  }

  /** A shorter id, as a language model gives to a tool call. */
  newToolCallId(): string {
    return `toolu_${this.newId().replaceAll("-", "").slice(0, 24)}`
  }

  createSession(input: NewSession, now: number): Session {
    const known = input.id === undefined ? undefined : this.byId.get(input.id)
    if (known !== undefined) return known
    const createdAt = input.createdAt ?? now
    const session: Session = {
      ...input,
      id: input.id ?? this.newId(),
      title: input.title ?? "",
      createdAt,
      updatedAt: createdAt,
      promptTokens: 0,
      completionTokens: 0,
      cost: 0,
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

  /** Removes the rows of a session behind one of them. */
  rewind(session: Session, last: Row): void {
    const gone = session.rows.splice(session.rows.indexOf(last) + 1)
    this.history.remove(gone.filter((row) => row.role === "user"))
  }

  /** Throws where the id was used before, as a primary key does. */
  append(input: NewMessage, now: number): Row {
    if (input.id !== undefined) {
      if (this.chosen.has(input.id)) throw new Error(`MixServer: there was a message with the id ${input.id} before`)
      this.chosen.add(input.id)
    }
    const session = this.createSession({ id: input.sessionId }, now)
    const role = input.role ?? "user"
    const text = input.text ?? ""
    const assistant = role === "assistant"
    const createdAt = input.createdAt ?? now
    const row: Row = {
      id: input.id ?? this.newId(),
      sessionId: session.id,
      role,
      userInput: role === "tool" || (assistant && !this.traits.repeatsText) ? "" : text,
      assistantResponse: input.assistantResponse ?? (assistant ? text : ""),
      extras: extraKeys.some((key) => input[key] !== undefined) ? input : undefined,
      finishReason: "finishReason" in input ? input.finishReason : finishReasonOf(role, input),
      model: input.model ?? "",
      unreadable: input.unreadable,
      createdAt,
      updatedAt: createdAt
    }
    insertAscending(session.rows, row)
    if (role === "user") this.history.insert(row)
    session.updatedAt = Math.max(session.updatedAt, createdAt)
    return row
  }

  /** Rewrites the text of an assistant row. */
  write(row: Row, text: string, now: number): void {
    row.assistantResponse = text
    if (this.traits.repeatsText) row.userInput = text
    row.updatedAt = now
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
