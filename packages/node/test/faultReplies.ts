/** D-F: statuses, Retry-After and bodies. */
import * as zlib from "node:zlib"
import { FaultServer } from "@mix-effect/testing"
import {
  type Absent,
  type Expected,
  empty,
  eventStreamHead,
  fails,
  message,
  ok,
  type Row,
  row,
  sending,
  taken
} from "./faultRow.ts"

const error = (code: number, message = "no", type = "t"): FaultServer.Reply =>
  FaultServer.json({ error: { code, message, type } }, { status: code })

const html = [["Content-Type", "text/html"]] as const

/** What the server says of a session that takes no message. */
const busy = "session is currently processing another request"
const missing = "failed to get session: sql: no rows in result set"

const statuses: ReadonlyArray<Row> = [
  row(37, "200 of a send", taken, ok(1, message), sending),
  row(
    37,
    "202 of a send",
    FaultServer.json({ sessionId: "s1", status: "processing" }, { status: 202 }),
    {
      ...fails("ReplyPending", 1, { status: 202, outcome: "accepted", isRetryable: false })
    },
    sending
  ),
  row(38, "204", FaultServer.status(204), fails("ResponseDecodeError", 1, { reason: "empty", status: 204 })),
  row(38, "205", FaultServer.status(205), fails("ResponseDecodeError", 1, { reason: "empty", status: 205 })),
  row(39, "206", FaultServer.json([], { status: 206 }), fails("UnexpectedStatus", 1, { status: 206 })),
  row(40, "early hints, then 200", FaultServer.earlyHints(empty), ok(1)),
  ...([301, 302, 303, 307, 308] as const).flatMap((code) => [
    row(41, `${code} to itself`, FaultServer.redirect(code, "/api/messages/history"), {
      ...fails("UnexpectedStatus", 1, { status: code }),
      says: /redirect, which is never followed/
    }),
    row(
      41,
      `${code} of a send to another origin`,
      FaultServer.redirect(code, "http://127.0.0.1:1/"),
      fails("UnexpectedStatus", 1, { status: code, outcome: code === 302 || code === 303 ? "unknown" : "refused" }),
      sending
    )
  ]),
  row(41, "302 without Location", FaultServer.redirect(302), fails("UnexpectedStatus", 1, { status: 302 })),
  row(42, "304 that nobody asked for", FaultServer.status(304), fails("UnexpectedStatus", 1, { status: 304 })),
  row(43, "400 in the server's form", error(400, "Validation error for field 'text': x", "validation_error"), {
    ...fails("BadRequest", 1, {
      error: { code: 400, message: "Validation error for field 'text': x", type: "validation_error" }
    }),
    says: /Validation error/
  }),
  row(44, "401", error(401), fails("Unauthorized", 1)),
  row(44, "403", error(403), fails("UnexpectedStatus", 1, { status: 403 })),
  row(45, "404", error(404), fails("NotFound", 1, { bodyKind: undefined })),
  row(45, "404 of a proxy, in HTML", FaultServer.status(404, html, "<html>nope"), {
    ...fails("NotFound", 1, { bodyKind: "html" }),
    says: /is the server url that of a Mix backend\?/
  }),
  row(45, "404 of the mux, in plain text", FaultServer.text("404 page not found\n", { status: 404 }), {
    ...fails("NotFound", 1, { bodyKind: "text" }),
    says: /is the server url/
  }),
  row(46, "408, then 200", [FaultServer.status(408), empty], ok(2)),
  row(46, "429, then 200", [FaultServer.status(429), empty], ok(2)),
  row(
    46,
    "408 of a send",
    [FaultServer.status(408), taken],
    fails("UnexpectedStatus", 1, { outcome: "unknown" }),
    sending
  ),
  row(46, "429 of a send, then 200", [FaultServer.status(429), taken], ok(2, message), sending),
  row(
    46,
    "503 with Retry-After of a send, then 200",
    [FaultServer.status(503, [["Retry-After", "0"]]), taken],
    fails("ServerError", 1, { outcome: "unknown", isRetryable: false, retryAfter: 0 }),
    sending
  ),
  ...[425, 520, 521, 522, 523, 524, 529, 530].flatMap((code) => [
    row(167, `${code}, then 200`, [FaultServer.status(code), empty], ok(2)),
    row(
      167,
      `${code} of a send`,
      [FaultServer.status(code), taken],
      fails(code === 425 ? "UnexpectedStatus" : "ServerError", 1, {
        outcome: code === 425 ? "refused" : "unknown",
        isRetryable: false
      }),
      sending
    )
  ]),
  row(
    167,
    "522 of a gateway, a page of HTML",
    [FaultServer.status(522, html, "<html>Connection timed out"), empty],
    ok(2)
  ),
  row(167, "525: its TLS is set up wrongly", FaultServer.status(525), fails("ServerError", 1, { isRetryable: false })),
  ...[
    ["a busy session", `Internal error during sending message to agent: ${busy}`],
    ["an unknown session", `Internal error during agent processing: ${missing}`],
    ["an unknown session, of a later server", `Internal error during sending message to agent: ${missing}`]
  ].map(([name, words]) =>
    row(
      168,
      `500 of a send to ${name}`,
      [error(500, words, "internal_error"), taken],
      fails("ServerError", 1, { outcome: "refused", isRetryable: false }),
      sending
    )
  ),
  row(
    168,
    "404 of a send to an unknown session",
    [error(404, "Session with ID 's1' not found", "not_found"), taken],
    fails("NotFound", 1, { outcome: "refused", isRetryable: false }),
    sending
  ),
  row(
    168,
    "500 of a send that quotes a busy session",
    [error(500, `upstream: "${busy}", gave up`), taken],
    fails("ServerError", 1, { outcome: "unknown", isRetryable: false }),
    sending
  ),
  row(
    168,
    "502 of a gateway in the words of a busy session",
    [error(502, `Internal error during sending message to agent: ${busy}`), taken],
    fails("ServerError", 1, { outcome: "unknown", isRetryable: false }),
    sending
  ),
  ...[409, 422, 413, 451, 405].map((code) =>
    row(47, `${code}`, FaultServer.status(code), fails("UnexpectedStatus", 1, { status: code }))
  ),
  row(48, "418", FaultServer.status(418), fails("UnexpectedStatus", 1, { status: 418, isRetryable: false })),
  row(48, "499", FaultServer.status(499), fails("UnexpectedStatus", 1, { status: 499, isRetryable: false })),
  row(48, "599", FaultServer.status(599), fails("ServerError", 1, { status: 599, isRetryable: false })),
  ...[500, 502, 503, 504].flatMap((code) => [
    row(49, `${code}, then 200`, [FaultServer.status(code), empty], ok(2)),
    row(49, `${code} for good`, FaultServer.status(code), fails("ServerError", 4, { status: code, isRetryable: true })),
    row(
      49,
      `${code} of a send`,
      [FaultServer.status(code), taken],
      {
        ...fails("ServerError", 1, { status: code, outcome: "unknown", isRetryable: false })
      },
      sending
    )
  ]),
  row(50, "501", FaultServer.status(501), fails("ServerError", 1, { status: 501 })),
  row(50, "505", FaultServer.status(505), fails("ServerError", 1, { status: 505 })),
  ...['{"error":"str"}', '{"error":null}', '{"message":"m"}', "[]", "null", '"x"', "5", "oops", ""].map((body) =>
    row(
      51,
      `401 with the body ${JSON.stringify(body)}`,
      FaultServer.text(body, { status: 401, headers: [["Content-Type", "application/json"]] }),
      {
        ...fails("Unauthorized", 1)
      }
    )
  ),
  row(
    52,
    "404 whose body says 500",
    FaultServer.json({ error: { code: 500, message: "m", type: "t" } }, { status: 404 }),
    fails("NotFound", 1, { status: 404, error: { code: 500, message: "m", type: "t" } })
  ),
  row(54, "200 with an error for a body", FaultServer.json({ error: { code: 500, message: "away", type: "t" } }), {
    ...fails("ResponseDecodeError", 1, { reason: "schema", error: { code: 500, message: "away", type: "t" } }),
    says: /away/
  })
]

