/** H: the history as a stream, while the list changes or the server pages badly. */
import { type BackendMessage, HistoryCursor } from "@mix-effect/core"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  type Absent,
  type Call,
  type Expected,
  failureOf,
  fieldOf,
  type Observed,
  type Row,
  row,
  streamHistory,
  type Where
} from "./faultRow.ts"

interface Quirks {
  /** The longest page, or that of the request of this number. */
  readonly clamp?: number | ((index: number) => number)
  /** Rows that every page has beyond its limit. */
  readonly extra?: number
  readonly ignoresOffset?: boolean
  readonly ignoresLimit?: boolean
  /** Changes the list before the request of this number, from 0, is answered. */
  readonly before?: ((index: number, list: Array<string>) => void) | undefined
  /** Answers the request of this number otherwise. */
  readonly instead?: (index: number) => FaultServer.Reply | undefined
}

const names = (count: number, prefix = "m") => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

const toRow = (id: string) => ({ id, sessionId: "s1", role: "user", userInput: id })

/** A history of that many rows, newest first, cut by `limit` and `offset`. */
const history = (count: number, quirks: Quirks = {}): Where => ({
  script: () => {
    const list = names(count)
    let index = -1
    return ({ target }) => {
      index += 1
      quirks.before?.(index, list)
      const { searchParams } = new URL(target, "http://h")
      const { clamp = Number.POSITIVE_INFINITY } = quirks
      const longest = typeof clamp === "number" ? clamp : clamp(index)
      const limit = Math.min(Number(searchParams.get("limit") ?? 50), longest)
      const from = quirks.ignoresOffset === true ? 0 : Number(searchParams.get("offset") ?? 0)
      const to = quirks.ignoresLimit === true ? list.length : from + limit + (quirks.extra ?? 0)
      return quirks.instead?.(index) ?? FaultServer.json(list.slice(from, to).map(toRow))
    }
  }
})

const at =
  (request: number, change: (list: Array<string>) => void): Quirks["before"] =>
  (index, list) => {
    if (index === request) change(list)
  }

const pages = (...replies: ReadonlyArray<ReadonlyArray<string>>): Where => ({
  script: () => {
    let index = -1
    return () => {
      index += 1
      return FaultServer.json((replies[index % replies.length] as ReadonlyArray<string>).map(toRow))
    }
  }
})

const all = (count: number, requests?: number): Expected => ({
  value: names(count),
  ...(requests !== undefined && { requests })
})

const idsOf = (observed: Observed) =>
  Exit.isSuccess(observed.exit) ? (observed.exit.value as ReadonlyArray<string>) : []

/** Those that were there from the beginning to the end, once each and in order; others at most once. */
const survivors = (ids: ReadonlyArray<string>): Expected => ({
  also: [
    "each message that stays, once and in order",
    (observed) => {
      const found = idsOf(observed)
      const stayed = new Set(ids)
      return found.filter((id) => stayed.has(id)).join() === ids.join() && new Set(found).size === found.length
    }
  ]
})

const cursored = (expected: Expected): Expected => ({
  ...expected,
  also: ["the error has the cursor to resume from", (observed) => fieldOf(failureOf(observed), "cursor") !== undefined]
})

const by5 = { call: streamHistory({ pageSize: 5 }) }

const ofWhat = (name: string, run: Call["run"]): { readonly call: Call } => ({ call: { name, run } })

