/** What replies are understood, and what is said of those that are not. */

import { assert, describe, it } from "@effect/vitest"
import { MixError } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  type Answer,
  brokenBody,
  failure,
  fault,
  json,
  jsonType,
  matches,
  noJitter,
  passing,
  row,
  scripted,
  sessionId,
  status,
  withService
} from "./scripted.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

const get = (answer: Answer, maxResponseBytes?: number) =>
  withService(scripted(answer), (messages) => messages.getHistory(), { maxResponseBytes })

const send = (answer: Answer) =>
  withService(scripted(answer), (messages) => messages.send({ id: sessionId, text: "Hello" }))

/** Nothing of a reply may stand in an error. */
const canary = "canary-33d8"

describe("what is read", () => {
  const lists: ReadonlyArray<readonly [string, Answer]> = [
    ["82 null for a list", json(null)],
    ["an empty list", json([])],
    ["75 a byte order mark", { headers: jsonType, body: "\ufeff[]" }],
    ["79 no content type", { body: "[]" }],
    ...[
      "",
      " , ",
      "APPLICATION/JSON;Charset=UTF-8",
      "application/json, application/json",
      "application/json; charset=utf-8, application/json; charset=utf-8",
      "text/html, application/json",
      'text/plain; a=", text/html", application/json; b="x, y; charset=latin1"',
      "application/json,"
    ].map((type): readonly [string, Answer] => [
      `164 content type ${JSON.stringify(type)}: the last counts`,
      { headers: { "content-type": type }, body: "[]" }
    ]),
    [
      "80 application/problem+json; charset=utf-8",
      { headers: { "content-type": "application/problem+json; charset=utf-8" }, body: "[]" }
    ],
    [
      "80 Application/JSON;Charset=UTF-8",
      { headers: { "content-type": "Application/JSON;Charset=UTF-8" }, body: "[]" }
    ],
    ['80 charset="utf-8" in quotes', { headers: { "content-type": 'application/json; charset="utf-8"' }, body: "[]" }],
    ["80 other parameters", { headers: { "content-type": "application/json; profile=x; charset=utf-8" }, body: "[]" }],
    ["white space around it", { headers: jsonType, body: " \r\n[]\t\n" }],
    ["66 a Retry-After that means nothing", json([], { headers: { "retry-after": "99" } })]
  ]
  for (const [name, answer] of lists) {
    it.effect(name, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* get(answer), [])
      })
    )
  }

  it.effect("94 one byte at a time, in the middle of characters", () =>
    Effect.gen(function* () {
      const userInput = "é\u{1f600}\u2028漢字"
      const whole = bytes(JSON.stringify([{ ...row, userInput }]))
      const body = Array.from(whole, (byte) => Uint8Array.of(byte))
      assert.deepStrictEqual(yield* get({ headers: jsonType, body }), [{ ...row, userInput }])
    })
  )

  it.effect("85 unknown fields and words pass, null counts as absent", () =>
    Effect.gen(function* () {
      const answer = json([
        { ...row, role: "system", toolCalls: null, reasoningDuration: 1.5, cost: null, surprise: { deep: [1] } }
      ])
      assert.deepStrictEqual(yield* get(answer), [{ ...row, role: "system", reasoningDuration: 1.5 }])
    })
  )

  it.effect("88 of a key that comes twice the last one holds", () =>
    Effect.gen(function* () {
      const body = `[{"id":"m0","id":"m1","sessionId":"s1","role":"user","userInput":"Hello"}]`
      assert.deepStrictEqual(yield* get({ headers: jsonType, body }), [row])
    })
  )

  it.effect("76 bytes that are no UTF-8 become U+FFFD", () =>
    Effect.gen(function* () {
      const body = [
        bytes('[{"id":"m1","sessionId":"s1","role":"user","userInput":"'),
        Uint8Array.of(0xff),
        bytes('"}]')
      ]
      assert.deepStrictEqual(yield* get({ headers: jsonType, body }), [{ ...row, userInput: "\ufffd" }])
    })
  )

  it.effect("24 87 __proto__ and constructor are keys like others, and pollute nothing", () =>
    Effect.gen(function* () {
      const body = `[{"id":"m1","sessionId":"s1","role":"user","userInput":"Hello","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}]`
      const [message] = yield* get({ headers: jsonType, body })
      assert.deepStrictEqual(message, row)
      assert.strictEqual(Object.getPrototypeOf(message), Object.prototype)
      assert.isUndefined(({} as Record<string, unknown>).polluted)
      const error = yield* failure(get(status(400, jsonType, `{"error":{"__proto__":{"polluted":1},"message":"no"}}`)))
      matches(error, { _tag: "BadRequest", error: { message: "no" } })
      assert.isUndefined(({} as Record<string, unknown>).polluted)
    })
  )

  it.effect("40 100 rows", () =>
    Effect.gen(function* () {
      const rows = Array.from({ length: 100 }, (_, index) => ({ ...row, id: `m${index}` }))
      assert.deepStrictEqual(yield* get(json(rows)), rows as never)
    })
  )
})

