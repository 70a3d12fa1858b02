/**
 * A model of the server's history: a list sorted newest first by whole seconds, of which `limit` and `offset` cut a page, and
 * which changes between two requests. It needs no test runner: tests drive the pure walk with `run`, or the streams with
 * `service`, and `audit` says whether what came out is what had to.
 *
 * Everything is deterministic: `scenario(seed)` is the same server with the same changes each time.
 */
import * as Effect from "effect/Effect"
import { Pcg } from "../../testing/src/internal/pcg.ts"
import { type BackendMessage, MessageId, MessagesService, type Service, SessionId } from "../src/index.ts"
import type { Request } from "../src/internal/history/page.ts"
import type * as Place from "../src/internal/history/place.ts"
import * as Walk from "../src/internal/history/walk.ts"

/** A message, the second in which it was inserted, and its turn among those of its second. */
export interface ModelMessage extends BackendMessage {
  readonly second: number
  readonly turn: number
}

/** Whether a row stands before another in the server's list, whenever both are in it. */
export const precedes = (one: ModelMessage, other: ModelMessage): boolean =>
  one.second === other.second ? one.turn < other.turn : one.second > other.second

export interface ModelServerOptions {
  /** How many messages are there at the beginning. Default: 0. */
  readonly size?: number
  /** How many sessions they are spread over. Default: 1. */
  readonly sessions?: number
  /** How many messages share a second at the beginning. Default: 1. */
  readonly perSecond?: number
  /** The longest page the server gives, whatever is asked for; drawn for each request where it is a function. Default: no limit. */
  readonly clamp?: number | (() => number)
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
    // Ids count up with age reversed, so that a row's number tells how new it is.
    for (let turn = 0; turn < size; turn++) {
      const second = this.now - Math.floor(turn / perSecond)
      const row: ModelMessage = { ...this.named(size - 1 - turn), role: "user", second, turn }
      this.rows.push(row)
      this.all.set(row.id, row)
    }
    this.created = size
  }

  /** Every row that ever was. */
  readonly all = new Map<string, ModelMessage>()

  private named(number: number) {
    const session = number % (this.options.sessions ?? 1)
    return { id: MessageId.make(`m${number}`), sessionId: SessionId.make(`s${session}`), userInput: `text ${number}` }
  }

  private create(second: number): ModelMessage {
    const turn = this.created
    return { ...this.named(this.created++), role: "user", second, turn }
  }

  /**
   * `count` messages are inserted. With no `second` each gets one of its own, and so the head of the list; those of a second
   * that is there already stand behind the others of it.
   */
  insert(count = 1, second?: number): this {
    const rows = Array.from({ length: count }, () => this.create(second ?? ++this.now))
    for (const row of rows) this.all.set(row.id, row)
    if (second === undefined) {
      this.rows = [...rows.reverse(), ...this.rows]
      return this
    }
    const found = this.rows.findIndex((other) => other.second < second)
    const at = found < 0 ? this.rows.length : found
    this.rows = [...this.rows.slice(0, at), ...rows, ...this.rows.slice(at)]
    return this
  }

  /** Messages of one session arrive in the newest second, behind those that it holds, or in a new one. */
  arrive(count: number, newSecond: boolean, session: number): this {
    if (newSecond) this.now++
    const before = this.rows.length
    this.insert(count, this.now)
    const at = this.rows.findIndex((row) => row.second < this.now)
    const end = at < 0 ? this.rows.length : at
    for (let index = end - (this.rows.length - before); index < end; index++) {
      const row = { ...(this.rows[index] as ModelMessage), sessionId: SessionId.make(`s${session}`) }
      this.rows[index] = row
      this.all.set(row.id, row)
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
    const { ignoresLimit = false, ignoresOffset = false, clamp: given = Number.POSITIVE_INFINITY } = this.options
    const clamp = typeof given === "function" ? given() : given
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
  /** Rows that were in the list, and neither given nor passed over, when the walk ended. */
  readonly unread: ReadonlyArray<string>
  /** Whether every row that was given had been deleted, so that the walk began again at the head. */
  readonly restarted: boolean
  /** Whether a row came after one that it precedes, though that one was in the list. */
  readonly disordered: boolean
  /** Whether it began again at the head though a row that was given was in the list. */
  readonly strayed: boolean
}

/** Drives the pure walk against a model until it ends or stalls, or `maxPages` pages came. */
export const run = (
  server: ModelServer,
  options: {
    readonly pageSize?: number
    readonly from?: Place.Place
    readonly maxPages?: number
    readonly maxRequests?: number
    /** Changes the list after each answer. */
    readonly between?: (server: ModelServer, requests: number) => void
    /** Milliseconds that pass with each request. Default: 0. */
    readonly latency?: number
    /** What was given before `from`. */
    readonly before?: ReadonlyArray<string>
  } = {}
): Run => {
  const { before = [], between, from, latency = 0, maxPages = Number.POSITIVE_INFINITY } = options
  const { maxRequests = 20_000, pageSize = 100 } = options
  let walk = from === undefined ? Walk.start(pageSize) : Walk.resume(from, pageSize)
  const emitted: Array<string> = []
  const pages: Array<Run["pages"][number]> = []
  let last = server.all.get(before.at(-1) ?? "")
  let restarted = false
  let furthest: ModelMessage | undefined
  for (const id of before) {
    const row = server.all.get(id) as ModelMessage
    if (furthest === undefined || precedes(furthest, row)) furthest = row
  }
  let disordered = false
  let strayed = false
  for (let requests = 1; requests <= maxRequests; requests++) {
    const request: Request = Walk.request(walk)
    const askedAt = requests * latency
    // No second lasts longer than a second, however many begin meanwhile.
    server.now += Math.floor(askedAt / 1000) - Math.floor((askedAt - latency) / 1000)
    const answer = { request, rows: server.page(request), askedAt, answeredAt: askedAt + latency }
    const interpretation = Walk.interpret(walk, answer)
    const restarts = interpretation.walk.place.fromHead && !walk.place.fromHead
    walk = interpretation.walk
    if (restarts) {
      const given = new Set([...before, ...emitted])
      restarted = true
      strayed ||= server.rows.some((row) => given.has(row.id))
    }
    if (interpretation._tag === "End") {
      const given = new Set([...before, ...emitted])
      const unread = server.rows
        .filter((row) => !given.has(row.id) && (last === undefined || precedes(last, row)))
        .map((row): string => row.id)
      return { emitted, pages, end: "end", walk, unread, restarted, disordered, strayed }
    }
    if (interpretation._tag === "Stalled")
      return { emitted, pages, end: interpretation.reason, walk, unread: [], restarted, disordered, strayed }
    if (interpretation._tag === "Rows") {
      for (const row of interpretation.rows) {
        if (furthest === undefined || precedes(furthest, row)) furthest = row
        else disordered ||= server.rows.some(({ id }) => id === furthest?.id)
      }
      const ids = interpretation.rows.map((row): string => row.id)
      for (const id of ids) emitted.push(id)
      last = interpretation.rows.at(-1) ?? last
      pages.push({ ids, walk })
      if (pages.length === maxPages)
        return { emitted, pages, end: "stopped", walk, unread: [], restarted, disordered, strayed }
    }
    between?.(server, requests)
  }
  return { emitted, pages, end: "endless", walk, unread: [], restarted, disordered, strayed }
}

/** What went wrong, by id. All lists are empty where nothing did. */
export interface Audit {
  /** Alive throughout, and not emitted; of a walk that did not end, only where rows behind were emitted. */
  readonly lost: ReadonlyArray<string>
  /** Emitted more than once. */
  readonly repeated: ReadonlyArray<string>
  /** Emitted after a row that it precedes in the server's order, whether it was there from the beginning or not. */
  readonly misplaced: ReadonlyArray<string>
}

export const flawless: Audit = { lost: [], repeated: [], misplaced: [] }

/** Compares what was emitted with the list as it was when the walk began and as it is now. */
export const audit = (
  began: ReadonlyArray<string>,
  server: ModelServer,
  emitted: ReadonlyArray<string>,
  complete = true
): Audit => {
  const seen = new Set<string>()
  const repeated: Array<string> = []
  const misplaced: Array<string> = []
  let furthest: ModelMessage | undefined
  for (const id of emitted) {
    if (seen.has(id)) repeated.push(id)
    seen.add(id)
    const row = server.all.get(id) as ModelMessage
    if (furthest !== undefined && precedes(row, furthest)) misplaced.push(id)
    else furthest = row
  }
  const alive = new Set(server.ids())
  const isDue = (id: string) =>
    complete || (furthest !== undefined && precedes(server.all.get(id) as ModelMessage, furthest))
  const lost = began.filter((id) => alive.has(id) && !seen.has(id) && isDue(id))
  return { lost, repeated, misplaced }
}

/**
 * The same, where only rows that were there from the beginning count as misplaced: those that arrive cannot always be told
 * from those that follow.
 */
export const auditOld = (...args: Parameters<typeof audit>): Audit => {
  const old = new Set(args[0])
  const flaws = audit(...args)
  return { ...flaws, misplaced: flaws.misplaced.filter((id) => old.has(id)) }
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
  const random = new Pcg(seed, 0x9e3779b9)
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

/**
 * What a real server, its users and what stands before it can do between two requests: a cap drawn for each answer, bursts of
 * up to 3,000 rows of one second behind known ones of it, imports and forks, sessions of any size deleted.
 */
export const hostile = (seed: number): Scenario => {
  const random = new Pcg(seed, 0x51ed270b)
  const below = (n: number) => random.integer(Math.max(1, n))
  const one = <A>(...of: ReadonlyArray<A>): A => of[below(of.length)] as A
  const size = one(0, 1 + below(12), below(200), below(1000), below(4000))
  const perSecond = one(1, 1, 1 + below(6), 1 + below(60), Math.max(1, size))
  const sessions = one(1, 3, 20, 200)
  const pageSize = one(1 + below(10), 10, 1 + below(100), 100, 100 + below(900), 1000)
  const caps = one([1000], [1000], [100], [2, 5, 20, 1000], [3, 50, 1000], [50], [1000, 7])
  const clamp = () => (caps.length === 1 ? (caps[0] as number) : 1 + below(one(...caps)))
  const server = new ModelServer({ size, sessions, perSecond, clamp })
  const activity = one(0, 1, 2, 3)
  const burst = one(3, 30, 300, 3000)
  let bursts = 2
  const most = size + 6000
  let imports = sessions
  const change = (model: ModelServer) => {
    for (let changes = below(activity + 1); changes > 0; changes--) {
      switch (below(7)) {
        case 0:
          if (bursts-- > 0) model.arrive(1 + below(burst), below(2) === 0, imports++)
          break
        case 1:
        case 2:
          if (model.rows.length < most) model.arrive(1 + below(3), below(2) === 0, below(sessions))
          break
        case 3:
          if (below(3) === 0) model.removeSession(below(imports))
          break
        case 4:
          // A session that somebody sees is likelier to be deleted than any.
          if (below(3) === 0) {
            const id = model.rows[below(model.rows.length)]?.sessionId
            if (id !== undefined) model.removeSession(Number(id.slice(1)))
          }
          break
        case 5:
          model.remove(below(model.rows.length), 1 + below(4))
          break
        default:
          break
      }
    }
  }
  return { server, pageSize, change, drawn: { seed, size, perSecond, sessions, pageSize, caps, activity, burst } }
}

/** What came of a walk that was stopped, and resumed from its cursors, until it ended or stalled. */
export interface Journey extends Run, Audit {
  /** Rows that were there from the beginning, and not given when the walk ended. */
  readonly endedEarly: ReadonlyArray<string>
  readonly requests: number
  /** What was drawn, for a counterexample. */
  readonly drawn: object
}

/**
 * Walks a hostile list, and stops at pages and at failures of requests. After each stop rows arrive or are deleted, and the
 * walk resumes with the place of its cursor, which `carry` may write and read again.
 */
export const journey = (seed: number, carry: (place: Place.Place) => Place.Place): Journey => {
  const { change, drawn, pageSize, server } = hostile(seed)
  const random = new Pcg(seed, 0x2545f491)
  const below = (n: number) => random.integer(Math.max(1, n))
  const one = <A>(...of: ReadonlyArray<A>): A => of[below(of.length)] as A
  const latency = one(0, 20, 300, 1500)
  const stops = one(0, below(6), below(6))
  const burst = one(5, 200, 3000)
  const began = server.ids()
  const flags = { restarted: false, disordered: false, strayed: false }
  let emitted: Array<string> = []
  let from: Place.Place | undefined
  let requests = 0
  for (let resumes = 0; ; resumes++) {
    const stop = resumes === stops ? {} : one({ maxRequests: 1 + below(12) }, { maxPages: 1 + below(6) })
    const size = below(4) === 0 ? 1 + below(1000) : pageSize
    const leg = run(server, {
      pageSize: size,
      between: change,
      latency,
      before: emitted,
      ...(from && { from }),
      ...stop
    })
    emitted = [...emitted, ...leg.emitted]
    for (const flag of ["restarted", "disordered", "strayed"] as const) flags[flag] ||= leg[flag]
    requests += leg.walk.run.stats.requests
    if (resumes === stops || leg.end === "end") {
      const old = new Set(began)
      return {
        ...leg,
        ...flags,
        ...audit(began, server, emitted, leg.end === "end"),
        emitted,
        requests,
        endedEarly: leg.unread.filter((id) => old.has(id)),
        drawn: { ...drawn, latency, stops, burst }
      }
    }
    // Before anything was given there is no cursor.
    from = emitted.length === 0 ? undefined : below(2) === 0 ? leg.walk.place : carry(leg.walk.place)
    for (let n = below(4); n > 0; n--) change(server)
    if (below(3) === 0) server.arrive(1 + below(burst), below(2) === 0, 1000 + resumes)
  }
}
