/** A message arrives at most once, and `outcome` never says that it was not sent when it was: over every engine. */
import { assert, describe, it } from "@effect/vitest"
import { MessagesService, SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Random from "effect/Random"
import { draws } from "../../core/test/draws.ts"
import {
  breakingServer,
  type EngineName,
  engineNames,
  layerOf,
  type Moment,
  moments,
  type SocketError
} from "./everyEngine.ts"

const small = "Hello"
const large = "x".repeat(2 * 1024 * 1024)

/** Sends once with the default policy, whose retries are due at once. */
const play = (engine: EngineName, moment: Moment, error: SocketError, text: string) =>
  Effect.gen(function* () {
    const server = yield* breakingServer(moment, error)
    const exit = yield* Effect.flatMap(MessagesService, (messages) =>
      messages.send({ id: SessionId.make("s1"), text })
    ).pipe(
      Effect.provide(layerOf(engine, { serverUrl: server.url, sendTimeout: 5000 })),
      Effect.withRandom(Random.fixed([0])),
      Effect.either,
      Effect.exit
    )
    if (Exit.isFailure(exit)) return assert.fail(`a defect: ${exit.cause}`)
    const failure = exit.value._tag === "Left" ? exit.value.left : undefined
    return { failure, posts: server.posts() }
  }).pipe(Effect.scoped)

/** Codes that Linux and OpenSSL give to connections that stand, and the calls with which they do. */
const codes = [
  ...["EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED", "EADDRNOTAVAIL", "ENETDOWN", "EHOSTDOWN", "ECONNRESET", "EPIPE"],
  ...["ETIMEDOUT", "EPROTO", "ENOTCONN", "ECONNABORTED", "EACCES", "EPERM", "EINVAL", "ENOBUFS", "ENOMEM", "EMFILE"],
  ...["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "ERR_SSL_BAD_LENGTH"]
]

const arrived: ReadonlyArray<Moment> = ["upload", "request", "head"]

describe("151", () => {
  const each = FastCheck.record({
    engine: FastCheck.constantFrom(...engineNames),
    moment: FastCheck.constantFrom(...moments),
    code: FastCheck.constantFrom(...codes),
    syscall: FastCheck.constantFrom("read", "write", undefined)
  })

  it.live("a connection that ends with any code, at any moment, over any engine", () =>
    Effect.gen(function* () {
      for (const drawn of FastCheck.sample(each, draws(40, 600))) {
        const { code, engine, moment, syscall } = drawn
        const { failure, posts } = yield* play(engine, moment, { code, syscall }, moment === "upload" ? large : small)
        const told = `${JSON.stringify(drawn)}: ${failure?.message}`
        assert.isAtMost(posts, 1, told)
        // Resent where nothing had been sent, it has arrived.
        if (failure === undefined) assert.isFalse(arrived.includes(moment), told)
        else if (posts > 0 || arrived.includes(moment)) assert.strictEqual(failure.outcome, "unknown", told)
        else if (engine === "MixNode") assert.strictEqual(failure.outcome, "notSent", told)
      }
    })
  )

  for (const engine of engineNames) {
    it.live(`${engine}: ended after the message arrived, one POST, unknown`, () =>
      Effect.gen(function* () {
        for (const code of ["EHOSTUNREACH", "ECONNREFUSED", "EPROTO", "ERR_SSL_BAD_LENGTH"]) {
          const { failure, posts } = yield* play(engine, "request", { code, syscall: "read" }, small)
          assert.strictEqual(posts, 1)
          assert.deepStrictEqual([failure?._tag, failure?.outcome], ["ConnectionError", "unknown"])
        }
      })
    )
  }
})
