/**
 * The walk over a paged list that changes under the reader, as a pure state machine: `start`, then `request` says what to ask
 * for and `interpret` says what the answer means. It knows no effects, no transport and no message: only ids in order.
 *
 * The server sorts newest first, by whole seconds, and offers `limit` and `offset`. Rows of one second stand in the order in
 * which they were inserted. New rows push others to larger offsets, deleted ones pull them to smaller. So each request asks
 * again for the last few rows that were given (the overlap), and an answer is recognised by the rows that are known:
 *
 * - Unknown rows behind the last known one are next, and are given. Nearly every answer is so.
 * - Nothing is behind the last known row: the list grew, or the answer was cut, or this is the end. To tell, the walk asks
 *   for the offset behind it. An empty answer there, and then one that begins with the last row and holds no other, are the end.
 * - No row is known: the place is elsewhere, and is searched for (`search.ts`).
 * - Unknown rows behind a known one that was not given last: the later known rows were deleted, or rows arrived before them
 *   in the newest second. The answers are held until it is clear which.
 *
 * A state has two parts. The place decides what is given, and a cursor is exactly that. The run holds guesses about the
 * server. They choose what is asked for next, and may be lost at any time.
 */
import type { HistoryStats } from "../../HistoryStats.ts"
import { type Answer, maxLimit, type Request, type Row } from "./page.ts"
import * as Place from "./place.ts"
import * as Search from "./search.ts"
import * as Window from "./window.ts"

/** How many rows are read again with each page. */
const overlap = 4

/**
 * How long after the first answer a row may still arrive in the second of a row that was read, in milliseconds: the rest of
 * that second, and one more for a server that is slow to show a row.
 */
export const openFor = 2000

/** How many requests in a row may bring no new row. */
const maxIdle = 300

/** After how many requests without a new row the walk no longer skips known rows that should stand there. */
const maxGuesses = 16

/** After how many requests without a new row the list counts as one that grows with every request. */
const growingAfter = 4

/** How many rows may arrive with each request to such a list for its end to be found. */
const maxAhead = 64

/** How many rows are held at most. */
const maxHeld = 8192

/** No list grows or shrinks by so many rows between two requests. */
const farAway = 1_000_000

/** What the next request is for. */
type Step =
  | { readonly _tag: "Read" }
  /**
   * Is there a row behind the last one? `isStable`: nothing ever moved and no answer was short before. If rows keep
   * arriving, the last row moves on before the walk can look behind it, so this looks `ahead` of where it stood.
   */
  | { readonly _tag: "Peek"; readonly isStable: boolean; readonly last: Row; readonly ahead: number }
  /** There was none. Is it the last row still, in an answer that begins with it? Any other may have been cut behind it. */
  | { readonly _tag: "Confirm"; readonly last: Row; readonly ahead: number }
  | { readonly _tag: "Search"; readonly search: Search.Search }
  /**
   * Answers whose rows may have arrived before rows that are known. `more`: what follows them is asked for; `rest`: nothing
   * seemed to follow; `end`: nothing followed, so their end is read once more.
   */
  | { readonly _tag: "Hold"; readonly answers: ReadonlyArray<Answer<Row>>; readonly next: "more" | "rest" | "end" }

const read: Step = { _tag: "Read" }

/** No row is this one. */
const nobody: Row = { id: "", sessionId: "" }

/** What one run of a walk guesses about its server. */
interface Run {
  readonly pageSize: number
  readonly step: Step
  /** Until when rows may arrive in the second of a row that is read; known from the first answer on. */
  readonly openUntil: number | undefined
  /** The longest answer so far. */
  readonly longest: number
  /** How many answers that could have been longer were followed by rows all the same: the server cuts answers. */
  readonly cuts: number
  /** Whether the list moved or an answer was short: a list that never did costs no second look at its end. */
  readonly hasChanged: boolean
  /** How many rows to read again. */
  readonly overlap: number
  /** How many more of them, where rows are being deleted before the place. */
  readonly margin: number
  /** How many rows to ask for besides a page, where rows arrive. */
  readonly extraLimit: number
  readonly ignoresLimit: boolean
  readonly ignoresOffset: "unknown" | "probing" | "no"
  /** How the list began when it was last looked at, and each page since the last new row. */
  readonly pageStarts: ReadonlyArray<{ readonly id: string; readonly offset: number }>
  /** How many requests in a row brought no new row. */
  readonly idle: number
  readonly stats: HistoryStats
}

