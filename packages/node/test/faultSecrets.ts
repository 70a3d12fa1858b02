/** J: echoes of secrets, what a terminal would obey, where a token goes, and dates in another case. */
import { FaultServer } from "@mix-effect/testing"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { type Expected, empty, failureOf, type Observed, type Row, row, send } from "./faultRow.ts"

const token = "tok_Live-9f8e7d6c5b4a39281706"
const password = "hunter2-correct-horse"
const text = 'Please <summarise> the "quarterly" figures & the outlook for Zürich'
const basic = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`

const shown = ({ exit }: Observed): string =>
  Exit.isFailure(exit) ? `${JSON.stringify(exit.cause)} ${Cause.pretty(exit.cause)}` : ""

/** Nothing of eight characters or more, but for words that stand between what is escaped. */
const without = (secret: string): NonNullable<Expected["also"]> => [
  "no eight characters of it are left",
  (observed) =>
    (secret.match(/[\w-]{8,}/g) ?? [])
      .flatMap((run) => Array.from({ length: run.length - 7 }, (_, from) => run.slice(from, from + 8)))
      .every(
        (piece) =>
          !shown(observed)
            .replaceAll(/\\n|\s/g, "")
            .includes(piece)
      )
]

const json = (text: string) => JSON.stringify(text).slice(1, -1)

const manglings: ReadonlyArray<readonly [string, (secret: string) => string]> = [
  ["whole", (secret) => secret],
  ["cut at its end", (secret) => secret.slice(0, -6)],
  ["cut at its beginning", (secret) => secret.slice(9)],
  ["wrapped", (secret) => secret.replace(/.{10}/g, "$&\n")],
  ["spaced out", (secret) => [...secret].join(" ")],
  ["escaped twice for JSON", (secret) => json(json(secret))],
  ["escaped twice for a url", (secret) => encodeURIComponent(encodeURIComponent(secret))],
  ["escaped for HTML and JSON", (secret) => json(secret.replaceAll("<", "&lt;").replaceAll('"', "&quot;"))]
]

/** Says it in all places that an error keeps. */
const saying = (status: number, said: string) =>
  FaultServer.json({ error: { code: status, message: `no: ${said}`, type: said } }, { status })

const echoes: ReadonlyArray<Row> = manglings.flatMap(([name, mangle]) => [
  row(
    158,
    `an echo of the token, ${name}`,
    { script: () => (request) => saying(401, mangle(String(request.headers.get("authorization")).slice(7))) },
    { tag: "Unauthorized", says: /<redacted>/, also: without(token) },
    { options: { bearerToken: Redacted.make(token) } }
  ),
  row(
    158,
    `an echo of the text of a send in a body that is no JSON, ${name}`,
    {
      script: () => (request) =>
        FaultServer.text(`no: ${mangle(JSON.parse(Buffer.from(request.body).toString()).text)}`, { status: 422 })
    },
    { tag: "UnexpectedStatus", fields: { outcome: "refused", status: 422 }, also: without(text) },
    { call: send({ text }) }
  )
])

const hostile = "\u001b]8;;http://evil.example\u0007\u001b[31mred\r\nline\u2028 \u202eevil \u200b\u009b1m\ud800"

const basicRow = row(
  158,
  "an echo of the password that Basic encodes",
  saying(403, password),
  { tag: "UnexpectedStatus", says: /<redacted>/, also: without(password) },
  { options: { headers: { authorization: basic } } }
)

const lines: ReadonlyArray<Row> = [400, 401, 404, 429, 500, 418].map((status) =>
  row(159, `${status} with escapes of a terminal`, saying(status, `${hostile}${"\u{1f600}".repeat(400)}`), {
    says: /red line/,
    tag:
      { 400: "BadRequest", 401: "Unauthorized", 404: "NotFound", 429: "RateLimited", 500: "ServerError" }[status] ??
      "UnexpectedStatus",
    also: [
      "the message is one printable line",
      (observed) => {
        const error = failureOf(observed)
        return (
          error instanceof Error &&
          error.message.length < 300 &&
          !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/u.test(error.message)
        )
      }
    ]
  })
)

const authorization = (expected: string | undefined): Expected => ({
  value: [],
  requests: 1,
  also: [
    expected === undefined ? "no authorization is sent" : "the token is sent",
    ({ received }) => received[0]?.headers.get("authorization") === expected
  ]
})

const destinations: ReadonlyArray<Row> = [
  row(166, "a MIX_BEARER_TOKEN, and a server url that is not that of MIX_SERVER_URL", empty, authorization(undefined), {
    env: { MIX_BEARER_TOKEN: token, MIX_SERVER_URL: "http://127.0.0.1:1" }
  }),
  row(166, "a MIX_BEARER_TOKEN without MIX_SERVER_URL", empty, authorization(undefined), {
    env: { MIX_BEARER_TOKEN: token }
  })
]

const date = "Wed, 21 Oct 2026 07:28:00 GMT"

const dates: ReadonlyArray<Row> = [
  "wed, 21 oct 2026 07:28:03 gmt",
  "WED, 21 OCT 2026 07:28:03 UTC",
  "wednesday, 21-OCT-26 07:28:03 utc",
  "WED OCT 21 07:28:03 2026"
].map((value) =>
  row(
    169,
    `Retry-After: ${value}`,
    FaultServer.status(503, [
      ["Date", date],
      ["Retry-After", value]
    ]),
    { tag: "ServerError", fields: { retryAfter: 3000, attempts: 1 }, requests: 1 },
    // Less than it asks for, so that the call fails at once.
    { options: { deadline: "2 seconds" } }
  )
)

export const secretRows: ReadonlyArray<Row> = [...echoes, basicRow, ...lines, ...destinations, ...dates]
