/** Reads pages around messages that cannot be read, and says where they stand, so that the walk keeps its place. */
import * as Effect from "effect/Effect"
import type { BackendMessage, UnreadableRow } from "../../BackendMessage.ts"
import { type GetHistoryError, ServerError } from "../../MixError.ts"
import { Prefetching } from "../../Prefetching.ts"
import { printable } from "../../Printable.ts"
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

const isMessage = (item: Item): item is BackendMessage => !isUnreadable(item)

export const separate = (items: ReadonlyArray<Item>) => ({
  messages: items.every(isMessage) ? items : items.filter(isMessage),
  leftOut: items.filter(isUnreadable)
})

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

/**
 * Reads a page in parts, which shrink where the server fails, down to the single rows for which it fails. Gives the page as
 * far as it is sure: behind such rows only if the row before them still stands where it stood, and nothing where the list has
 * moved between two parts. The walk asks for the rest.
 */
const readInParts = (
  getReadable: GetReadable,
  { limit, offset }: Request,
  failure: ServerError
): Effect.Effect<ReadonlyArray<Item>, GetHistoryError> => {
  const part = (offset: number, limit: number, once = true) =>
    readPage(getReadable, { offset, limit }).pipe(
      Effect.map((items): ReadonlyArray<Item> | undefined => items),
      Effect.catchIf(isFailing, () => Effect.succeed(undefined)),
      // A single row is not given up for one failure that may pass: it is retried by the policy.
      Effect.provideService(Prefetching, once)
    )
  return Effect.gen(function* () {
    const read: Array<Item> = []
    let size = limit >> 1
    while (read.length < limit && size > 0) {
      const at = offset + read.length
      const before = read[read.length - 1]
      // Each part begins with the last row of the one before: else the list has moved.
      const overlap = before === undefined ? 0 : 1
      const items = yield* part(at - overlap, Math.min(size, limit - read.length) + overlap)
      if (items === undefined) {
        size >>= 1
        continue
      }
      if (overlap === 1 && items[0]?.id !== before?.id) return read
      if (items.length === overlap) return read
      for (const row of items.slice(overlap)) read.push(row)
    }
    const last = read[read.length - 1]
    const failing: Array<Item> = []
    let rest: ReadonlyArray<Item> | undefined
    while (rest === undefined && read.length + failing.length < limit) {
      const at = offset + read.length + failing.length
      let size = limit - read.length - failing.length
      while (rest === undefined && size > 0) {
        rest = yield* part(at, size, size > 1)
        size >>= 1
      }
      if (rest === undefined) {
        const before = failing[failing.length - 1] ?? last ?? `offset ${at}`
        failing.push(unreadable("the server fails for it", before))
      }
    }
    // The row for which the server failed is gone or elsewhere.
    if (failing.length === 0) return read.length > 0 ? read : (rest ?? [])
    if (last !== undefined) {
      const [found] = (yield* part(offset + read.length - 1, 1)) ?? []
      return found?.id === last.id ? [...read, ...failing, ...(rest ?? [])] : read
    }
    // A server that fails for everything is down.
    if (rest === undefined && (yield* part(offset + limit, 1)) === undefined) return yield* failure
    return [...failing, ...(rest ?? [])]
  })
}

export const skipUnreadable =
  (getReadable: GetReadable): GetPage =>
  (request) =>
    Effect.catchIf(readPage(getReadable, request), isFailing, (failure) => readInParts(getReadable, request, failure))

/** One line for each row that is left out: where it stands, and never what it says. */
export const warn = (row: { readonly id?: string | undefined; readonly unreadable: string }): Effect.Effect<void> =>
  Effect.logWarning("A message cannot be read, and is left out").pipe(
    Effect.annotateLogs({ "mix.message.id": printable((row.id ?? "unknown").slice(0, 128)), reason: row.unreadable })
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