export interface Walk {
  readonly place: Place.Place
  readonly run: Run
}

/** Why a walk ended. */
export type EndReason =
  /** The list was empty. */
  | "emptyList"
  /** There was no row behind the last one. */
  | "emptyAnswer"
  /** The server heeds neither `limit` nor `offset`: one answer holds the whole list. */
  | "wholeList"

export type StallReason = "repeatedPages" | "noProgress" | "anchorLost"

export type Interpretation<A> =
  | { readonly _tag: "Rows"; readonly walk: Walk; readonly rows: ReadonlyArray<A> }
  | { readonly _tag: "NoRows"; readonly walk: Walk }
  | { readonly _tag: "End"; readonly walk: Walk; readonly reason: EndReason }
  | { readonly _tag: "Stalled"; readonly walk: Walk; readonly reason: StallReason }

/** A new run at a place. */
export const resume = (place: Place.Place, pageSize: number): Walk => ({
  place,
  run: {
    pageSize,
    step: read,
    openUntil: undefined,
    longest: 0,
    cuts: 0,
    hasChanged: false,
    overlap,
    margin: 0,
    extraLimit: 0,
    ignoresLimit: false,
    ignoresOffset: "unknown",
    pageStarts: [],
    idle: 0,
    stats: { requests: 0, duplicatesDropped: 0, stepBacks: 0, jumps: 0, tiesReordered: 0, unreadable: 0 }
  }
})

export const start = (pageSize: number): Walk => resume(Place.start, pageSize)

/** The longest answer to count on. */
const reach = ({ cuts, longest }: Run) => (cuts > 0 ? Math.min(maxLimit, Math.max(1, longest)) : maxLimit)

/** A server that gives one row at a time leaves no room for an overlap: deletions before the place go unnoticed. */
const isBlind = ({ cuts, longest }: Run) => longest === 1 && cuts > 0

/** Whether an answer is likely the last: shorter than asked for, by a server that does not cut answers, or cuts longer ones. */
const looksLast = (run: Run, limit: number, length: number) =>
  length < limit && !isBlind(run) && (run.cuts === 0 || (run.cuts === 1 && length < run.longest))

/**
 * Whether the last row moved with each of many requests and nothing was ever seen behind it, of a server that hardly cuts
 * answers. Then one that ends with the last row is believed.
 */
const isFleeting = ({ cuts, idle }: Run) => idle > growingAfter && cuts <= 1

/** At most a quarter of an answer is spent on the overlap, or half where rows are being deleted. */
const overlapOf = (run: Run): number => {
  const longest = reach(run)
  return isBlind(run) && run.step._tag !== "Confirm"
    ? 0
    : Math.max(1, Math.min(run.overlap + run.margin, Math.floor(longest / (run.margin > 0 ? 2 : 4))))
}

const readAt = (run: Run, position: number): Request => {
  const offset = Math.max(0, position - overlapOf(run))
  return { offset, limit: Math.min(maxLimit, run.pageSize + run.extraLimit + position - offset) }
}

const lastOf = <A>(items: ReadonlyArray<A>): A | undefined => items[items.length - 1]

export const request = ({ place, run }: Walk): Request => {
  if (run.ignoresOffset === "probing")
    return { offset: Math.min(Number.MAX_SAFE_INTEGER, place.position + farAway), limit: run.pageSize }
  switch (run.step._tag) {
    case "Peek":
      // Two, so that one row in the answer says something of the server.
      return { offset: place.position + run.step.ahead, limit: 2 }
    case "Confirm":
      // A row that cannot be read is known by the rows before it.
      if (run.step.last.unreadable !== undefined || isFleeting(run)) return readAt(run, place.position)
      // What arrives with each request arrived twice since the last row was seen.
      return { offset: Math.max(0, place.position + 2 * run.step.ahead - 1), limit: 2 }
    case "Search":
      return Search.request(run.step.search)
    case "Hold": {
      const { answers, next } = run.step
      const { request, rows } = lastOf(answers) as Answer<Row>
      const end = request.offset + rows.length
      return {
        offset: next === "rest" ? end : Math.max(0, end - Math.max(overlapOf(run), rows.length >> 2)),
        limit: maxLimit
      }
    }
    default:
      return readAt(run, place.position)
  }
}