const walks: ReadonlyArray<Row> = [
  row(112, "an empty history", history(0), all(0, 1), by5),
  row(112, "an empty history that is null", FaultServer.json(null), all(0, 1), by5),
  row(
    113,
    "a multiple of the page size",
    history(10),
    {
      ...all(10),
      also: ["at most 4 requests", ({ requests }) => requests <= 4]
    },
    by5
  ),
  row(114, "pages longer than asked for", history(23, { extra: 3 }), all(23), by5),
  ...[1, 10, 100].map((clamp) =>
    row(115, `a server that gives ${clamp} at most`, history(130, { clamp }), all(130), {
      call: streamHistory({ pageSize: 1000 })
    })
  ),
  row(
    116,
    "a server that ignores offset",
    history(40, { ignoresOffset: true }),
    {
      ...cursored({ tag: "HistoryStalled", fields: { reason: "repeatedPages" } }),
      says: /same page/
    },
    by5
  ),
  row(
    117,
    "a server that ignores limit and offset",
    history(40, { ignoresLimit: true, ignoresOffset: true }),
    all(40),
    by5
  ),
  row(117, "a server that ignores limit", history(40, { ignoresLimit: true }), all(40), by5),
  row(118, "two pages in turn", pages(names(5, "a"), names(5, "b")), cursored({ tag: "HistoryStalled" }), by5),
  ...[1, 3, 12].map((count) =>
    row(
      119,
      `${count} new between two pages of 5`,
      history(30, {
        before: at(1, (list) => list.unshift(...names(count, "new")))
      }),
      survivors(names(30)),
      by5
    )
  ),
  ...[1, 3, 9].map((count) =>
    row(
      120,
      `${count} deleted before the place, between pages of 5`,
      history(30, {
        before: at(2, (list) => list.splice(0, count))
      }),
      survivors(names(30).slice(count)),
      by5
    )
  ),
  row(
    121,
    "the last one read is deleted",
    history(30, { before: at(1, (list) => list.splice(4, 1)) }),
    {
      ...survivors(names(30).filter((id) => id !== "m4"))
    },
    by5
  ),
  row(
    121,
    "all are deleted",
    history(30, { before: at(2, (list) => list.splice(0, 30)) }),
    {
      also: ["it ends", ({ exit }) => Exit.isSuccess(exit)]
    },
    by5
  ),
  row(
    122,
    "as many new as deleted",
    history(30, {
      before: at(2, (list) => {
        list.splice(2, 3)
        list.unshift(...names(3, "new"))
      })
    }),
    survivors(names(30).filter((id) => !["m2", "m3", "m4"].includes(id))),
    by5
  ),
  row(
    123,
    "two of a second change places, under strict",
    history(30, {
      before: at(1, (list) => list.splice(3, 2, "m4", "m3"))
    }),
    cursored({ tag: "HistoryDrift" }),
    { call: streamHistory({ pageSize: 5, strict: true }) }
  ),
  row(124, "an id twice in a page", history(20, { before: at(0, (list) => list.splice(3, 0, "m1")) }), all(20), by5),
  row(
    125,
    "a message that changes between two pages",
    {
      script: () => {
        let index = -1
        return ({ target }) => {
          index += 1
          const { searchParams } = new URL(target, "http://h")
          const from = Number(searchParams.get("offset") ?? 0)
          const rows = names(8).map((id) => ({ ...toRow(id), userInput: `version ${index}` }))
          return FaultServer.json(rows.slice(from, from + Number(searchParams.get("limit"))))
        }
      }
    },
    {
      value: [...names(5).map(() => "version 0"), ...names(3).map(() => "version 1")]
    },
    ofWhat("streamHistory({ pageSize: 5 })", (messages) =>
      messages.streamHistory({ pageSize: 5 }).pipe(
        Stream.map(({ userInput }) => userInput),
        Stream.runCollect,
        Effect.map((texts) => [...texts])
      )
    )
  ),
  row(
    126,
    "the third page fails for good with 503",
    history(30, {
      instead: (index) => (index >= 2 ? FaultServer.json({}, { status: 503 }) : undefined)
    }),
    cursored({ tag: "ServerError", fields: { attempts: 4, operation: "getHistory" }, requests: 2 + 4 }),
    by5
  ),
  row(
    126,
    "the third page is 404",
    history(30, {
      instead: (index) => (index >= 2 ? FaultServer.json({}, { status: 404 }) : undefined)
    }),
    cursored({ tag: "NotFound", fields: { attempts: 1 }, requests: 3 }),
    by5
  ),
  row(
    126,
    "each page fails once",
    history(30, {
      instead: (index) => (index % 2 === 0 ? FaultServer.json({}, { status: 503 }) : undefined)
    }),
    all(30),
    by5
  ),
  row(
    128,
    "a consumer that stops",
    history(200),
    { value: names(3), requests: 1 },
    ofWhat("streamHistory({ pageSize: 50 }), 3 of it", (messages) =>
      messages.streamHistory({ pageSize: 50 }).pipe(
        Stream.take(3),
        Stream.map(({ id }) => id as string),
        Stream.runCollect,
        Effect.map((ids) => [...ids])
      )
    )
  ),
  row(
    128,
    "a consumer that fails",
    history(200),
    { tag: "InvalidRequest", requests: 1 },
    ofWhat("streamHistory({ pageSize: 50 }), failing at the first", (messages) =>
      messages.streamHistory({ pageSize: 50 }).pipe(Stream.runForEach(() => messages.getHistory({ limit: 0 })))
    )
  ),
  row(
    130,
    "one stream read twice",
    history(7),
    { value: [...names(7), ...names(7)] },
    ofWhat("streamHistory() twice", (messages) => {
      const ids = messages.streamHistory({ pageSize: 5 }).pipe(
        Stream.map(({ id }) => id as string),
        Stream.runCollect
      )
      return Effect.zipWith(ids, ids, (first, second) => [...first, ...second])
    })
  ),
  row(
    132,
    "more pages than maxPages",
    history(40),
    {
      ...cursored({ tag: "HistoryStalled", fields: { reason: "maxPages" }, requests: 3 }),
      says: /maxPages/
    },
    { call: streamHistory({ pageSize: 5, maxPages: 2 }) }
  ),
  row(
    133,
    "an offset beyond 2^53",
    pages(names(5, "a"), names(5, "b"), names(5, "c"), names(5, "d")),
    {
      tag: "HistoryStalled"
    },
    {
      call: streamHistory({
        pageSize: 5,
        from: Schema.decodeUnknownSync(HistoryCursor)({
          version: 2,
          position: Number.MAX_SAFE_INTEGER - 2,
          recent: ["z"],
          open: 0,
          sessions: [["s", ["z"]]],
          forgot: true,
          fromHead: false,
          present: { open: [], settled: [], whole: false }
        })
      })
    }
  )
]

