import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Sse from "../../src/internal/conversation/sse.ts"
import { draws } from "../draws.ts"
import { exchanges, streams, toText } from "./recorded.ts"

const parse = (pieces: ReadonlyArray<string>, limit?: number) => {
  const parser = Sse.make(limit)
  return pieces.flatMap((piece) => parser.push(piece))
}

const cut = (text: string, ...at: ReadonlyArray<number>) =>
  [0, ...at].map((from, index) => text.slice(from, at[index] ?? text.length))

/** The rules of the WHATWG to the letter, for a text that has come to its end. */
const reference = (text: string): ReadonlyArray<Sse.Frame> => {
  const frames: Array<Sse.Frame> = []
  let event = ""
  let data = ""
  for (const line of text
    .replace(/^\ufeff/, "")
    .split(/\r\n|\n|\r/)
    .slice(0, -1)) {
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (line === "") {
      if (data !== "") frames.push({ event: event || "message", data: data.slice(0, -1) })
      event = ""
      data = ""
    } else if (field === "event") event = value
    else if (field === "data") data += `${value}\n`
  }
  return frames
}

describe("sse", () => {
  it("reads what servers sent", () => {
    assert.deepStrictEqual(parse([streams[1]?.text ?? ""]), [
      { event: "error", data: '{"error":"Invalid session ID: nope"}' }
    ])
    for (const { frames, name } of exchanges) {
      assert.isAbove(frames.length, 0, name)
      assert.deepStrictEqual(parse([toText(frames)]), frames, name)
    }
  })

  it("a split changes nothing, wherever it is", () => {
    for (const { name, text } of streams) {
      for (const variant of [text, text.replaceAll("\n", "\r\n"), text.replaceAll("\n", "\r"), `\ufeff${text}`]) {
        const whole = JSON.stringify(parse([variant]))
        for (let at = 0; at <= variant.length; at++)
          if (JSON.stringify(parse(cut(variant, at))) !== whole) assert.fail(`${name} at ${at}`)
      }
    }
    for (const { frames, name } of exchanges) {
      const text = toText(frames.slice(0, draws(5, 20)))
      const whole = JSON.stringify(parse([text]))
      for (let at = 0; at <= text.length; at++)
        if (JSON.stringify(parse(cut(text, at))) !== whole) assert.fail(`${name} at ${at}`)
    }
  })

  it("two splits change nothing, wherever they are", () => {
    const texts = draws(
      [streams[1]?.text ?? "", (streams[2]?.text ?? "").slice(0, 150), (streams[3]?.text ?? "").slice(-150)],
      streams.map(({ text }) => text.slice(0, 400))
    )
    for (const text of texts.flatMap((each) => [each, each.replaceAll("\n", "\r\n")])) {
      const whole = JSON.stringify(parse([text]))
      for (let first = 0; first <= text.length; first++)
        for (let second = first; second <= text.length; second++)
          if (JSON.stringify(parse(cut(text, first, second))) !== whole) assert.fail(`${first}, ${second}`)
    }
  })

  it("follows the rules of the WHATWG, however it is cut", () => {
    const value = FastCheck.stringMatching(/^[^\r\n\ufeff]{0,8}$/)
    const frame = FastCheck.record({
      event: FastCheck.option(FastCheck.constantFrom("content", "complete", "heartbeat")),
      data: FastCheck.array(value, { maxLength: 3 }),
      comments: FastCheck.array(value, { maxLength: 2 }),
      end: FastCheck.constantFrom("\n", "\r", "\r\n")
    })
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(frame, { maxLength: 6 }),
        FastCheck.array(FastCheck.nat(200), { maxLength: 6 }),
        FastCheck.boolean(),
        (frames, cuts, bom) => {
          const text = frames
            .map(({ comments, data, end, event }) =>
              [
                ...comments.map((comment) => `:${comment}`),
                ...(event === null ? [] : [`event: ${event}`]),
                ...data.map((line) => `data: ${line}`),
                "id: 7",
                "retry: 750",
                "unknown",
                "",
                ""
              ].join(end)
            )
            .join("")
          const expected = frames
            .filter(({ data }) => data.length > 0)
            .map(({ data, event }) => ({ event: event ?? "message", data: data.join("\n") }))
          const whole = (bom ? "\ufeff" : "") + text
          const at = cuts.map((each) => Math.min(each, whole.length)).sort((a, b) => a - b)
          assert.deepStrictEqual(parse(cut(whole, ...at)), expected)
        }
      ),
      { numRuns: draws(200, 10_000) }
    )
  })

  it("reads any bytes as the rules say, in any pieces", () => {
    const word = FastCheck.constantFrom(
      ...[
        "\r",
        "\n",
        "\r\n",
        "\n\n",
        ":",
        " ",
        "data",
        "data:",
        "data: ",
        " data:",
        "Data:",
        "event",
        "event: ",
        ": comment"
      ],
      ...[
        "id: 7",
        "id: \0",
        "retry: 750",
        "retry: x",
        "\ufeff",
        "\0",
        "\u00e9",
        "\u{1f600}",
        "\u2028",
        "x",
        "data: a\n\n",
        "data: b\r\n\r\n"
      ]
    )
    const cuts = FastCheck.array(FastCheck.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 })
    const encoder = new TextEncoder()
    FastCheck.assert(
      FastCheck.property(FastCheck.array(word, { maxLength: 40 }), cuts, (words, sizes) => {
        const text = words.join("")
        const bytes = encoder.encode(text)
        // A decoder drops the mark at the beginning, so it is left to the parser here.
        const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
        const pieces: Array<string> = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] as number
          pieces.push(decoder.decode(bytes.subarray(at, at + size), { stream: true }))
          at += size
        }
        assert.deepStrictEqual(parse(pieces), reference(text))
      }),
      { numRuns: draws(500, 100_000) }
    )
  })

  it("takes one blank after the colon, and fields without a colon", () => {
    assert.deepStrictEqual(parse(["data:a\ndata:  b\ndata\n\n"]), [{ event: "message", data: "a\n b\n" }])
    assert.deepStrictEqual(parse(["event: x\n\ndata: a\n\n"]), [{ event: "message", data: "a" }])
  })

  it("drops a frame that nothing completes", () => {
    assert.deepStrictEqual(parse(["data: a\n\ndata: b\n"]), [{ event: "message", data: "a" }])
    assert.deepStrictEqual(parse(["data: a\n\ndata: b"]), [{ event: "message", data: "a" }])
  })

  it("stops at a frame that is too long, and keeps those before it", () => {
    for (const endless of [`data: ${"x".repeat(100)}`, "data: x\n".repeat(20), ": x\n".repeat(40)]) {
      const parser = Sse.make(64)
      assert.deepStrictEqual(parser.push(`data: a\n\n${endless}`), [{ event: "message", data: "a" }])
      assert.isTrue(parser.tooLarge())
      assert.deepStrictEqual(parser.push("\n\ndata: b\n\n"), [])
    }
    const parser = Sse.make(64)
    parser.push("data: x\n\n".repeat(1000))
    assert.isFalse(parser.tooLarge())
  })

  it("reads a line of 32 MB in less than a second of the processor", () => {
    const parser = Sse.make(64 * 1024 * 1024)
    const piece = "x".repeat(64 * 1024)
    const before = process.cpuUsage()
    parser.push("data: ")
    for (let count = 0; count < 512; count++) parser.push(piece)
    const [frame] = parser.push("\n\n")
    assert.strictEqual(frame?.data.length, 32 * 1024 * 1024)
    const { system, user } = process.cpuUsage(before)
    assert.isBelow(user + system, 1_000_000)
  })
})