/** Not shorter than the deadline of two seconds: what the server said is told, and nobody has to wait for it. */
const told = (
  number: number,
  name: string,
  headers: ReadonlyArray<readonly [string, string]>,
  retryAfter: number
): Row =>
  row(number, name, FaultServer.status(503, headers), fails("ServerError", 1, { retryAfter }), {
    options: { deadline: "2 seconds" }
  })

const retryAfter = (value: string) => [["Retry-After", value]] as const

const date = "Wed, 21 Oct 2026 07:28:00 GMT"

/** Not understood: the usual delays. */
const unread = (number: number, name: string, headers: ReadonlyArray<readonly [string, string]>): Row =>
  row(number, name, FaultServer.status(503, headers), fails("ServerError", 4, { retryAfter: undefined }))

const waits: ReadonlyArray<Row> = [
  told(55, "Retry-After: 2", retryAfter("2"), 2000),
  row(
    55,
    "429 with Retry-After: 2",
    FaultServer.status(429, retryAfter("2")),
    fails("RateLimited", 1, { retryAfter: 2000 }),
    {
      options: { deadline: "2 seconds" }
    }
  ),
  row(56, "Retry-After: 0, then 200", [FaultServer.status(503, retryAfter("0")), empty], ok(2)),
  unread(57, "no Retry-After", []),
  ...["-5", "abc", "", "1e1", "5abc", "1.5", "0x10"].map((value) =>
    unread(58, `Retry-After: ${value}`, retryAfter(value))
  ),
  told(59, "Retry-After as a date in 3 s", [["Date", date], ...retryAfter("Wed, 21 Oct 2026 07:28:03 GMT")], 3000),
  told(
    60,
    "Retry-After as a date of RFC 850",
    [["Date", date], ...retryAfter("Wednesday, 21-Oct-26 07:28:03 GMT")],
    3000
  ),
  told(60, "Retry-After as a date of asctime", [["Date", date], ...retryAfter("Wed Oct 21 07:28:03 2026")], 3000),
  unread(61, "Retry-After in the past", [["Date", date], ...retryAfter("Wed, 21 Oct 2026 07:00:00 GMT")]),
  row(
    62,
    "Retry-After of an hour",
    FaultServer.status(503, retryAfter("3600")),
    fails("ServerError", 1, { retryAfter: 3_600_000 })
  ),
  row(63, "Retry-After: 9999999999", FaultServer.status(503, retryAfter("9999999999")), {
    ...fails("ServerError", 1, { retryAfter: 9_999_999_999_000 })
  }),
  told(
    63,
    "Retry-After in the year 9999",
    [["Date", date], ...retryAfter("Fri, 31 Dec 9999 23:59:59 GMT")],
    Date.UTC(9999, 11, 31, 23, 59, 59) - Date.UTC(2026, 9, 21, 7, 28, 0)
  ),
  told(64, "Retry-After twice: 1 and 5", [...retryAfter("1"), ...retryAfter("5")], 5000),
  told(
    65,
    "a server whose clock is wrong by years",
    [
      ["Date", "Mon, 01 Jan 2001 00:00:00 GMT"],
      ["Retry-After", "Mon, 01 Jan 2001 00:00:05 GMT"]
    ],
    5000
  ),
  row(
    66,
    "400 with Retry-After",
    FaultServer.status(400, retryAfter("5")),
    fails("BadRequest", 1, { retryAfter: undefined })
  ),
  row(66, "200 with Retry-After", FaultServer.json([], { headers: retryAfter("5") }), ok(1)),
  row(67, "retry-after-ms: 20, then 200", [FaultServer.status(503, [["Retry-After-Ms", "20"]]), empty], ok(2)),
  row(
    67,
    "retry-after-ms: 0 besides Retry-After: 9, then 200",
    [
      FaultServer.status(503, [
        ["Retry-After-Ms", "0"],
        ["Retry-After", "9"]
      ]),
      empty
    ],
    ok(2)
  ),
  told(68, "Retry-After longer than what is left of the deadline", retryAfter("5"), 5000)
]

