/** Content codings: what the engine asks for, and what it makes of what comes. */
import * as zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import type { Engine } from "@mix-effect/http"
import { FaultServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { Agent } from "undici"
import * as ContentEncoding from "../src/internal/contentEncoding.ts"
import * as UndiciEngine from "../src/internal/undiciEngine.ts"

const text = JSON.stringify(Array.from({ length: 200 }, (_, index) => ({ id: `m${index}`, text: "\u00fc" })))

const encoders: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: zlib.gzipSync,
  "x-gzip": zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  identity: (bytes) => bytes,
  ...("zstdCompressSync" in zlib && { zstd: zlib.zstdCompressSync as (bytes: Uint8Array) => Uint8Array })
}

const encode = (codings: ReadonlyArray<string>): Uint8Array =>
  codings.reduce<Uint8Array>(
    (bytes, coding) => (encoders[coding] as (bytes: Uint8Array) => Uint8Array)(bytes),
    Buffer.from(text)
  )

/** One request to a server that answers with these bytes. */
const exchange = (bytes: Uint8Array, ...codings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve(
      FaultServer.text(bytes, { headers: codings.map((value) => ["Content-Encoding", value]) })
    )
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Agent()),
      (agent) => Effect.promise(() => agent.destroy())
    )
    const request: Engine.Request = {
      method: "GET",
      url: `${server.url}/`,
      headers: {},
      signal: new AbortController().signal
    }
    const reply = yield* UndiciEngine.make(agent)(request, { phase: "headers" })
    const [received] = yield* server.requests
    return { reply, received }
  })

const decoded = (bytes: Uint8Array, ...codings: ReadonlyArray<string>) =>
  Effect.flatMap(exchange(bytes, ...codings), ({ reply }) => reply.body(1_000_000))

const whole = { text, byteLength: Buffer.byteLength(text) }

describe("decoded", () => {
  for (const coding of Object.keys(encoders)) {
    it.scopedLive(`${coding}, in any case`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* decoded(encode([coding]), coding), whole)
        assert.deepStrictEqual(yield* decoded(encode([coding]), ` ${coding.toUpperCase()} `), whole)
      })
    )
  }

  it.scopedLive("deflate without the header of zlib", () =>
    Effect.gen(function* () {
      for (const level of [0, 1, 9]) {
        assert.deepStrictEqual(yield* decoded(zlib.deflateRawSync(text, { level }), "deflate"), whole)
      }
    })
  )

  it.scopedLive("several, in one header or in more, with identity and nothing between", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* decoded(encode(["gzip", "br"]), "gzip, br"), whole)
      assert.deepStrictEqual(yield* decoded(encode(["deflate", "gzip"]), "deflate", "gzip"), whole)
      assert.deepStrictEqual(yield* decoded(encode(["br", "deflate"]), "br,, identity ,deflate,"), whole)
      assert.deepStrictEqual(yield* decoded(encode(["gzip", "gzip"]), "gzip, gzip"), whole)
    })
  )

  it.scopedLive("an empty header, or identity, is no coding; an empty body has nothing to decode", () =>
    Effect.gen(function* () {
      for (const value of ["", " , ", "identity", "Identity, identity"]) {
        assert.deepStrictEqual(yield* decoded(Buffer.from(text), value), whole)
      }
      assert.deepStrictEqual(yield* decoded(new Uint8Array(), "gzip, br"), { text: "", byteLength: 0 })
    })
  )
})

describe("refused", () => {
  const refusals: ReadonlyArray<readonly [what: string, codings: ReadonlyArray<string>]> = [
    ["one that is not known", ["compress"]],
    ["one of several that is not known", ["gzip, compress"]],
    ["a member of every object", ["constructor"]],
    ["more than any server applies", ["gzip, gzip, gzip, gzip, gzip, gzip"]]
  ]
  for (const [what, codings] of refusals) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(decoded(encode(["gzip"]), ...codings))
        assert.strictEqual(error.code, "ERR_CONTENT_ENCODING")
      })
    )
  }

  it.scopedLive("a body that is not encoded as it says, at any place of several", () =>
    Effect.gen(function* () {
      for (const [bytes, codings] of [
        [encode([]), "gzip"],
        [encode([]), "deflate"],
        [encode(["gzip"]), "gzip, gzip"],
        [encode(["gzip"]), "br, gzip"],
        [encode(["gzip"]), "gzip, br"],
        [encode(["gzip", "br"]).subarray(0, 40), "gzip, br"],
        [encode(["deflate"]).subarray(0, 40), "deflate"]
      ] as const) {
        assert.strictEqual((yield* Effect.flip(decoded(bytes, codings)))._tag, "EngineError", codings)
      }
    })
  )

  it.scopedLive("a bomb in a bomb stays within maxBytes", () =>
    Effect.gen(function* () {
      const bomb = zlib.gzipSync(zlib.gzipSync(Buffer.alloc(200_000_000)))
      assert.isBelow(bomb.length, 10_000)
      const { reply } = yield* exchange(bomb, "gzip, gzip")
      const before = process.memoryUsage().arrayBuffers
      assert.isAbove((yield* reply.body(100_000)).byteLength, 100_000)
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 50_000_000)
    })
  )
})

it.scopedLive("Accept-Encoding names exactly what is decoded", () =>
  Effect.gen(function* () {
    const { received } = yield* exchange(encode([]))
    const names = (received?.headers.get("accept-encoding") ?? "").split(", ")
    assert.deepStrictEqual(names, ["gzip", "deflate", "br", ...("createZstdDecompress" in zlib ? ["zstd"] : [])])
    for (const name of names) assert.deepStrictEqual(yield* decoded(encode([name]), name), whole)
  })
)

it("no value of the header throws", () => {
  const name = FastCheck.oneof(
    FastCheck.constantFrom("gzip", "x-gzip", "BR", "deflate", "identity", "zstd", "__proto__", "toString"),
    FastCheck.string({ maxLength: 5 })
  )
  FastCheck.assert(
    FastCheck.property(FastCheck.array(name), FastCheck.constantFrom(",", ", ", ";"), (names, by) => {
      const decoders = ContentEncoding.decodersOf(names.join(by))
      for (const decoder of decoders ?? []) decoder.destroy()
    })
  )
})
