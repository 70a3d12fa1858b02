import * as Effect from "effect/Effect"
import type { Ledger } from "./ledger.ts"
import type { ReceivedRequest, Reply } from "./model.ts"
import type { Peer } from "./peer.ts"
import { type Ending, perform } from "./perform.ts"
import type { Plan } from "./plan.ts"
import { type Ended, Malformed, type Reader } from "./reader.ts"
import { text } from "./replies.ts"
import * as Request from "./request.ts"

/** One connection and what it shares with the others. */
export interface Line {
  readonly index: number
  readonly peer: Peer
  readonly reader: Reader
  readonly ledger: Ledger
  readonly plan: Plan
}

/** What to do with a connection after an exchange. */
export type Next = "read" | "resetOnReuse" | "over"

/** A request while it is read: what there is of it when reading fails. */
interface Draft {
  head: Request.Head
  body: Request.Body
  readonly pieces: Array<Uint8Array>
}

const makeDraft = (): Draft => ({
  head: { line: "", method: "", target: "", version: "1.1", rawHeaders: [], headers: new Map() },
  body: { next: () => Effect.succeed(undefined) },
  pieces: []
})

const finish = ({ head, pieces }: Draft, state: ReceivedRequest["state"], connection: number): ReceivedRequest => {
  const { version: _, ...rest } = head
  return { ...rest, state, body: Buffer.concat(pieces), connection }
}

const readAll = Effect.fnUntraced(function* (body: Request.Body, onPiece: (piece: Uint8Array) => void) {
  let piece = yield* body.next(Number.POSITIVE_INFINITY)
  while (piece !== undefined) {
    onPiece(piece)
    piece = yield* body.next(Number.POSITIVE_INFINITY)
  }
})

/** Reads a request as far as its reply wants it read, and gives that reply. */
const receive = Effect.fnUntraced(function* (line: Line, draft: Draft) {
  const head = Request.parseHead(yield* line.reader.until("\r\n\r\n"))
  if (head instanceof Malformed) return yield* head
  draft.head = head
  const body = Request.bodyOf(line.reader, head)
  if (body instanceof Malformed) return yield* body
  draft.body = body

  const planned = line.plan.next()
  if (head.headers.get("expect")?.toLowerCase() === "100-continue") {
    yield* Effect.raceFirst(line.peer.write(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n")), line.peer.gone)
  }
  if (planned._tag === "Fixed" && planned.reply.when !== "request") {
    const first = yield* body.next(1)
    if (first !== undefined) draft.pieces.push(first)
    yield* line.ledger.received(finish(draft, first === undefined ? "complete" : "partial", line.index))
    return planned.reply
  }
  yield* readAll(body, (piece) => draft.pieces.push(piece))
  const request = finish(draft, "complete", line.index)
  yield* line.ledger.received(request)
  return planned._tag === "Fixed" ? planned.reply : yield* planned.ask(request)
})

/** What is done instead when a request cannot be read. */
const unreadable = Effect.fnUntraced(function* (line: Line, draft: Draft, error: Ended | Malformed) {
  if (error._tag === "Malformed") {
    yield* line.ledger.received(finish(draft, "malformed", line.index))
    yield* perform(line.peer, text(error.reason, { status: 400, headers: [["Connection", "close"]] }))
    return yield* hangUp(line)
  }
  if (draft.head.line !== "") yield* line.ledger.received(finish(draft, "partial", line.index))
  yield* line.ledger.clientLeft
  return "over" as const
})

/** Sends FIN and waits for the client's. */
const hangUp = (line: Line): Effect.Effect<Next> =>
  Effect.raceFirst(line.peer.end, line.peer.gone).pipe(Effect.zipRight(line.peer.gone), Effect.as("over"))

/** What the end of a reply means for its connection. */
export const conclude = (line: Line, ending: Ending): Effect.Effect<Next> => {
  switch (ending) {
    case "left":
      return Effect.as(line.ledger.clientLeft, "over")
    case "closed":
      // What the server ended stays open until the client has seen it: to close it sooner would turn FIN into RST.
      return Effect.as(line.peer.gone, "over")
    case "doomed":
      return Effect.succeed("resetOnReuse")
    case "keepAlive":
    case "done":
      return Effect.succeed("read")
  }
}

/** Reads one request and answers it. */
export const exchange = Effect.fnUntraced(function* (line: Line): Effect.fn.Return<Next> {
  const draft = makeDraft()
  const reply: Reply | Ended | Malformed = yield* Effect.catchAll(receive(line, draft), Effect.succeed)
  if ("_tag" in reply) return yield* unreadable(line, draft, reply)

  const ending = yield* perform(line.peer, reply)
  const next = yield* conclude(line, ending)
  if (next !== "read") return next
  if (ending === "done" && Request.wantsClose(draft.head)) return yield* hangUp(line)
  // Only an early reply leaves something of the body unread.
  const rest = yield* Effect.either(readAll(draft.body, () => {}))
  return rest._tag === "Left" ? yield* unreadable(line, makeDraft(), rest.left) : "read"
})