/** Guesses about movement fade with each page. */
const fade = (amount: number) => Math.floor(amount / 2)

/** The next `count` requests, if answers come as long as they can and the list stands still. */
export const forecast = (walk: Walk, count: number): ReadonlyArray<Request> => {
  const requests = [request(walk)]
  let { run } = walk
  if (run.step._tag !== "Read" || run.ignoresOffset === "probing") return requests
  while (requests.length < count) {
    const last = lastOf(requests) as Request
    run = { ...run, margin: fade(run.margin), extraLimit: fade(run.extraLimit), overlap }
    requests.push(readAt(run, last.offset + Math.min(last.limit, reach(run))))
  }
  return requests
}

/** What is known of the rows of an answer. */
interface Known {
  /** The index of the last known row, or -1, and its rank. */
  readonly last: number
  readonly lastRank: number
  /** The highest rank of all. */
  readonly maxRank: number
  readonly count: number
  /** Known rows that stand before one that was given earlier. */
  readonly inversions: number
  /** Indexes of unknown rows between known ones, where no row can have arrived: they changed places. */
  readonly displaced: ReadonlyArray<number>
}

const find = ({ openBelow, recent }: Place.Place, rows: ReadonlyArray<Row>): Known => {
  let last = -1
  let lastRank = -1
  let maxRank = -1
  let count = 0
  let inversions = 0
  const displaced: Array<number> = []
  for (let index = 0; index < rows.length; index++) {
    const rank = Window.rankOf(recent, (rows[index] as Row).id)
    if (rank === undefined) continue
    if (last >= 0 && lastRank >= openBelow)
      for (let between = last + 1; between < index; between++) displaced.push(between)
    if (rank < lastRank) inversions++
    last = index
    lastRank = rank
    maxRank = Math.max(maxRank, rank)
    count++
  }
  return { last, lastRank, maxRank, count, inversions, displaced }
}

const noRows = (place: Place.Place, run: Run, step: Step = read): Interpretation<never> => ({
  _tag: "NoRows",
  walk: { place, run: { ...run, step } }
})

const stall = (walk: Walk, reason: StallReason): Interpretation<never> => ({ _tag: "Stalled", walk, reason })

const count = (run: Run, counts: Partial<HistoryStats>): Run => {
  // Nearly always all of them are 0.
  let { stats } = run
  for (const kind in counts) {
    const more = counts[kind as keyof HistoryStats] ?? 0
    if (more > 0) stats = { ...stats, [kind]: stats[kind as keyof HistoryStats] + more }
  }
  return stats === run.stats ? run : { ...run, stats }
}

const idsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => rows.map(({ id }) => id)

/** The first row of each id. */
const distinct = <A extends Row>(rows: ReadonlyArray<A>): ReadonlyArray<A> => {
  const seen = new Set<string>()
  return rows.filter(({ id }) => seen.size !== seen.add(id).size)
}