const idsOfStream = <E>(stream: Stream.Stream<BackendMessage, E>) =>
  Effect.map(Stream.runCollect(stream), (messages) => [...messages].map(({ id }): string => id))

const CursorText = Schema.parseJson(HistoryCursor)
const encodeCursor = (cursor: HistoryCursor) => Effect.orDie(Schema.encode(CursorText)(cursor))
const decodeCursor = (json: string) => Effect.orDie(Schema.decode(CursorText)(json))

/** Messages of the newest second come to stand behind those that it has: here behind the first row. */
const arrive = (count: number) => (list: Array<string>) => {
  list.splice(1, 0, ...names(count, "new"))
}

const atHead = (count: number) => (list: Array<string>) => {
  list.unshift(...names(count, "new"))
}

/** Faults of part J that concern walks. */
const found: ReadonlyArray<Row> = [
  row(
    152,
    "a cap that moves",
    history(300, { clamp: (index) => [1000, 7, 2, 50, 3, 20][index % 6] as number }),
    all(300),
    {
      call: streamHistory({ pageSize: 100 })
    }
  ),
  row(153, "3,000 arrive between two pages", history(40, { before: at(2, atHead(3000)) }), survivors(names(40)), by5),
  row(
    153,
    "3,000 arrive in the newest second",
    history(40, { before: at(2, arrive(3000)) }),
    survivors(names(40)),
    by5
  ),
  row(
    153,
    "3,000 arrive between stop and resume",
    history(40, { before: at(2, atHead(3000)) }),
    survivors(names(40)),
    ofWhat("two pages, and the rest from the cursor's JSON", (messages) =>
      Effect.gen(function* () {
        const pages = [
          ...(yield* Stream.runCollect(messages.streamHistoryPages({ pageSize: 5, maxPages: 9 }).pipe(Stream.take(2))))
        ]
        const json = yield* encodeCursor((pages[1] as (typeof pages)[number]).cursor)
        const from = yield* decodeCursor(json)
        const read = pages.flatMap((page) => page.messages.map(({ id }): string => id))
        return [...read, ...(yield* idsOfStream(messages.streamHistory({ from, pageSize: 5 })))]
      })
    )
  ),
  row(
    154,
    "3,000 of one second behind a known one",
    history(5, { before: at(5, arrive(3000)) }),
    {
      also: [
        "each once",
        (observed) => new Set(idsOf(observed)).size === 3000 && idsOf(observed).every((id) => id.startsWith("new"))
      ]
    },
    ofWhat("followHistory, the first 3,000", (messages) =>
      idsOfStream(messages.followHistory({ schedule: Schedule.spaced("20 millis") }).pipe(Stream.take(3000)))
    )
  ),
  row(
    155,
    "a walk that fails on its first page",
    history(5, { instead: () => FaultServer.json({}, { status: 404 }) }),
    {
      tag: "NotFound",
      also: ["no cursor", (observed) => fieldOf(failureOf(observed), "cursor") === undefined]
    },
    by5
  ),
  row(
    155,
    "mark, export, follow, in one second",
    history(12, { before: at(6, (list) => list.push("new0", "new1")) }),
    {
      also: [
        "nothing is missed",
        (observed) => [...names(12), "new0", "new1"].every((id) => idsOf(observed).includes(id))
      ]
    },
    ofWhat("currentCursor, streamHistory, followHistory", (messages) =>
      Effect.gen(function* () {
        const from = yield* messages.currentCursor()
        const exported = yield* idsOfStream(messages.streamHistory({ pageSize: 5 }))
        const more = messages.followHistory({ from, schedule: Schedule.spaced("20 millis") }).pipe(Stream.take(2))
        return [...exported, ...(yield* idsOfStream(more))]
      })
    )
  ),
  row(
    156,
    "an arrival in the newest second, under strict",
    history(20, { before: at(1, arrive(2)) }),
    survivors(names(20)),
    {
      call: streamHistory({ pageSize: 5, strict: true })
    }
  ),
  row(
    157,
    "sessions deleted before pages of 1,000",
    history(8000, { before: (index, list) => void (index > 0 && list.splice(0, 100)) }),
    { also: ["at most 20 requests", ({ requests }) => requests <= 20] },
    { call: streamHistory({ pageSize: 1000 }) }
  ),
  row(
    161,
    "a server that is down, with prefetch",
    { script: () => () => FaultServer.json({}, { status: 503 }) },
    { tag: "ServerError", fields: { attempts: 4 }, requests: 4 },
    { call: streamHistory({ pageSize: 5, prefetch: 4 }) }
  ),
  row(170, "130,000 rows in one page", history(130_000, { ignoresLimit: true }), all(130_000), by5)
]

export const historyRows: ReadonlyArray<Row> = [...walks, ...found]

export const historyAbsent: ReadonlyArray<Absent> = [
  {
    cases: [127],
    name: "a consumer that takes an hour for each message",
    reason: "costs no time limit anything; tested in @mix-effect/http"
  },
  {
    cases: [129],
    name: "next() of Stream.toAsyncIterable in parallel",
    reason: "that function is Effect's, which keeps only the last of several calls: call next() one at a time"
  },
  {
    cases: [131],
    name: "a million rows",
    reason: "ids of a bounded window are kept; tested in @mix-effect/core"
  }
]
