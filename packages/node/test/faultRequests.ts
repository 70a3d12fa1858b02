import * as Redacted from "effect/Redacted"
import {
  type Absent,
  type Expected,
  empty,
  getHistory,
  listSession,
  type More,
  message,
  type Row,
  row,
  send,
  taken
} from "./faultRow.ts"

/** Refused before anything is sent. */
const invalid = (parameter: string): Expected => ({
  tag: "InvalidRequest",
  fields: { parameter, outcome: "notSent", isRetryable: false },
  requests: 0
})

const refusedIds: ReadonlyArray<readonly [number, string, unknown]> = [
  [1, "an empty id", ""],
  [1, "a blank id", " \u3000"],
  [2, "an id of .", "."],
  [2, "an id of ..", ".."],
  [4, "an id with a matrix parameter", "..;x"],
  [4, "an id that begins with ;", ";a"],
  [7, "an id with a line break", "a\r\nX: y"],
  [7, "an id with NUL", "a\0"],
  [7, "an id with a tab", "a\tb"],
  [7, "an id with DEL", "a\u007f"],
  [8, "an id with a lone surrogate", "\ud800"],
  [10, "an id of 10 MB", "x".repeat(10_000_000)],
  [11, "no id", undefined],
  [11, "null for an id", null],
  [11, "an object for an id", {}],
  [11, "a number for an id", 5]
]

const escapedIds: ReadonlyArray<readonly [number, string, string, string]> = [
  [3, "an id that is an escape of ..", "%2e%2e", "%252e%252e"],
  [3, "an id that is half an escape of ..", "%2E.", "%252E."],
  [5, "an id with a slash", "a/b", "a%2Fb"],
  [5, "an id with a backslash", "a\\b", "a%5Cb"],
  [6, "an id with ? and #", "a?b#c", "a%3Fb%23c"],
  [9, "an id with an emoji", "\u{1f600}", "%F0%9F%98%80"],
  [9, "an id in NFC", "caf\u00e9", "caf%C3%A9"],
  [9, "an id in NFD", "cafe\u0301", "cafe%CC%81"],
  [12, "an id of __proto__", "__proto__", "__proto__"],
  [12, "an id of constructor", "constructor", "constructor"]
]

const limits: ReadonlyArray<unknown> = [0, -1, 1001, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "50", 1e21]

const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic

const throwing = (key: string) =>
  Object.defineProperty({}, key, {
    enumerable: true,
    get: () => {
      throw new Error("not to be read")
    }
  })

const longText = "x".repeat(50 * 1024 * 1024)

const params: ReadonlyArray<Row> = [
  ...refusedIds.map(([number, name, id]) => row(number, name, empty, invalid("id"), { call: listSession(id) })),
  ...escapedIds.map(([number, name, id, segment]) =>
    row(
      number,
      name,
      empty,
      { value: [], requests: 1, targets: [`/api/sessions/${segment}/messages`] },
      { call: listSession(id) }
    )
  ),
  row([2, 7], "send with an id of ..", taken, invalid("id"), { call: send({ id: ".." }) }),
  ...limits.map((limit) =>
    row(13, `a limit of ${typeof limit === "string" ? `"${limit}"` : limit}`, empty, invalid("limit"), {
      call: getHistory({ limit })
    })
  ),
  ...[-1, 1.5, 2 ** 53].map((offset) =>
    row(14, `an offset of ${offset}`, empty, invalid("offset"), { call: getHistory({ offset }) })
  ),
  row(
    14,
    "an offset of -0",
    empty,
    { value: [], requests: 1, targets: ["/api/messages/history?offset=0"] },
    { call: getHistory({ offset: -0 }) }
  ),
  row(15, "an empty text", taken, invalid("text"), { call: send({ text: "" }) }),
  row(15, "a blank text", taken, { value: message, requests: 1 }, { call: send({ text: " \n" }) }),
  row(15, "a lone surrogate in a text", taken, invalid("text"), { call: send({ text: "a\udc00b" }) }),
  row(16, "media that are no texts", taken, invalid("media[1]"), { call: send({ media: ["a", 1] }) }),
  row(
    16,
    "media with a hole",
    taken,
    { tag: "InvalidRequest", requests: 0 },
    { call: send({ media: [undefined, "a"] }) }
  ),
  row(16, "apps that are no list", taken, invalid("apps"), { call: send({ apps: "a" }) }),
  row(16, "media that throw when read", taken, invalid("the request"), { call: send(throwing("media")) }),
  row(17, "an extra that is cyclic", taken, { tag: "InvalidRequest", requests: 0 }, { call: send({ extra: cyclic }) }),
  row(17, "an extra that is a BigInt", taken, { tag: "InvalidRequest", requests: 0 }, { call: send({ extra: 1n }) }),
  row(
    18,
    "a text of 50 MB",
    taken,
    {
      value: message,
      requests: 1,
      also: [
        "the whole text arrives",
        ({ received }) => received[0]?.body.length === longText.length + JSON.stringify({ text: "" }).length
      ]
    },
    { call: send({ text: longText }), options: { sendTimeout: "10 seconds" } }
  )
]

const badOption = (number: number, name: string, option: string, more: More): Row =>
  row(number, name, empty, { tag: "ConfigError", says: new RegExp(option), requests: 0 }, more)

const url = (serverUrl: string): More => ({ options: { serverUrl } })