const body = JSON.stringify([message])
const asJson = (text: string | Uint8Array, ...headers: ReadonlyArray<readonly [string, string]>) =>
  FaultServer.text(text, { headers: [["Content-Type", "application/json"], ...headers] })

const unreadable = (reason: string, requests = 1, fields: Record<string, unknown> = {}): Expected =>
  fails("ResponseDecodeError", requests, { reason, ...fields })

const typed = (type: string, text: string | Uint8Array = "[]") =>
  FaultServer.text(text, { headers: [["Content-Type", type]] })

const list = (item: object) =>
  FaultServer.json([
    { ...message, id: "m0" },
    { ...message, ...item }
  ])

const head = (...headers: ReadonlyArray<FaultServer.HeaderLine>) =>
  FaultServer.head({ status: 200, headers: [["Content-Type", "application/json"], ...headers] })

const chunked = head(["Transfer-Encoding", "chunked"])

const bodies: ReadonlyArray<Row> = [
  row(70, "a body that ends too early, for good", FaultServer.truncated(body), unreadable("truncated", 4)),
  row(
    70,
    "a body that ends too early, then a whole one",
    [FaultServer.truncated(body), FaultServer.truncated(body), empty],
    ok(3)
  ),
  row(
    70,
    "the same of a send",
    [FaultServer.truncated(JSON.stringify(message)), taken],
    {
      ...unreadable("truncated", 1, { outcome: "unknown" })
    },
    sending
  ),
  row(71, "chunks without an end, then a whole body", [FaultServer.truncatedChunked(body), empty], ok(2)),
  row(71, "chunks without an end, for good", FaultServer.truncatedChunked(body), unreadable("truncated", 4)),
  row(72, "a body that ends with its HTTP/1.0 connection", FaultServer.closeDelimited(body), ok(1, [message])),
  row(
    73,
    "Content-Length too large",
    FaultServer.reply(head(["Content-Length", "999"]), FaultServer.write(body), FaultServer.end),
    {
      ...unreadable("truncated", 4)
    }
  ),
  row(73, "Content-Length too small", asJson(body, ["Content-Length", "5"]), unreadable("malformed")),
  ...['[{"id":', "[]x", "[] []", "NaN", "[{'id':1}]"].map((text) =>
    row(74, `the body ${text}`, asJson(text), unreadable("malformed"))
  ),
  row(75, "a byte order mark", asJson("\ufeff[]"), ok(1)),
  row(76, "bytes that are no UTF-8", asJson(Buffer.from(body.replace("Hello", "\xff"), "latin1")), {
    ...ok(1, [{ ...message, userInput: "\ufffd" }])
  }),
  row(77, "UTF-16", typed("application/json; charset=utf-16", Buffer.from("[]", "utf16le")), unreadable("contentType")),
  row(77, "Latin-1", typed("application/json; charset=iso-8859-1"), unreadable("contentType")),
  row(78, "a page of HTML under 200", typed("text/html", "<html>sign in"), {
    ...unreadable("contentType", 1, { actual: "html" }),
    says: /is the server url that of a Mix backend\?/
  }),
  row(
    79,
    "no content type",
    FaultServer.reply(FaultServer.head({ status: 200, headers: [["Content-Length", "2"]] }), FaultServer.write("[]")),
    {
      ...ok(1)
    }
  ),
  row(80, "Application/Problem+JSON; Charset=UTF-8", typed("Application/Problem+JSON; Charset=UTF-8"), ok(1)),
  row(81, "an empty body", FaultServer.json(undefined), unreadable("empty")),
  row(81, "a blank body", asJson(" \n"), unreadable("empty")),
  row(82, "null for a list", FaultServer.json(null), ok(1)),
  row(83, "null for a message", FaultServer.json(null), unreadable("schema", 1, { outcome: "unknown" }), sending),
  row(84, "{ messages: [] }", FaultServer.json({ messages: [] }), unreadable("schema", 1, { actual: "an object" })),
  row(84, "{ data: [] }", FaultServer.json({ data: [] }), unreadable("schema", 1, { actual: "an object" })),
  row(
    85,
    "null in the list",
    FaultServer.json([message, null]),
    unreadable("schema", 1, { path: "[1]", actual: "null" })
  ),
  row(85, "no id", list({ id: undefined }), unreadable("schema", 1, { path: "[1].id", actual: "missing" })),
  row(85, "a number for an id", list({ id: 7 }), unreadable("schema", 1, { path: "[1].id", actual: "an integer" })),
  row(85, "an id that comes twice", FaultServer.json([message, message]), ok(1, [message, message])),
  row(85, "fields and words that are not known", FaultServer.json([{ ...message, role: "oracle", extra: { a: 1 } }]), {
    ...ok(1, [{ ...message, role: "oracle" }])
  }),
  row(85, "toolCalls null", FaultServer.json([{ ...message, toolCalls: null }]), ok(1, [message])),
  row(85, "reasoningDuration 1.5", FaultServer.json([{ ...message, reasoningDuration: 1.5 }]), {
    ...ok(1, [{ ...message, reasoningDuration: 1.5 }])
  }),
  row(85, "reasoningDuration 1e400", asJson(body.replace("}", ',"reasoningDuration":1e400}')), {
    ...unreadable("schema", 1, { path: "[0].reasoningDuration" })
  }),
  row(85, 'reasoningDuration "12"', list({ reasoningDuration: "12" }), {
    ...unreadable("schema", 1, { path: "[1].reasoningDuration", actual: "a string" })
  }),
  row(86, "100,000 levels", asJson("[".repeat(100_000) + "]".repeat(100_000)), {
    tag: "ResponseDecodeError",
    fields: { attempts: 1 },
    requests: 1
  }),
  row(
    87,
    "__proto__ and constructor for keys",
    asJson(body.replace("}", ',"__proto__":{"polluted":1},"constructor":{}}')),
    {
      ...ok(1, [message]),
      also: ["no prototype is changed", () => !("polluted" in {})]
    }
  ),
  row(88, "a key that comes twice", asJson(body.replace("{", '{"id":"m0",')), ok(1, [message])),
  row(89, "an id that is a number beyond 2^53", asJson('[{"id":12345678901234567890}]'), {
    ...unreadable("schema", 1, { path: "[0].id", actual: "an integer" })
  }),
  row(90, "a body of 1 GB", FaultServer.largeBody({ bytes: 1e9, chunked: true }), unreadable("tooLarge"), {
    options: { maxResponseBytes: 1_000_000, requestTimeout: "5 seconds", deadline: "5 seconds" }
  }),
  row(
    90,
    "a body that trickles",
    FaultServer.reply(
      head(["Content-Length", "1000"]),
      FaultServer.drip({ data: "x".repeat(1000), every: "2 millis" })
    ),
    {
      ...fails("RequestTimeout", 4, { phase: "body", scope: "attempt" })
    }
  ),
  row(91, "gzip", FaultServer.gzip(body), ok(1, [message])),
  row(91, "brotli", FaultServer.brotli(body), ok(1, [message])),
  row(91, "deflate", asJson(zlib.deflateSync(body), ["Content-Encoding", "deflate"]), ok(1, [message])),
  row(91, "gzip that is broken", FaultServer.gzipCorrupt(body), unreadable("malformed")),
  row(91, "gzip that is cut off", FaultServer.gzipTruncated(body), unreadable("truncated", 4)),
  row(91, "brotli that is broken", asJson("not brotli at all", ["Content-Encoding", "br"]), unreadable("malformed")),
  row(91, "an unknown coding", asJson(body, ["Content-Encoding", "rot13"]), unreadable("malformed")),
  row(
    91,
    "an unknown coding of something long",
    FaultServer.reply(
      head(["Content-Encoding", "rot13"], ["Transfer-Encoding", "chunked"]),
      FaultServer.flood({ bytes: Number.POSITIVE_INFINITY, chunked: true })
    ),
    unreadable("malformed")
  ),
  row(91, "a coding of an empty body", asJson("", ["Content-Encoding", "gzip"]), unreadable("empty")),
  row(91, "a zip bomb of 1 GB", FaultServer.gzipBomb({ bytes: 1e9 }), unreadable("tooLarge"), {
    options: { maxResponseBytes: 1_000_000, requestTimeout: "5 seconds", deadline: "5 seconds" }
  }),
  row(
    92,
    "an event stream",
    FaultServer.reply(eventStreamHead(), FaultServer.chunk(": hi\n\n"), FaultServer.stall),
    unreadable("contentType")
  ),
  row(
    93,
    "an error whose body stalls",
    FaultServer.stallMidBody("no such thing", { status: 404 }),
    fails("NotFound", 1),
    { options: { requestTimeout: "1 second" } }
  ),
  row(
    93,
    "an error whose body never ends",
    FaultServer.reply(
      FaultServer.head({ status: 403, headers: [["Transfer-Encoding", "chunked"]] }),
      FaultServer.flood({ bytes: Number.POSITIVE_INFINITY, chunked: true })
    ),
    fails("UnexpectedStatus", 1, { status: 403 }),
    { options: { requestTimeout: "2 seconds" } }
  ),
  row(
    93,
    "an error whose body breaks off",
    FaultServer.truncated("no such thing", 3, { status: 400 }),
    fails("BadRequest", 1)
  ),
  row(
    94,
    "one byte per chunk, in the middle of characters",
    FaultServer.reply(
      chunked,
      ...Array.from(Buffer.from(JSON.stringify([{ ...message, userInput: "é😀漢" }])), (byte) =>
        FaultServer.chunk(Uint8Array.of(byte))
      ),
      FaultServer.lastChunk
    ),
    ok(1, [{ ...message, userInput: "é😀漢" }])
  )
]

