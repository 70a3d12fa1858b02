/**
 * A model of the server's history: a list sorted newest first by whole seconds, of which `limit` and `offset` cut a page, and
 * which changes between two requests. It needs no test runner: tests drive the pure walk with `run`, or the streams with
 * `service`, and `audit` says whether what came out is what had to.
 *
 * Everything is deterministic: `scenario(seed)` is the same server with the same changes each time.
 */
import * as Effect from "effect/Effect"
import { PCGRandom } from "effect/Utils"
import { type BackendMessage, MessageId, MessagesService, type Service, SessionId } from "../src/index.ts"
import * as Walk from "../src/internal/walk.ts"

/** A message, and the second in which it was inserted. */
export interface ModelMessage extends BackendMessage {
  readonly second: number
}

export interface ModelServerOptions {
  /** How many messages are there at the beginning. Default: 0. */
  readonly size?: number
  /** How many sessions they are spread over. Default: 1. */
  readonly sessions?: number
  /** How many messages share a second at the beginning. Default: 1. */
  readonly perSecond?: number
  /** The longest page the server gives, whatever is asked for. Default: no limit. */
  readonly clamp?: number
  readonly ignoresOffset?: boolean
  readonly ignoresLimit?: boolean
}

/** One page that was asked for. */
export interface PageRequest {
  readonly limit?: number | undefined
  readonly offset?: number | undefined
}

export class ModelServer {
  /** The list, newest first. Rows of one second stand in the order of their insertion, as SQLite gives them. */
  rows: Array<ModelMessage> = []
  /** What was asked for so far. */
  readonly requests: Array<PageRequest> = []
  /** How many requests are being answered, and how many were at most. */
  inFlight = 0
  mostInFlight = 0
  /** How many were interrupted before their answer. */
  interrupted = 0
  /** The second in which the next message is inserted; it passes with each call of `insert` that names none. */
  now: number
  private created = 0
  readonly options: ModelServerOptions

  constructor(options: ModelServerOptions = {}) {
    this.options = options
    const { perSecond = 1, size = 0 } = options
    this.now = Math.ceil(size / perSecond)
    for (let index = 0; index < size; index++) this.rows.push(this.create(this.now - Math.floor(index / perSecond)))
    // Ids count up with age reversed, so that a row's number tells how new it is.
    const numbers = this.rows.map((_, index) => size - 1 - index)
    this.rows = this.rows.map((row, index) => ({ ...row, ...this.named(numbers[index] as number) }))
  }

  private named(number: number) {
    const session = number % (this.options.sessions ?? 1)
    return { id: MessageId.make(`m${number}`), sessionId: SessionId.make(`s${session}`), userInput: `text ${number}` }
  }

  private create(second: number): ModelMessage {
    return { ...this.named(this.created++), role: "user", second }
  }

  /**
   * `count` messages are inserted. With no `second` each gets one of its own, and so the head of the list; those of a second
   * that is there already stand behind the others of it.
   */
  insert(count = 1, second?: number): this {
    for (let index = 0; index < count; index++) {
      const row = this.create(second ?? ++this.now)
      const at = this.rows.findIndex((other) => other.second < row.second)
      this.rows.splice(at < 0 ? this.rows.length : at, 0, row)
    }
    return this
  }

  /** `count` rows from `index` on are deleted. */
  remove(index: number, count = 1): this {
    this.rows.splice(index, count)
    return this
  }

  /** A session is deleted, and all its messages with it. */
  removeSession(session: number): this {
    const id = `s${session}`
    this.rows = this.rows.filter((row) => row.sessionId !== id)
    return this
  }

  clear(): this {
    this.rows = []
    return this
  }

  ids(): Array<string> {
    return this.rows.map((row) => row.id)
  }

