/** Whatever a server answers, a call succeeds or fails with a public error: never with a defect. */
import * as fs from "node:fs"
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { MixError } from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { draws } from "../../core/test/draws.ts"
import { type Engine, RetryPolicy, Services } from "../src/index.ts"
import { type Answer, scripted, sessionId, withService } from "./scripted.ts"

const seed = 20_260_131

// Twenty thousand errors: without their stack traces, which nobody looks at, they are made in half the time.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

/** Replies as real servers sent them. */
const folder = new URL("../../core/test/fixtures/wire/", import.meta.url)
const samples = fs
  .readdirSync(folder)
  .filter((name) => name.endsWith(".json") || name.endsWith(".txt"))
  .map((name) => fs.readFileSync(new URL(name, folder)))

const encoder = new TextEncoder()

/** A sample with a few of its bytes changed, dropped or repeated. */
const mutated = FastCheck.record({
  sample: FastCheck.constantFrom(...samples),
  edits: FastCheck.array(
    FastCheck.record({
      at: FastCheck.double({ min: 0, max: 1, noNaN: true }),
      byte: FastCheck.integer({ min: 0, max: 255 }),
      kind: FastCheck.integer({ min: 0, max: 4 })
    }),
    { maxLength: 6 }
  )
}).map(({ edits, sample }) => {
  let bytes = Uint8Array.from(sample)
  for (const { at, byte, kind } of edits) {
    const index = Math.floor(at * bytes.length)
    const rest = bytes.slice(index)
    const head = bytes.slice(0, index)
    if (kind === 0) bytes = Uint8Array.from([...head, byte, ...rest])
    else if (kind === 1) bytes = Uint8Array.from([...head, ...rest.slice(1)])
    else if (kind === 2) bytes = head
    else if (kind === 3) bytes = Uint8Array.from([...head, ...rest.slice(0, byte), ...rest])
    else if (index < bytes.length) bytes[index] = byte
  }
  return bytes
})

/** A sample whose values are changed for others. */
const grafted = FastCheck.record({
  sample: FastCheck.constantFrom(...samples.map((sample) => sample.toString())),
  value: FastCheck.json(),
  at: FastCheck.nat(30)
}).map(({ at, sample, value }) => {
  let index = 0
  return encoder.encode(
    sample.replace(/:("[^"]*"|\d+|true|false|null)/g, (found) => (index++ === at ? `:${value}` : found))
  )
})

const shaped = FastCheck.letrec((tie) => ({
  value: FastCheck.oneof(
    { depthSize: "small" },
    FastCheck.constantFrom(null, true, 0, -1, 1.5, 1e308, "", "m1", "user", "__proto__"),
    FastCheck.array(tie("value"), { maxLength: 3 }),
    FastCheck.dictionary(
      FastCheck.constantFrom(
        ...[
          "id",
          "sessionId",
          "role",
          "userInput",
          "toolCalls",
          "callbackResults",
          "reasoningDuration",
          "error",
          "message"
        ],
        ...["code", "type", "__proto__", "constructor", "toString", "then", "length"]
      ),
      tie("value"),
      { maxKeys: 6 }
    )
  )
})).value.map((value) => encoder.encode(JSON.stringify(value)))

const body = FastCheck.oneof(
  mutated,
  grafted,
  shaped,
  FastCheck.json().map((text) => encoder.encode(text)),
  FastCheck.uint8Array({ maxLength: 64 }),
  FastCheck.string({ unit: "binary" }).map((text) => encoder.encode(text))
)

const contentType = FastCheck.oneof(
  { weight: 5, arbitrary: FastCheck.constant("application/json") },
  {
    weight: 2,
    arbitrary: FastCheck.constantFrom(
      "",
      "text/html",
      "text/plain",
      "application/json; charset=utf-8",
      "application/hal+json",
      ";;;",
      "application/json; charset",
      "APPLICATION/JSON"
    )
  },
  { weight: 1, arbitrary: FastCheck.string().map((text) => text.replace(/[^\x20-\x7e]/g, "")) }
)

interface Reply extends Answer {
  readonly status: number
  readonly headers: { readonly "content-type"?: string; readonly "retry-after": string }
  readonly body: ReadonlyArray<Uint8Array>
}

const reply: FastCheck.Arbitrary<Reply> = FastCheck.record({
  status: FastCheck.oneof(
    { weight: 6, arbitrary: FastCheck.constant(200) },
    { weight: 3, arbitrary: FastCheck.constantFrom(202, 204, 301, 400, 401, 404, 408, 429, 500, 503) },
    { weight: 1, arbitrary: FastCheck.integer({ min: 0, max: 999 }) }
  ),
  type: contentType,
  retryAfter: FastCheck.oneof(
    FastCheck.constant(""),
    FastCheck.nat().map(String),
    FastCheck.string().map((text) => text.replace(/[^\x20-\x7e]/g, ""))
  ),
  bytes: body,
  cut: FastCheck.nat(100)
}).map(({ bytes, cut, retryAfter, status, type }) => ({
  status,
  headers: { ...(type !== "" && { "content-type": type }), "retry-after": retryAfter },
  body: [bytes.slice(0, cut), bytes.slice(cut)]
}))

const decoder = new TextDecoder()

/** What an engine that is handed the reply makes of it. */
const toReply = ({ body, headers, status }: Reply): Engine.Reply => {
  const bytes = Buffer.concat(body)
  return {
    status,
    header: (name) => headers[name as keyof typeof headers],
    body: () => Effect.succeed({ text: decoder.decode(bytes), byteLength: bytes.byteLength }),
    chunks: (onChunk) => Effect.sync(() => onChunk(bytes))
  }
}

const encode = Schema.encodeSync(Schema.parseJson(MixError))

it.live("generated replies", () =>
  Effect.gen(function* () {
    const runs = draws(400, 4000)
    const tags: Record<string, number> = {}
    const answers = FastCheck.sample(reply, { numRuns: runs, seed })
    let next = 0
    const server = scripted(() => answers[next] as Reply)
    const engine: Engine.Engine = () => Effect.sync(() => toReply(answers[next] as Reply))
    const ofEngine = yield* Services.makeMessages(() => Effect.succeed(engine), {
      serverUrl: "http://localhost:8088"
    })
    yield* withService(server, (ofClient) =>
      Effect.gen(function* () {
        for (; next < runs; next++) {
          // A client takes ten times as long, and how it is read is no matter of what the reply says.
          const messages = next % 10 === 0 ? ofClient : ofEngine
          const call: Effect.Effect<unknown, MixError> =
            next % 3 === 0
              ? messages.send({ id: sessionId, text: "Hello" })
              : next % 3 === 1
                ? messages.getHistory()
                : messages.listSession({ id: sessionId })
          const exit = yield* Effect.exit(call.pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none)))
          const failed = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()
          if (Exit.isFailure(exit) && Option.isNone(failed)) {
            assert.fail(`seed ${seed}, reply ${next}: ${Cause.pretty(exit.cause)}`)
          }
          const tag = Option.isSome(failed) ? failed.value._tag : "success"
          tags[tag] = (tags[tag] ?? 0) + 1
          if (Option.isSome(failed)) {
            assert.isBelow(failed.value.message.length, 300)
            if (next % 20 === 0) assert.isBelow(encode(failed.value).length, 20_000)
          }
        }
      })
    )
    assert.strictEqual(server.requests.length, runs / 10)
    console.log(`fuzz: ${runs} replies, seed ${seed}: ${JSON.stringify(tags)}`)
  })
)
