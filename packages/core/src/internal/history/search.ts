/**
 * The search for the place of a walk, after an answer that held no known row. Rows before the place were deleted, or rows
 * arrived before it, and nothing tells which. So the search looks outwards from the offset where the place was expected: one
 * step back, one step ahead, and so on. It chooses what to ask for next. It decides nothing about rows.
 */
import { maxLimit, type Request } from "./page.ts"

export interface Search {
  /** The place was expected here. */
  readonly center: number
  /** The lowest offset that was looked at, and the offset from which to look ahead. */
  readonly low: number
  readonly high: number
  /** The lowest offset at which there was no row. */
  readonly end: number | undefined
  readonly turn: "back" | "ahead"
  /** How far the next look goes. */
  readonly step: number
  /** The longest step where answers are cut. Known rows stand together, and must not be passed over. */
  readonly maxStep: number
  /** Whether rows were passed over. */
  readonly gaps: boolean
  /** How often the whole list was looked at. */
  readonly passes: number
  /** Of the rows that were given last of their sessions, the one that was given last of those seen. */
  readonly sighting: Sighting | undefined
}

export interface Sighting {
  readonly id: string
  /** The place of its session in the order of giving. */
  readonly rank: number
  /** The offset behind it. */
  readonly position: number
}

/** How many rows are asked for behind those that a look back is about: the place should be in one answer with what follows. */
const behind = 100

/** Begins around an offset, with a step of `step` rows. `known` is how many known rows there are to find. */
export const start = (center: number, step: number, known: number): Search => {
  const maxStep = Math.max(1, Math.floor(known / 2))
  return {
    center,
    low: center,
    high: center,
    end: undefined,
    turn: "back",
    step: Math.min(step, maxStep),
    maxStep,
    gaps: false,
    passes: 0,
    sighting: undefined
  }
}

export const request = ({ high, low, step, turn }: Search): Request => {
  if (turn === "ahead") return { offset: high, limit: maxLimit }
  const offset = Math.max(0, low - step)
  return { offset, limit: Math.min(maxLimit, low - offset + behind) }
}

const isPastEnd = ({ end, high }: Search) => end !== undefined && high >= end

/** Starts another pass: over what was left out, or over everything once more, since rows move while they are looked for. */
const nextPass = (search: Search, maxStep: number, passes: number): Search => ({
  ...start(search.center, Math.max(1, maxStep), 2 * maxStep),
  passes,
  sighting: search.sighting
})

/**
 * Takes in an answer of `length` rows, none of them known but for a row of `sessions`. Nothing is left to look at once
 * `passes` has grown to 2.
 */
export const next = (search: Search, { offset }: Request, length: number, seen: Sighting | undefined): Search => {
  const sighting = (seen?.rank ?? -1) >= (search.sighting?.rank ?? 0) ? seen : search.sighting
  let { gaps, high, low, step } = search
  let isCut = false
  const end = length === 0 ? Math.min(search.end ?? offset, offset) : search.end
  if (search.turn === "ahead") {
    const stride = Math.max(length, Math.min(step, search.maxStep))
    if (length > 0) high = offset + stride
    gaps ||= stride > length && length > 0
  } else {
    // Behind the end of the list a step may be as long as it likes: nothing is passed over.
    const wasPastEnd = search.end !== undefined && low >= search.end
    if (length > 0) {
      if (wasPastEnd || high < offset + length) high = offset + length
      isCut = length < low - offset
      gaps ||= !wasPastEnd && isCut
    }
    low = offset
    if (length === 0) step = Math.max(step, search.step) * 2
  }
  if (length > 0) step = Math.min(2 * step, isCut ? search.maxStep : maxLimit - behind)
  const looked: Search = { ...search, gaps, high, low, end, step, sighting }
  if (low > 0 && (search.turn === "ahead" || isPastEnd(looked))) return { ...looked, turn: "back" }
  if (!isPastEnd(looked)) return { ...looked, turn: "ahead" }
  if (low > 0) return { ...looked, turn: "back" }
  return gaps
    ? nextPass(looked, Math.floor(looked.maxStep / 8), looked.passes)
    : nextPass(looked, looked.maxStep, looked.passes + 1)
}