describe("16 what cannot be read says where and of what kind, never the value", () => {
  const html = { "content-type": "text/html; charset=utf-8" }
  const cases: ReadonlyArray<readonly [string, Answer, Record<string, unknown>]> = [
    ["81 nothing", { headers: jsonType }, { reason: "empty" }],
    ["81 white space", { headers: jsonType, body: " \n" }, { reason: "empty" }],
    ["81 no content type either", {}, { reason: "empty" }],
    ["38 204", { status: 204 }, { reason: "empty", status: 204 }],
    ["38 205", { status: 205 }, { reason: "empty", status: 205 }],
    ["70 a body that breaks off", brokenBody, { reason: "truncated" }],
    ...['[{"id":', "[] []", "[]x", "NaN", "{'a':1}", "[1,]", "// a\n[]", canary, '"\u0000"'].map(
      (body): readonly [string, Answer, Record<string, unknown>] => [
        `74 ${JSON.stringify(body)}`,
        { headers: jsonType, body },
        { reason: "malformed", expected: "JSON", actual: "something else" }
      ]
    ),
    [
      "78 a page of HTML",
      { headers: html, body: `<html>${canary}` },
      { reason: "contentType", expected: "application/json in UTF-8", actual: "html" }
    ],
    [
      "78 plain text",
      { headers: { "content-type": "text/plain" }, body: "[]" },
      { reason: "contentType", actual: "text" }
    ],
    ...[
      "application/json, text/html",
      'application/json; a="x, text/html',
      "application/json; charset=utf-16, text/x"
    ].map((type): readonly [string, Answer, Record<string, unknown>] => [
      `164 content type ${JSON.stringify(type)}`,
      { headers: { "content-type": type }, body: "<" },
      type.includes("a=") ? { reason: "malformed" } : { reason: "contentType" }
    ]),
    [
      "77 another charset",
      { headers: { "content-type": "application/json; charset=utf-16" }, body: "[]" },
      { reason: "contentType", actual: "another type" }
    ],
    [
      "77 Latin-1",
      { headers: { "content-type": "application/json; charset=iso-8859-1" }, body: "[]" },
      { reason: "contentType", actual: "another type" }
    ],
    [
      "92 an event stream that never ends",
      {
        headers: { "content-type": "text/event-stream" },
        body: Stream.concat(Stream.make(bytes(": hi\n\n")), Stream.never)
      },
      { reason: "contentType", actual: "text" }
    ],
    [
      "92 an event stream that never begins",
      { headers: { "content-type": "text/event-stream" }, body: Stream.never },
      { reason: "contentType", actual: "text" }
    ],
    [
      "84 an envelope",
      json({ messages: [] }),
      { reason: "schema", path: undefined, expected: "an array or null", actual: "an object" }
    ],
    ["84 a text", json(canary), { reason: "schema", expected: "an array or null", actual: "a string" }],
    ["84 a number", json(5), { reason: "schema", expected: "an array or null", actual: "an integer" }],
    [
      "85 null in the list",
      json([row, null]),
      { reason: "schema", path: "[1]", expected: "an object", actual: "null" }
    ],
    [
      "85 no id",
      json([row, row, row, { ...row, id: undefined }]),
      { reason: "schema", path: "[3].id", actual: "missing" }
    ],
    [
      "85 a number for an id",
      json([{ ...row, id: 7 }]),
      { reason: "schema", path: "[0].id", expected: "a string", actual: "an integer" }
    ],
    [
      "89 an id beyond 2^53 is not rounded",
      { headers: jsonType, body: '[{"id":12345678901234567890}]' },
      { reason: "schema", path: "[0].id" }
    ],
    [
      "85 1e400",
      { headers: jsonType, body: JSON.stringify([row]).replace("}", ',"reasoningDuration":1e400}') },
      { reason: "schema", path: "[0].reasoningDuration", actual: "an infinite number" }
    ],
    [
      "85 a text for a number",
      json([{ ...row, reasoningDuration: canary }]),
      { path: "[0].reasoningDuration", actual: "a string" }
    ],
    ["85 deep inside", json([{ ...row, toolCalls: [{ id: 1 }] }]), { reason: "schema", path: "[0].toolCalls[0].id" }],
    [
      "54 an error under a status of success",
      json({ error: { code: 500, message: "the agent is away", type: "internal_error" } }),
      { reason: "schema", error: { code: 500, message: "the agent is away", type: "internal_error" } }
    ]
  ]
  for (const [name, answer, fields] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const error = yield* passing(noJitter(failure(get(answer))))
        matches(error, { _tag: "ResponseDecodeError", operation: "getHistory", ...fields })
        assert.notInclude(error.message + JSON.stringify(error), canary)
        assert.isBelow(error.message.length, 300)
      })
    )
  }

  it.effect("83 null for a message", () =>
    Effect.gen(function* () {
      const error = yield* failure(send(json(null)))
      matches(error, {
        _tag: "ResponseDecodeError",
        reason: "schema",
        expected: "an object",
        actual: "null",
        outcome: "unknown"
      })
    })
  )

  it.effect("86 100,000 levels", () =>
    Effect.gen(function* () {
      for (const body of [
        "[".repeat(100_000) + "]".repeat(100_000),
        `[{"id":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}]`
      ]) {
        const error = yield* failure(get({ headers: jsonType, body }))
        assert.strictEqual(error._tag, "ResponseDecodeError")
      }
    })
  )

  it.effect("15 90 more than maxResponseBytes: no more than one chunk is read beyond it", () =>
    Effect.gen(function* () {
      let pulled = 0
      const chunk = bytes(" ".repeat(1000))
      const body = Stream.repeatEffect(
        Effect.sync(() => {
          pulled += 1
          return chunk
        })
      )
      const error = yield* failure(get({ headers: jsonType, body }, 10_000))
      matches(error, {
        _tag: "ResponseDecodeError",
        reason: "tooLarge",
        expected: "at most 10000 bytes",
        actual: "more"
      })
      assert.strictEqual(pulled, 11)
      assert.deepStrictEqual(yield* get({ headers: jsonType, body: `[]${" ".repeat(9998)}` }, 10_000), [])
    })
  )

  it.effect("messages, one per reason", () =>
    Effect.gen(function* () {
      const messages: Record<string, string> = {}
      for (const [, answer] of cases) {
        const error = yield* passing(noJitter(failure(get(answer))))
        if (error._tag === "ResponseDecodeError") messages[error.reason] ??= error.message
      }
      messages.tooLarge = (yield* failure(get(json([row]), 5))).message
      assert.deepStrictEqual(messages, {
        empty: "getHistory: cannot read the reply (200, empty)",
        truncated: "getHistory: cannot read the reply (200, truncated)",
        malformed: "getHistory: cannot read the reply (200, malformed): expected JSON, got something else",
        contentType:
          "getHistory: cannot read the reply (200, contentType): expected application/json in UTF-8, got html: is the server url that of a Mix backend?",
        schema: "getHistory: cannot read the reply (200, schema): expected an array or null, got an object",
        tooLarge: "getHistory: cannot read the reply (200, tooLarge): expected at most 5 bytes, got more"
      })
    })
  )
})