  /** Answers one request. */
  page(request: PageRequest): Array<ModelMessage> {
    this.requests.push(request)
    const { clamp = Number.POSITIVE_INFINITY, ignoresLimit = false, ignoresOffset = false } = this.options
    const from = ignoresOffset ? 0 : (request.offset ?? 0)
    const length = ignoresLimit ? this.rows.length : Math.min(request.limit ?? 50, clamp)
    return this.rows.slice(from, from + length)
  }
}

/**
 * The service over a model. `between` runs after the answer to a request was taken from the list, with the number of the
 * requests so far; `wait` is how long an answer is on its way. A request that is interrupted on its way is counted.
 */
export const service = (
  server: ModelServer,
  options: {
    readonly between?: (server: ModelServer, requests: number) => void
    readonly wait?: (request: PageRequest) => Effect.Effect<void>
  } = {}
): Service => {
  const { between, wait } = options
  return MessagesService.make({
    getHistory: (request) =>
      Effect.suspend(() => {
        const rows = server.page(request)
        server.inFlight++
        server.mostInFlight = Math.max(server.mostInFlight, server.inFlight)
        between?.(server, server.requests.length)
        return wait === undefined ? Effect.succeed(rows) : Effect.as(wait(request), rows)
      }).pipe(
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            server.interrupted++
          })
        ),
        Effect.ensuring(
          Effect.sync(() => {
            server.inFlight--
          })
        )
      ),
    listSession: ({ id }) => Effect.sync(() => server.rows.filter((row) => row.sessionId === id).reverse()),
    send: (request) => Effect.sync(() => ({ ...(server.insert().rows[0] as ModelMessage), userInput: request.text }))
  })
}

/** How a walk ended. */
export type End = "end" | Walk.StallReason | "stopped" | "endless"

export interface Run {
  readonly emitted: ReadonlyArray<string>
  /** The emitted ids page by page, and the walk after each page. */
  readonly pages: ReadonlyArray<{ readonly ids: ReadonlyArray<string>; readonly walk: Walk.Walk }>
  readonly end: End
  readonly walk: Walk.Walk
}

/** Drives the pure walk against a model until it ends or stalls, or `maxPages` pages came. */
export const run = (
  server: ModelServer,
  options: {
    readonly pageSize?: number
    readonly from?: Walk.Walk
    readonly maxPages?: number
    readonly maxRequests?: number
    /** Changes the list after each answer. */
    readonly between?: (server: ModelServer, requests: number) => void
  } = {}
): Run => {
  const { between, from, maxPages = Number.POSITIVE_INFINITY, maxRequests = 20_000, pageSize = 100 } = options
  let walk = from === undefined ? Walk.start(pageSize) : Walk.resume(from, pageSize)
  const emitted: Array<string> = []
  const pages: Array<Run["pages"][number]> = []
  for (let requests = 1; requests <= maxRequests; requests++) {
    const asked = Walk.request(walk)
    const verdict = Walk.judge(walk, asked, server.page(asked))
    walk = verdict.walk
    if (verdict._tag === "End") return { emitted, pages, end: "end", walk }
    if (verdict._tag === "Stalled") return { emitted, pages, end: verdict.reason, walk }
    if (verdict._tag === "Rows") {
      const ids = verdict.rows.map((row) => row.id)
      emitted.push(...ids)
      pages.push({ ids, walk })
      if (pages.length === maxPages) return { emitted, pages, end: "stopped", walk }
    }
    between?.(server, requests)
  }
  return { emitted, pages, end: "endless", walk }
}

/** What went wrong, by id. All lists are empty where nothing did. */
export interface Audit {
  /** Alive throughout, and not emitted; of a walk that did not end, only where rows behind were emitted. */
  readonly lost: ReadonlyArray<string>
  /** Emitted more than once. */
  readonly repeated: ReadonlyArray<string>
  /** Alive throughout, and emitted before a row that precedes it. */
  readonly misplaced: ReadonlyArray<string>
}

export const flawless: Audit = { lost: [], repeated: [], misplaced: [] }

