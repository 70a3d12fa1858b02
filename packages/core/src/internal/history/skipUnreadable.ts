/** Reads pages around messages that cannot be read, and says where they stand, so that the walk keeps its place. */
import * as Effect from "effect/Effect"
import type { BackendMessage, UnreadableRow } from "../../BackendMessage.ts"
import { type GetHistoryError, ServerError } from "../../MixError.ts"
import { Prefetching } from "../../Prefetching.ts"
import type { GetPage } from "./fetch.ts"
import type { Item, Request, Unreadable } from "./page.ts"

/** Reads a page without the rows that it cannot read, and tells of those. */
export type GetReadable = (
  request: Request & { readonly onUnreadable: (row: UnreadableRow) => void }
) => Effect.Effect<ReadonlyArray<BackendMessage>, GetHistoryError>

const describe = ({ mismatch: { actual, expected, path } }: UnreadableRow) =>
  `${path === "" ? "the row" : path}: expected ${expected}, got ${actual}`

/** A row that stands for a message. Without an id of its own it has one of the row before it, so that it is known again. */
const unreadable = (why: string, before: Item | string, row: Partial<UnreadableRow> = {}): Unreadable => ({
  id: row.id ?? `behind ${typeof before === "string" ? before : before.id}`,
  sessionId: row.sessionId ?? "",
  unreadable: why
})

const isUnreadable = (item: Item): item is Unreadable => "unreadable" in item

export const isMessage = (item: Item): item is BackendMessage => !isUnreadable(item)

/** A page with a row for each message that could not be read. */
const readPage = (getReadable: GetReadable, request: Request): Effect.Effect<ReadonlyArray<Item>, GetHistoryError> =>
  Effect.suspend(() => {
    const left: Array<UnreadableRow> = []
    return Effect.map(getReadable({ ...request, onUnreadable: (row) => left.push(row) }), (messages) => {
      if (left.length === 0) return messages
      const items: Array<Item> = []
      const readable = messages.values()
      for (let index = 0; index < messages.length + left.length; index++) {
        const row = left.find((row) => row.index === index)
        const message = row === undefined ? readable.next().value : undefined
        const item =
          message ??
          unreadable(describe(row as UnreadableRow), items[items.length - 1] ?? `offset ${request.offset}`, row)
        items.push(item)
      }
      return items
    })
  })

/** The server fails for every page that holds a row which it cannot read. */
const isFailing = (error: GetHistoryError): error is ServerError => error instanceof ServerError && error.status === 500

/** How often a page is read in parts while the list moves. */
const tries = 5

/**
 * Reads a page in parts, which shrink where the server fails and grow where it does not, until single rows are left for which
 * it fails. Each part begins with the last row of the one before: else the list has moved, and all is read again.
 */
const readInParts = (
  getReadable: GetReadable,
  { limit, offset }: Request,
  failure: ServerError
): Effect.Effect<ReadonlyArray<Item>, GetHistoryError> => {
  const part = (request: Request, once = true) =>
    readPage(getReadable, request).pipe(
      Effect.map((items): ReadonlyArray<Item> | "failing" => items),
      Effect.catchIf(isFailing, () => Effect.succeed("failing" as const)),
      // A single row is not given up for one failure that may pass: it is retried by the policy.
      Effect.provideService(Prefetching, once)
    )
  /** Gives nothing where the list has moved. */
  const attempt = Effect.gen(function* () {
    const read: Array<Item> = []
    const failing: Array<number> = []
    let size = Math.max(1, limit >> 1)
    let answered = false
    while (read.length < limit) {
      const at = offset + read.length
      const before = read[read.length - 1]
      const overlap = before === undefined || isUnreadable(before) ? 0 : 1
      const wanted = Math.min(size, limit - read.length)
      const items = yield* part({ offset: at - overlap, limit: wanted + overlap })
      if (items === "failing") {
        size = wanted >> 1
        if (wanted > 1) continue
        if ((yield* part({ offset: at, limit: 1 }, false)) !== "failing") return undefined
        failing.push(read.length)
        read.push(unreadable("the server fails for it", before ?? `offset ${at}`))
        size = 2
        continue
      }
      answered = true
      if (overlap === 1 && items[0]?.id !== before?.id) return undefined
      if (items.length === overlap) break
      for (const row of items.slice(overlap)) read.push(row)
      size *= 2
    }
    // The rows before those for which the server fails must still stand where they stood.
    for (const index of failing) {
      let last = index - 1
      while (last >= 0 && isUnreadable(read[last] as Item)) last--
      if (last < 0) continue
      const items = yield* part({ offset: offset + last, limit: 1 })
      if (items === "failing" || items[0]?.id !== read[last]?.id) return undefined
    }
    // A server that fails for everything is down.
    if (!answered && (yield* part({ offset: offset + limit, limit: 1 })) === "failing") return yield* failure
    return read
  })
  const loop = (left: number): Effect.Effect<ReadonlyArray<Item>, GetHistoryError> =>
    Effect.flatMap(attempt, (items) => {
      if (items !== undefined) return Effect.succeed(items)
      return left > 1 ? loop(left - 1) : Effect.fail(failure)
    })
  return loop(tries)
}

export const skipUnreadable =
  (getReadable: GetReadable): GetPage =>
  (request) =>
    Effect.catchIf(readPage(getReadable, request), isFailing, (failure) => readInParts(getReadable, request, failure))

/** One line for each row that is left out: where it stands, and never what it says. */
export const warn = (row: { readonly id?: string | undefined; readonly unreadable: string }): Effect.Effect<void> =>
  Effect.logWarning("A message cannot be read, and is left out").pipe(
    Effect.annotateLogs({ "mix.message.id": row.id ?? "unknown", reason: row.unreadable })
  )

/** Runs with a place to tell of rows that cannot be read, and warns of each. */
export const warnOfUnreadable = <A, E>(
  run: (onUnreadable: (row: UnreadableRow) => void) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const rows: Array<UnreadableRow> = []
    return Effect.tap(
      run((row) => rows.push(row)),
      () => Effect.forEach(rows, (row) => warn({ id: row.id, unreadable: describe(row) }), { discard: true })
    )
  })