describe("51 the body of an error may be anything", () => {
  const bodies: ReadonlyArray<readonly [string, string, Record<string, unknown>]> = [
    [
      '{"error":{"code":401,"message":"no","type":"unauthorized"}}',
      "application/json",
      { error: { code: 401, message: "no", type: "unauthorized" }, bodyKind: undefined }
    ],
    ['{"error":"str"}', "application/json", { error: { message: "str" } }],
    ['{"error":null}', "application/json", { error: undefined }],
    ['{"message":"flat"}', "application/json", { error: { message: "flat" } }],
    ['{"error":{"message":5,"type":7,"code":"x"}}', "application/json", { error: undefined }],
    ["[]", "application/json", { error: undefined }],
    ["null", "application/json", { error: undefined }],
    ['"x"', "application/json", { error: undefined }],
    ["5", "application/json", { error: undefined }],
    ["oops", "application/json", { error: undefined, bodyKind: "other" }],
    ["", "", { error: undefined, bodyKind: "empty" }],
    ["<html>", "text/html", { error: undefined, bodyKind: "html" }],
    ["<html>", "text/plain", { error: undefined, bodyKind: "html" }],
    ["404 page not found\n", "text/plain; charset=utf-8", { error: undefined, bodyKind: "text" }],
    ["\u0000\u0001", "application/octet-stream", { error: undefined, bodyKind: "other" }]
  ]
  for (const [body, type, fields] of bodies) {
    it.effect(`${JSON.stringify(body)} as ${type || "nothing"}`, () =>
      Effect.gen(function* () {
        for (const [code, tag] of [
          [400, "BadRequest"],
          [401, "Unauthorized"],
          [404, "NotFound"],
          [429, "RateLimited"],
          [500, "ServerError"],
          [403, "UnexpectedStatus"]
        ] as const) {
          const error = yield* noJitter(failure(get(status(code, type === "" ? {} : { "content-type": type }, body))))
          matches(error, { _tag: tag, status: code, ...fields })
          assert.isBelow(error.message.length, 300)
          if (code === 404 && "bodyKind" in fields && fields.bodyKind !== undefined) {
            assert.include(error.message, "is the server url that of a Mix backend?")
          }
        }
      })
    )
  }

  it.effect("52 the status wins over the code in the body, and both are kept", () =>
    Effect.gen(function* () {
      const error = yield* failure(get(status(404, jsonType, '{"error":{"code":500,"message":"m","type":"t"}}')))
      matches(error, { _tag: "NotFound", status: 404, error: { code: 500, message: "m", type: "t" } })
    })
  )

  it.effect("53 a status of 0 is what a browser hides", () =>
    Effect.gen(function* () {
      const server = scripted(status(0))
      const error = yield* noJitter(failure(withService(server, (messages) => messages.getHistory())))
      matches(error, { _tag: "ConnectionError", isRetryable: false })
      assert.match(error.message, /redirect/)
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.effect("15 5 MB: 1 MiB is read, 2 KiB are kept, and the message is a line", () =>
    Effect.gen(function* () {
      let pulled = 0
      const body = Stream.fromIterable(Array.from({ length: 500 }, () => bytes("é".repeat(5000)))).pipe(
        Stream.rechunk(1),
        Stream.tap(() =>
          Effect.sync(() => {
            pulled += 1
          })
        )
      )
      const error = yield* failure(get({ status: 403, headers: { "content-type": "text/plain" }, body }))
      matches(error, { _tag: "UnexpectedStatus" })
      assert.isAtMost(pulled * 10_000, 1024 * 1024 + 2 * 10_000)
      const kept = error._tag === "UnexpectedStatus" ? (error.body ?? "") : ""
      assert.isAbove(kept.length, 900)
      assert.isAtMost(bytes(kept).length, 2048 + 3)
      assert.isBelow(error.message.length, 300)
    })
  )

  it.effect("15 a long text in the server's own form is cut as well", () =>
    Effect.gen(function* () {
      const long = "m".repeat(900_000)
      for (const code of [400, 500, 403]) {
        const error = yield* noJitter(
          failure(get(status(code, jsonType, JSON.stringify({ error: { code, message: long, type: long } }))))
        )
        assert.isBelow(error.message.length, 300)
        assert.isBelow(JSON.stringify(error).length, 10_000)
      }
    })
  )
})

describe("errors", () => {
  const answers: ReadonlyArray<Answer> = [
    ...[301, 400, 401, 403, 404, 405, 408, 429, 500, 503, 599].map((code) =>
      status(code, { "retry-after": "99" }, "no")
    ),
    fault("ECONNREFUSED"),
    fault("UND_ERR_HEADERS_TIMEOUT"),
    brokenBody,
    json({}),
    { status: 202 }
  ]

  it.effect("survive a trip through JSON, whatever they are", () =>
    Effect.gen(function* () {
      const codec = Schema.parseJson(MixError)
      for (const answer of answers) {
        const error = yield* noJitter(failure(send(answer)))
        const back = yield* Schema.encode(codec)(error).pipe(Effect.flatMap(Schema.decode(codec)))
        assert.strictEqual(back._tag, error._tag)
        assert.strictEqual(back.message, error.message)
        assert.strictEqual(back.isRetryable, error.isRetryable)
        assert.strictEqual(back.outcome, error.outcome)
      }
    })
  )

  it.effect("22 a connection error names the code, the address and what to look at", () =>
    Effect.gen(function* () {
      for (const [code, hint] of [
        ["ECONNREFUSED", /is the Mix backend running/],
        ["ENOTFOUND", /no such host/],
        ["EAI_AGAIN", /name server/],
        ["DEPTH_ZERO_SELF_SIGNED_CERT", /not trusted.*NODE_EXTRA_CA_CERTS/],
        ["ERR_TLS_CERT_ALTNAME_INVALID", /certificate is not trusted: it is for another host/],
        ["HOSTNAME_MISMATCH", /another host/],
        ["CERT_HAS_EXPIRED", /certificate is not trusted: it has expired.*clock/],
        ["CERT_NOT_YET_VALID", /not valid yet/],
        ["CERT_UNTRUSTED", /NODE_EXTRA_CA_CERTS/],
        ["EPROTO", /TLS/],
        ["ECONNRESET", /closed it/],
        ["HPE_INVALID_CONSTANT", /does not speak HTTP/],
        ["UND_ERR_HEADERS_OVERFLOW", /HTTP/],
        ["UND_ERR_PRX_TLS", /proxy/],
        ["EMFILE", /too many files/]
      ] as const) {
        const error = yield* noJitter(failure(get(fault(code))))
        matches(error, { _tag: "ConnectionError", code, address: "localhost:8088" })
        assert.include(error.message, code)
        assert.include(error.message, "localhost:8088")
        assert.match(error.message, hint)
      }
    })
  )

  it.effect("95 143 a code is found in whatever was thrown, of whatever realm", () =>
    Effect.gen(function* () {
      for (const [cause, code] of [
        [{ code: "ECONNRESET" }, "ECONNRESET"],
        [Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } }), "ECONNREFUSED"],
        [new AggregateError([{ code: "ECONNREFUSED" }, { code: "ECONNREFUSED" }]), "ECONNREFUSED"],
        [Object.assign(Object.create(null), { name: "TypeError" }), "UNKNOWN"],
        [new TypeError("of a client that is not fetch"), "UNKNOWN"],
        ["text", "UNKNOWN"],
        [undefined, "UNKNOWN"],
        [null, "UNKNOWN"],
        [5, "UNKNOWN"],
        [{ code: `lower case ${canary}` }, "UNKNOWN"]
      ] as const) {
        const error = yield* noJitter(failure(get({ cause })))
        matches(error, { _tag: "ConnectionError", code })
        assert.notInclude(JSON.stringify(error), canary)
      }
    })
  )

  it.effect("91 broken compression is malformed, cut off compression truncated", () =>
    Effect.gen(function* () {
      for (const [code, reason] of [
        ["Z_DATA_ERROR", "malformed"],
        ["ERR__ERROR_FORMAT_PADDING_1", "malformed"],
        ["ERR_CONTENT_ENCODING", "malformed"],
        ["Z_BUF_ERROR", "truncated"],
        ["ERR_STREAM_PREMATURE_CLOSE", "truncated"],
        ["UND_ERR_SOCKET", "truncated"]
      ] as const) {
        const error = yield* noJitter(failure(get({ headers: jsonType, body: Stream.fail({ code }) })))
        matches(error, { _tag: "ResponseDecodeError", reason })
      }
    })
  )

  it.effect("104 an engine's limit is told as one", () =>
    Effect.gen(function* () {
      const head = yield* noJitter(failure(get(fault("UND_ERR_HEADERS_TIMEOUT"))))
      matches(head, { _tag: "RequestTimeout", phase: "headers", scope: "engine" })
      assert.include(head.message, "engine")
      const body = yield* noJitter(
        failure(get({ headers: jsonType, body: Stream.fail({ code: "UND_ERR_BODY_TIMEOUT" }) }))
      )
      matches(body, { _tag: "RequestTimeout", phase: "body", scope: "engine" })
    })
  )
})