/** Gives the unknown rows behind the last known one, and those that changed places with known ones. */
const give = <A extends Row>(
  place: Place.Place,
  run: Run,
  { answeredAt, askedAt, request: { limit, offset }, rows }: Answer<A>,
  { displaced, last }: Known,
  /** Whether the rows may be newer than those that were given before: then their second may be the newest. */
  isHead = place.fromHead
): Interpretation<A> => {
  const behind = rows.slice(last + 1)
  const candidates = displaced.length === 0 ? behind : [...displaced.map((index) => rows[index] as A), ...behind]
  const recent = Window.add(place.recent, idsOf(candidates))
  const duplicatesDropped = candidates.length - (recent.end - place.recent.end)
  const given = duplicatesDropped === 0 ? candidates : distinct(candidates)
  let unreadable = 0
  for (const row of given) if (row.unreadable !== undefined) unreadable++
  const isFirst = place.recent.end === 0
  const shift = isFirst ? 0 : offset + last + 1 - place.position
  const isShort = rows.length < limit
  const openUntil = isHead ? answeredAt + openFor : (run.openUntil ?? answeredAt + openFor)
  const counted = count(run, { duplicatesDropped, unreadable })
  return {
    _tag: "Rows",
    rows: given,
    walk: {
      place: {
        position: offset + rows.length,
        recent,
        openBelow: askedAt <= openUntil ? recent.end : place.openBelow,
        ...Place.addSessions(place, given),
        fromHead: false,
        present: isFirst ? { open: idsOf(given).slice(0, maxLimit), settled: [], whole: false } : place.present
      },
      run: {
        ...counted,
        openUntil,
        step: looksLast(run, limit, rows.length)
          ? { _tag: "Peek", isStable: false, last: lastOf(given) ?? nobody, ahead: 0 }
          : read,
        hasChanged: run.hasChanged || isShort || shift !== 0,
        overlap: Math.min(overlap, run.overlap + 1),
        margin: Math.min(maxLimit, Math.max(fade(run.margin), Math.ceil(-1.25 * shift))),
        extraLimit: Math.min(maxLimit, Math.max(fade(run.extraLimit), shift)),
        idle: 0,
        pageStarts: run.pageStarts.filter((start) => start.offset === 0 || start.offset === offset)
      }
    }
  }
}

/** Nothing is behind the last known row: the list grew, the answer was cut, or this is the end. */
const nothingNew = (
  place: Place.Place,
  before: Run,
  { request: { limit, offset }, rows }: Answer<Row>,
  { last, lastRank, maxRank }: Known
): Interpretation<never> => {
  const behind = offset + last + 1
  // Rows that were given after the last known one stand behind it, unless they were deleted. Where that guess leads nowhere,
  // the known rows are read one after the other.
  const isGuess = maxRank !== place.recent.end - 1 && before.idle < maxGuesses
  const missing = isGuess ? place.recent.end - 1 - lastRank : 0
  const position = behind + missing
  const isShort = rows.length < limit
  const lastKnown = rows[last] as Row
  if (before.step._tag === "Confirm" && before.step.last.id === lastKnown.id) {
    const isStill = lastKnown.unreadable !== undefined && isShort && behind === place.position
    const isSeenOften = isFleeting(before) && looksLast(before, limit, rows.length)
    if (rows.length === 1 || isStill || isSeenOften)
      return { _tag: "End", walk: { place, run: before }, reason: "emptyAnswer" }
  }
  const isExpected = behind === place.position || position === place.position
  if (isShort && (missing === 0 || isExpected)) {
    const isStable = !before.hasChanged && behind === place.position
    const growth = Math.max(0, behind - place.position)
    const isGrowing = before.idle > growingAfter && growth <= maxAhead
    const margin = Math.max(before.margin, Math.ceil(1.25 * (place.position - behind)))
    const run = { ...before, margin, extraLimit: Math.min(maxLimit, Math.max(before.extraLimit, growth)) }
    const step: Step = { _tag: "Peek", isStable, last: lastKnown, ahead: isGrowing ? growth : 0 }
    return noRows({ ...place, position: behind, fromHead: false }, run, step)
  }
  const shift = position - place.position
  const run = count(before, { jumps: shift > 0 ? 1 : 0 })
  return noRows(
    { ...place, position, fromHead: false },
    {
      ...run,
      hasChanged: true,
      // An answer was cut within the overlap: a smaller one leaves room for what follows.
      overlap: before.step._tag === "Peek" ? Math.max(1, Math.floor(run.overlap / 2)) : run.overlap,
      margin: before.step._tag === "Peek" ? 0 : run.margin,
      extraLimit: Math.min(maxLimit, Math.max(run.extraLimit, shift))
    }
  )
}

/** Of the rows that were given last of their sessions, the one in an answer that was given last. */
const sightingOf = ({ sessions }: Place.Place, { request: { offset }, rows }: Answer<Row>) => {
  let sighting: Search.Sighting | undefined
  const ranks = new Map(sessions.flatMap(([, ids], rank) => ids.map((id) => [id, rank] as const)))
  for (const [index, { id }] of rows.entries()) {
    const rank = ranks.get(id) ?? -1
    if (rank >= (sighting?.rank ?? 0)) sighting = { id, rank, position: offset + index + 1 }
  }
  return sighting
}

