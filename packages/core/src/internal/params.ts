/**
 * Parameters are checked here once, for every implementation of the service: what gets through may be sent as it is.
 * JavaScript callers can pass anything, so nothing is taken on the word of a type, and nothing may throw.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { SessionId } from "../BackendMessage.ts"
import { HistoryCursor } from "../HistoryCursor.ts"
import * as Mismatch from "../Mismatch.ts"
import { InvalidRequest, type Operation } from "../MixError.ts"
import { maxLimit } from "./walk.ts"

/** A surrogate without its partner has no UTF-8: the server would read another character. */
export const wellFormed = (text: string) => !/\p{Surrogate}/u.test(text)

/** Escaping cannot neutralise `.` and `..`, and some proxies cut a segment at `;`. */
const fitsPath = (id: string) =>
  id.length <= 512 && id.trim() !== "" && id !== "." && id !== ".." && !/[\p{Cc};]/u.test(id) && wellFormed(id)

export const id = Schema.typeSchema(SessionId).pipe(
  Schema.filter(fitsPath, {
    description:
      "1 to 512 characters of well-formed text without control characters or ';', neither blank nor '.' nor '..'"
  })
)

const integer = (from: number, to: number) =>
  Schema.Number.pipe(
    Schema.filter((n) => Number.isSafeInteger(n) && n >= from && n <= to, {
      description: `an integer from ${from} to ${to === Number.MAX_SAFE_INTEGER ? "2^53-1" : to}`
    })
  )

const limit = integer(1, maxLimit)

const strings = Schema.optional(Schema.Array(Schema.String))

const getHistory = Schema.Struct({
  limit: Schema.optional(limit),
  offset: Schema.optional(integer(0, Number.MAX_SAFE_INTEGER))
})

const listSession = Schema.Struct({ id })

export const send = Schema.Struct({
  id,
  text: Schema.String.pipe(
    Schema.filter((text) => text !== "" && wellFormed(text), {
      description: "not empty, and well-formed text (no lone surrogates)"
    })
  ),
  media: strings,
  apps: strings,
  planMode: Schema.optional(Schema.Boolean),
  thinkingLevel: Schema.optional(
    Schema.String.pipe(
      Schema.filter((level) => level.trim() !== "" && wellFormed(level), {
        description: "a word such as off, basic, medium or maximum"
      })
    )
  ),
  maxSteps: Schema.optional(integer(1, Number.MAX_SAFE_INTEGER))
})

const streamHistory = Schema.Struct({
  pageSize: Schema.optional(limit),
  prefetch: Schema.optional(integer(0, 64)),
  from: Schema.optional(Schema.typeSchema(HistoryCursor)),
  maxPages: Schema.optional(integer(1, Number.MAX_SAFE_INTEGER)),
  strict: Schema.optional(Schema.Boolean)
})

const followHistory = Schema.Struct({
  schedule: Schema.optional(
    Schema.declare((input): input is Schedule.Schedule<unknown> => Schedule.isSchedule(input), {
      identifier: "Schedule"
    })
  ),
  from: Schema.optional(Schema.typeSchema(HistoryCursor))
})

const unreadable: Mismatch.Mismatch = { path: "", expected: "readable", actual: "an object that throws when read" }

/** Checks the argument of a call. What comes out holds the known keys that were set, and nothing else. */
export const check = <A, I>(operation: Operation, schema: Schema.Schema<A, I>) => {
  const validate = Schema.validateEither(schema, { onExcessProperty: "error" })
  return (input: unknown): Effect.Effect<A, InvalidRequest> =>
    Effect.suspend(() => {
      let mismatch: Mismatch.Mismatch
      try {
        const result = validate(input)
        if (Either.isRight(result)) return Effect.succeed(result.right)
        mismatch = Mismatch.fromParseError(result.left)
      } catch {
        mismatch = unreadable
      }
      return Effect.fail(
        new InvalidRequest({
          operation,
          parameter: mismatch.path === "" ? "the request" : mismatch.path,
          expected: mismatch.expected,
          actual: mismatch.actual
        })
      )
    })
}

export const checkGetHistory = check("getHistory", getHistory)
export const checkListSession = check("listSession", listSession)
export const checkSend = check("send", send)
export const checkStreamHistory = check("streamHistory", streamHistory)
export const checkFollowHistory = check("followHistory", followHistory)