const config: ReadonlyArray<Row> = [
  badOption(19, "an empty server url", "serverUrl", url("")),
  badOption(19, "a server url without http://", "serverUrl.*http://localhost:8088", url("localhost:8088")),
  badOption(19, "a server url that is a path", "serverUrl.*http://localhost:8088", url("/api")),
  ...["ftp://h", "file:///h", "javascript:alert(1)", "data:,h"].map((serverUrl) =>
    badOption(20, `a server url of ${serverUrl}`, "serverUrl", url(serverUrl))
  ),
  badOption(21, "a server url with credentials", "serverUrl.*credentials", url("http://u:p@h.example")),
  badOption(22, "a server url with a query", "serverUrl.*query", url("http://h.example/?x=1")),
  badOption(22, "a server url with a fragment", "serverUrl.*fragment", url("http://h.example/#f")),
  ...["/root/", "/root"].map((prefix) =>
    row(
      23,
      `a server url that ends in ${prefix}`,
      empty,
      { value: [], requests: 1, targets: ["/root/api/messages/history"] },
      { prefix }
    )
  ),
  row(
    24,
    "a server url with /a/../b",
    empty,
    { value: [], targets: ["/b/api/messages/history"] },
    { prefix: "/a/../b" }
  ),
  row(24, "a server url with //x", empty, { value: [], targets: ["/x/api/messages/history"] }, { prefix: "//x" }),
  row(25, "a server on ::1", { script: () => empty, options: { host: "::1" } }, { value: [], requests: 1 }),
  badOption(25, "port 0", "serverUrl.*port 0", url("http://h.example:0")),
  badOption(25, "port 99999", "serverUrl", url("http://h.example:99999")),
  row(
    26,
    "a blank MIX_BEARER_TOKEN",
    empty,
    {
      value: [],
      requests: 1,
      also: ["no authorization is sent", ({ received }) => received[0]?.headers.has("authorization") === false]
    },
    { env: { MIX_BEARER_TOKEN: " " } }
  ),
  ...[0, -1, Number.NaN, 2 ** 31].flatMap((value) =>
    (["requestTimeout", "sendTimeout", "deadline"] as const).map((option) =>
      badOption(27, `${option} of ${value}`, option, { options: { [option]: value } })
    )
  ),
  badOption(25, "a MIX_SERVER_URL that cannot be read", "MIX_SERVER_URL", {
    env: { MIX_SERVER_URL: "nonsense" },
    options: { serverUrl: undefined }
  })
]

const silent: ReadonlyArray<Row> = [
  badOption(166, "a server url with braces", "serverUrl.*brace", url("http://{host}")),
  badOption(166, "a server url with a blank", "serverUrl.*blanks", url("http://h.example/a b")),
  badOption(166, "a server url with a line break", "serverUrl.*line breaks", url("http://h\n.example")),
  badOption(166, "a token with its scheme", "bearerToken.*the token alone", {
    options: { bearerToken: Redacted.make("Bearer t") }
  }),
  badOption(166, "an option that there is not", "severUrl.*no such option", {
    options: JSON.parse('{"severUrl":"http://h.example"}')
  }),
  badOption(166, "a header named __proto__", "headers.*__proto__", {
    options: { headers: JSON.parse('{"__proto__":"1"}') }
  })
]

const headers: ReadonlyArray<Row> = [
  badOption(30, "a header value with a line break", "header x-a", { options: { headers: { "x-a": "1\r\nx-b: 2" } } }),
  badOption(30, "a header value with NUL", "header x-a", { options: { headers: { "x-a": "1\0" } } }),
  badOption(31, "a token with a newline at its end", "bearerToken.*trailing newline", {
    options: { bearerToken: Redacted.make("token\n") }
  }),
  badOption(31, "a MIX_BEARER_TOKEN with a newline at its end", "MIX_BEARER_TOKEN.*trailing newline", {
    env: { MIX_SERVER_URL: "http://127.0.0.1:1", MIX_BEARER_TOKEN: "token\n" },
    options: { serverUrl: undefined }
  }),
  badOption(32, "a header value that is not Latin-1", "header x-a", { options: { headers: { "x-a": "€" } } }),
  ...["a b", "", "content-length", "Host"].map((name) =>
    badOption(33, `a header named "${name}"`, "headers", { options: { headers: { [name]: "1" } } })
  ),
  row(
    34,
    "headers that differ by case",
    empty,
    {
      value: [],
      also: [
        "the last one is sent, once",
        ({ received }) =>
          received[0]?.rawHeaders
            .filter(([name]) => name.toLowerCase() === "x-a")
            .map(([, value]) => value)
            .join() === "2"
      ]
    },
    { options: { headers: { "X-A": "1", "x-a": "2" } } }
  )
]

export const requestRows: ReadonlyArray<Row> = [...params, ...config, ...silent, ...headers]

export const requestAbsent: ReadonlyArray<Absent> = [
  {
    cases: [28],
    name: "maxAttempts out of range",
    reason: "there is no such option; RetryPolicy.fromConfig throws a RangeError for numbers that make no schedule"
  },
  {
    cases: [29],
    name: "a token over http to another machine",
    reason: "one warning is logged when the layer is built; tested in @mix-effect/http"
  },
  {
    cases: [36],
    name: "a secret that Config cannot read",
    reason: "a ConfigError that names the variable; tested in @mix-effect/http"
  }
]