/** No row is known: the place is elsewhere. */
const lookElsewhere = (place: Place.Place, before: Run, answer: Answer<Row>): Interpretation<never> => {
  const run = count({ ...before, hasChanged: true }, { stepBacks: 1 })
  const { request: asked, rows } = answer
  // A step of half an answer shows what is before it and what is in it.
  const length = rows.length > 0 && rows.length < asked.limit ? rows.length : before.pageSize
  const step = Math.max(1, Math.floor(Math.min(length, 200) / 2))
  const search =
    before.step._tag === "Search" ? before.step.search : Search.start(asked.offset, step, Window.size(place.recent))
  const next = Search.next(search, asked, rows.length, sightingOf(place, answer))
  if (next.passes < 2) return noRows(place, run, { _tag: "Search", search: next })
  // All of the list was looked at, and then once more. Every row that was given after the sighted one is gone.
  if (next.sighting !== undefined) {
    const { id, position } = next.sighting
    return noRows({ ...place, position, recent: Window.add(place.recent, [id]) }, run)
  }
  if (place.forgot) return stall({ place, run }, "anchorLost")
  return noRows({ ...place, position: 0, fromHead: true }, run)
}

/**
 * Unknown rows stand behind a known one that was not given last, in whose second rows could arrive. If a later known row
 * turns up behind them, they arrived, and are passed over. If none does, those were deleted, and all that was held is given.
 */
const hold = <A extends Row>(place: Place.Place, before: Run, answer: Answer<A>): Interpretation<A> => {
  const { answers, next } = before.step._tag === "Hold" ? before.step : { answers: [], next: "more" as const }
  // What was held came from the same server, so its rows are of the same type.
  const all = answers as ReadonlyArray<Answer<A>>
  // A known row that was given later stands behind all that is held.
  const isPassed = all[0] !== undefined && find(place, answer.rows).lastRank > find(place, all[0].rows).lastRank
  const held = isPassed ? [] : all
  const ids = new Set(held.flatMap(({ rows }) => rows.map(({ id }) => id)))
  const seen = answer.rows.filter(({ id }) => ids.has(id)).length
  const step = (answers: ReadonlyArray<Answer<A>>, next: "more" | "rest" | "end", run = before) =>
    noRows(place, run, answers.length === 0 ? read : { _tag: "Hold", answers, next })
  if (answer.rows.length === 0) return next === "end" ? step(held.slice(0, -1), "more") : step(held, "end")
  if (next === "end") {
    const last = lastOf(held) as Answer<A>
    const end = last.request.offset + last.rows.length
    const isSame =
      lastOf(answer.rows)?.id === lastOf(last.rows)?.id && answer.request.offset + answer.rows.length === end
    if (isSame) return release(place, before, held)
  }
  // Where the list moved away from what was held last, that is of no use any more.
  if (held.length > 0 && seen === 0) return next === "rest" ? step(held, "more") : step(held.slice(0, -1), "more")
  // The list moved, or the answer was cut. What follows stands behind this.
  if (seen === answer.rows.length) return step([...held, answer], "rest")
  // Holding more is as good as giving more.
  const run = { ...before, idle: before.idle - 1 }
  const more = [...held, answer]
  return ids.size + answer.rows.length - seen < maxHeld ? step(more, "more", run) : release(place, run, more)
}

/** Gives what was held. */
const release = <A extends Row>(place: Place.Place, run: Run, answers: ReadonlyArray<Answer<A>>): Interpretation<A> => {
  let walk: Walk = { place, run: { ...run, step: read } }
  const given: Array<A> = []
  for (const answer of answers) {
    const known = find(walk.place, answer.rows)
    if (known.last < 0 || known.last === answer.rows.length - 1) continue
    const interpretation = give(walk.place, walk.run, answer, known, true)
    walk = interpretation.walk
    if (interpretation._tag === "Rows") for (const row of interpretation.rows) given.push(row)
  }
  return { _tag: "Rows", walk, rows: given }
}

/**
 * Whether the server ignores `offset`. Two pages that start with the same row make it possible; a list that moved does so
 * too. So the walk asks far behind the end. A server that gives a known page there ignores `offset`, others do not.
 */