/** Compares what was emitted with the list as it was when the walk began and when it ended. */
export const audit = (
  began: ReadonlyArray<string>,
  ended: ReadonlyArray<string>,
  emitted: ReadonlyArray<string>,
  complete = true
): Audit => {
  const order = new Map(began.map((id, index) => [id, index]))
  const alive = ended.filter((id) => order.has(id))
  const survivors = new Set(alive)
  const seen = new Set<string>()
  const repeated: Array<string> = []
  const misplaced: Array<string> = []
  let furthest = -1
  for (const id of emitted) {
    if (seen.has(id)) repeated.push(id)
    seen.add(id)
    if (!survivors.has(id)) continue
    const place = order.get(id) as number
    if (place < furthest) misplaced.push(id)
    furthest = Math.max(furthest, place)
  }
  const lost = alive.filter((id) => !seen.has(id) && (complete || (order.get(id) as number) < furthest))
  return { lost, repeated, misplaced }
}

/** How rough a scenario is. */
export interface Roughness {
  /** Messages at the beginning, at most. */
  readonly size: number
  /** Messages that are inserted by one change, at most. */
  readonly insert: number
  /** Rows that are deleted by one change, at most. */
  readonly remove: number
  /** The limits that servers may clamp to; `undefined` is a server that does not. */
  readonly clamps: ReadonlyArray<number | undefined>
  /** Whether messages share seconds, and new ones come to stand behind others of their second. */
  readonly ties: boolean
}

/** A user's afternoon: messages come and go by the handful. */
export const calm: Roughness = {
  size: 600,
  insert: 8,
  remove: 8,
  clamps: [undefined, undefined, 10, 20, 50, 100],
  ties: false
}

/** The same, and several messages a second. */
export const tied: Roughness = { ...calm, ties: true }

/** Whatever a server may do: tens of rows between two requests, and pages of two rows. */
export const rough: Roughness = {
  size: 300,
  insert: 80,
  remove: 40,
  clamps: [undefined, undefined, 2, 3, 4, 5, 6, 10, 100],
  ties: false
}

export interface Scenario {
  readonly server: ModelServer
  readonly pageSize: number
  /** Makes 0 to 3 changes. */
  readonly change: (server: ModelServer) => void
  /** What was drawn, for a counterexample. */
  readonly drawn: object
}

/** A server, a page size and a course of changes, all drawn from a seed. */
export const scenario = (seed: number, roughness: Roughness): Scenario => {
  const random = new PCGRandom(seed, 0x9e3779b9)
  const below = (n: number) => random.integer(Math.max(1, n))
  const size = below(4) === 0 ? below(10) : below(roughness.size)
  const sessions = 1 + below(12)
  const clamp = roughness.clamps[below(roughness.clamps.length)]
  const pageSize = 1 + below(60)
  const activity = [0, 1, 2, 4][below(4)] as number
  const big = below(5) === 0
  const perSecond = roughness.ties ? 1 + below(4) : 1
  const server = new ModelServer({ size, sessions, perSecond, ...(clamp !== undefined && { clamp }) })
  // More than a walk can read would only show that it stalls.
  const most = 3 * roughness.size
  const change = (model: ModelServer) => {
    for (let changes = below(activity); changes > 0; changes--) {
      const kind = below(8)
      if (kind < 3) {
        const count = 1 + below(big ? roughness.insert : Math.min(8, roughness.insert))
        if (model.rows.length < most) model.insert(count, roughness.ties ? model.rows[below(6)]?.second : undefined)
      } else if (kind < 5) {
        for (let rows = 1 + below(big ? roughness.remove : 8); rows > 0; rows--) model.remove(below(model.rows.length))
      } else if (kind < 7) {
        model.remove(below(model.rows.length), 1 + below(big ? roughness.remove : 8))
      } else if (below(4) === 0) {
        model.removeSession(below(sessions))
      }
    }
  }
  return { server, pageSize, change, drawn: { seed, size, sessions, clamp, perSecond, pageSize, activity, big } }
}