const twice = (name: string, first: string, second: string) =>
  [
    [name, first],
    [name, second]
  ] as const

const singletons: ReadonlyArray<Row> = [
  row(
    164,
    "Content-Type twice",
    FaultServer.raw(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    ),
    ok(1, [message])
  ),
  row(
    164,
    "Content-Type twice, of which the last is JSON",
    asJson(body, ["Content-Type", "text/html, application/json"]),
    ok(1, [message])
  ),
  row(
    164,
    "Content-Type twice, of which the last is HTML",
    typed("application/json, text/html", "<p>"),
    unreadable("contentType")
  ),
  row(164, "an empty Content-Type", typed("", body), ok(1, [message])),
  row(164, "CONTENT-ENCODING: GZIP", asJson(zlib.gzipSync(body), ["CONTENT-ENCODING", "GZIP"]), ok(1, [message])),
  row(164, "an empty Content-Encoding", asJson(body, ["Content-Encoding", ""]), ok(1, [message])),
  row(164, "Content-Encoding: identity", asJson(body, ["Content-Encoding", "Identity"]), ok(1, [message])),
  row(
    164,
    "Content-Encoding twice, and the body encoded twice",
    asJson(zlib.brotliCompressSync(zlib.gzipSync(body)), ...twice("Content-Encoding", "gzip", "br")),
    ok(1, [message])
  ),
  row(
    164,
    "Content-Encoding twice, and the body encoded once",
    asJson(zlib.gzipSync(body), ...twice("Content-Encoding", "gzip", "gzip")),
    unreadable("malformed")
  ),
  row(
    164,
    "deflate without the header of zlib",
    asJson(zlib.deflateRawSync(body), ["Content-Encoding", "deflate"]),
    ok(1, [message])
  ),
  row(
    164,
    "headers that are named like members of every object",
    asJson(
      body,
      ["constructor", "x"],
      ["constructor", "y"],
      ["__proto__", "x"],
      ["toString", "x"],
      ["hasOwnProperty", ""]
    ),
    ok(1, [message])
  ),
  row(
    164,
    "Retry-After twice, once empty",
    FaultServer.status(429, twice("Retry-After", "", "90")),
    fails("RateLimited", 1, { retryAfter: 90_000 })
  ),
  row(
    164,
    "Retry-After twice, a number and a date",
    FaultServer.status(429, [
      ...twice("RETRY-AFTER", "90", "Wed, 21 Oct 2026 07:30:00 GMT"),
      ["Date", date],
      ["date", date]
    ]),
    fails("RateLimited", 1, { retryAfter: 120_000 })
  )
]

export const replyRows: ReadonlyArray<Row> = [...statuses, ...waits, ...bodies, ...singletons]

export const replyAbsent: ReadonlyArray<Absent> = [
  {
    cases: [53],
    name: "a status of 0",
    reason: "only fetch in a browser has it: a ConnectionError, tested in @mix-effect/http"
  },
  { cases: [69], name: "Retry-After that CORS hides", reason: "browsers only" }
]