const checkOffset = (
  before: Walk,
  run: Run,
  { request: asked, rows }: Answer<Row>
): Interpretation<never> | undefined => {
  const { place } = before
  const { ignoresOffset, pageStarts } = before.run
  const [head] = rows
  const starts = pageStarts.filter(({ id }) => id === head?.id)
  if (ignoresOffset === "probing") {
    if (starts.length === 0) return noRows(place, { ...run, ignoresOffset: "no" }, run.step)
    // A server that ignores `limit` too has long given all it has.
    return run.ignoresLimit
      ? { _tag: "End", walk: { place, run }, reason: "wholeList" }
      : stall({ place, run }, "repeatedPages")
  }
  const isRepeat = asked.offset > 0 && starts.some(({ offset }) => offset !== asked.offset)
  return isRepeat && ignoresOffset === "unknown"
    ? noRows(place, { ...run, ignoresOffset: "probing" }, run.step)
    : undefined
}

/** Says what an answer means. */
export const interpret = <A extends Row>(before: Walk, answer: Answer<A>): Interpretation<A> => {
  const { place } = before
  const { request: asked, rows } = answer
  const { step } = before.run
  const start = rows.slice(0, 1).map(({ id }) => ({ id, offset: asked.offset }))
  const blind = isBlind(before.run)
  const run: Run = {
    ...before.run,
    openUntil: before.run.openUntil ?? answer.answeredAt + openFor,
    longest: Math.max(before.run.longest, rows.length),
    ignoresLimit: before.run.ignoresLimit || rows.length > asked.limit,
    // No offset is empty to a server that ignores them.
    ignoresOffset: rows.length === 0 ? "no" : before.run.ignoresOffset,
    pageStarts: [...before.run.pageStarts.filter(({ offset }) => offset !== asked.offset), ...start],
    idle: before.run.idle + 1,
    stats: { ...before.run.stats, requests: before.run.stats.requests + 1 }
  }
  if (rows.length === 0 && asked.offset === 0) return { _tag: "End", walk: { place, run }, reason: "emptyList" }
  const repeated = checkOffset(before, run, answer)
  if (repeated !== undefined) return repeated

  const known = find(place, rows)
  const planned = step._tag === "Read" ? Math.max(0, place.position - asked.offset) : known.count
  const counted = count(run, {
    duplicatesDropped: Math.max(0, known.count - planned),
    tiesReordered: known.inversions + known.displaced.length
  })
  const isNew = known.last < rows.length - 1 || known.displaced.length > 0
  if (known.count > 0) {
    if (isNew) {
      const wasLast = known.maxRank === place.recent.end - 1
      const isHeld = !wasLast && known.lastRank < place.openBelow && known.displaced.length === 0
      return isHeld ? hold(place, counted, answer) : give(place, counted, answer, known)
    }
    return run.idle >= maxIdle
      ? stall({ place, run: counted }, "noProgress")
      : nothingNew(place, counted, answer, known)
  }
  if (place.fromHead) return give(place, counted, answer, known)
  if (run.idle >= maxIdle) return stall({ place, run: counted }, "noProgress")
  switch (step._tag) {
    case "Peek":
      if (rows.length > 0) {
        const cut = { ...counted, cuts: run.cuts + 1, hasChanged: true }
        return isBlind(cut) ? give(place, cut, answer, known) : noRows(place, cut)
      }
      return step.isStable
        ? { _tag: "End", walk: { place, run }, reason: "emptyAnswer" }
        : noRows(place, counted, { _tag: "Confirm", last: step.last, ahead: step.ahead })
    case "Hold":
      return hold(place, counted, answer)
    default:
      if (!blind || step._tag === "Confirm") return lookElsewhere(place, counted, answer)
      // A single row leaves no room for an overlap. More than one do, so they are requested again with it.
      if (rows.length === 1) return give(place, counted, answer, known)
      if (rows.length > 1) return noRows(place, counted)
      return noRows(place, counted, {
        _tag: "Confirm",
        last: { ...nobody, id: lastOf(Window.ids(place.recent)) ?? "" },
        ahead: 0
      })
  }
}
