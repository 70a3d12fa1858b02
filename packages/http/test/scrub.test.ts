/** 158 Echoes of a secret, however a server mangles them: no piece of sensible length is left, in linear time. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { draws } from "../../core/test/draws.ts"
import * as Scrub from "../src/internal/scrub.ts"

const numRuns = draws(50, 750)

const codes = (text: string) => Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))

const unicode = (code: number) => `\\u${code.toString(16).padStart(4, "0")}`

const json = (text: string) => JSON.stringify(text).slice(1, -1)

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Ways in which a text is escaped, each of which may follow any other. */
const escapes: Readonly<Record<string, (text: string) => string>> = {
  json,
  "json in ASCII": (text) => json(text).replace(/[^\0-\x7f]/g, (unit) => unicode(unit.charCodeAt(0))),
  "json as Go writes it": (text) =>
    json(text).replace(/[<>&\u2028\u2029]/g, (unit) => unicode(unit.charCodeAt(0)).toUpperCase().replace("U", "u")),
  "json, every character": (text) => codes(text).map(unicode).join(""),
  url: encodeURIComponent,
  "a form": (text) => encodeURIComponent(text).replaceAll("%20", "+"),
  "url in small letters": (text) => encodeURIComponent(text).replace(/%../g, (escape) => escape.toLowerCase()),
  "url, every byte": (text) =>
    Array.from(new TextEncoder().encode(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  html: (text) => text.replace(/[&<>"']/g, (character) => entities[character] as string),
  "html, every character": (text) => Array.from(text, (character) => `&#${character.codePointAt(0)};`).join(""),
  "html in base 16": (text) =>
    Array.from(text, (character) => `&#x${character.codePointAt(0)?.toString(16).toUpperCase()};`).join("")
}

/** Pairs of surrogates stay together. */
const joined = (text: string, width: number, between: string) =>
  (text.match(new RegExp(`[^]{1,${width}}`, "gu")) ?? []).join(between)

/** Ways in which a text is laid out anew. */
const layouts: Readonly<Record<string, (text: string, width: number) => string>> = {
  "as it is": (text) => text,
  wrapped: (text, width) => joined(text, width, "\n"),
  "wrapped and indented": (text, width) => joined(text, width, "\r\n\t"),
  "spaced out": (text) => joined(text, 1, " "),
  "without blanks": (text) => text.replace(/\s/gu, ""),
  "in capitals": (text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
  "with invisible characters": (text, width) => joined(text, width, "\u200b\u2060")
}

/** Names of either table. In capitals an escape of JSON is none any more, so that layout comes before all escapes. */
const escape = FastCheck.constantFrom(...Object.keys(escapes))
const layout = FastCheck.constantFrom(...Object.keys(layouts))

/** Runs of letters and digits that look like parts of escapes, between characters that begin and end such. */
const run = FastCheck.oneof(
  FastCheck.string({ unit: FastCheck.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789"), maxLength: 24 }),
  FastCheck.string({ unit: FastCheck.constantFrom(..."nrtux25ae0"), maxLength: 24 }),
  FastCheck.constantFrom("amp", "lt", "u0041", "x41", "2541", "n", "quot", "39", "漢字かな交じり文", "\u{1f600}", "é")
)
const special = FastCheck.constantFrom(
  ..."\\%&;\"'<>#+ \n\t=/-_.:~|^*()[]{}$?",
  "\\\\",
  "%25",
  "&#",
  "\u2028",
  "\u200b"
)
/** Letters that no escape begins with, holds or is completed by. */
const core = FastCheck.string({
  unit: FastCheck.constantFrom(..."ghijkmopqsvwyzGHIJKMOPQSVWYZ"),
  minLength: 16,
  maxLength: 40
})
const parts = FastCheck.array(FastCheck.tuple(run, special), { maxLength: 8 }).map((parts) => parts.flat().join(""))

/** A core, and what stands before and behind it. */
const secrets = FastCheck.record({ before: parts, core, after: parts })

/** All pieces of so many letters and digits: those that no escape but a complete one changes. */
const piecesOf = (secret: string, length: number): ReadonlyArray<string> =>
  (secret.match(/[0-9A-Za-z]+/g) ?? []).flatMap((run) =>
    run.length < length
      ? []
      : Array.from({ length: run.length - length + 1 }, (_, from) => run.slice(from, from + length))
  )

interface Mangling {
  readonly layoutBefore: string
  readonly escapes: ReadonlyArray<string>
  readonly layoutAfter: string
  readonly width: number
}

const mangling = FastCheck.record({
  layoutBefore: layout,
  escapes: FastCheck.array(escape, { maxLength: 2 }),
  layoutAfter: layout.filter((name) => name !== "in capitals"),
  width: FastCheck.integer({ min: 1, max: 76 })
})

const mangle = (text: string, { escapes: names, layoutAfter, layoutBefore, width }: Mangling): string => {
  const laidOut = layouts[layoutBefore]?.(text, width) ?? text
  const escaped = names.reduce((text, name) => escapes[name]?.(text) ?? text, laidOut)
  return layouts[layoutAfter]?.(escaped, width) ?? escaped
}

const kinds: ReadonlyArray<readonly [string, (secret: string) => (text: string) => string]> = [
  ["a header", (secret) => Scrub.make(["other", secret])],
  ["a message", (secret) => Scrub.make(["other"], secret)]
]

describe("echoes", () => {
  for (const [kind, make] of kinds) {
    it(`of all of ${kind}: nothing is left of it`, () => {
      FastCheck.assert(
        FastCheck.property(secrets, mangling, ({ after, before, core }, mangling) => {
          const secret = `${before}-${core}-${after}`
          const echo = mangle(secret, mangling)
          if (echo.length > 7000) return
          const left = make(secret)(`<<${echo}>>`)
          assert.include(left, "<redacted>")
          for (const piece of piecesOf(secret, 12)) assert.notInclude(left, piece)
          for (const piece of piecesOf(core, 3)) {
            assert.notInclude(left, mangle(piece, mangling), echo)
            assert.notInclude(left, mangle(piece, { ...mangling, layoutBefore: "", layoutAfter: "" }), echo)
          }
        }),
        { numRuns }
      )
    })

    it(`of a part of ${kind}: no eight characters of it are left`, () => {
      const cut = FastCheck.tuple(FastCheck.nat(), FastCheck.nat())
      FastCheck.assert(
        FastCheck.property(secrets, cut, mangling, ({ after, before, core }, [from, size], mangling) => {
          const secret = `${before}-${core}-${after}`
          const start = from % secret.length
          // Nobody cuts a character in two and escapes the halves.
          const part = secret.slice(start, start + 12 + (size % secret.length)).replace(/\p{Surrogate}/gu, "")
          const echo = mangle(part, mangling)
          if (echo.length > 7000) return
          for (const text of [`before: ${echo} ... after`, echo, `... ${echo}`, `${echo}"`]) {
            const left = make(secret)(text)
            const shown = left.replace(/[\s\u200b\u2060]/gu, "").toLowerCase()
            for (const piece of piecesOf(part, 12)) assert.notInclude(shown, piece.toLowerCase())
            const inCore = core.includes(part) ? part : part.includes(core) ? core : ""
            for (const piece of piecesOf(inCore, 8)) {
              assert.notInclude(shown, piece.toLowerCase())
              assert.notInclude(left, mangle(piece, mangling), echo)
              assert.notInclude(left, mangle(piece, { ...mangling, layoutBefore: "", layoutAfter: "" }), echo)
            }
          }
        }),
        { numRuns }
      )
    })
  }

  it("of a credential that is cut off where the text ends or begins: four characters are too many", () => {
    const token = "tok_Live-9f8e7d6c5b4a39281706"
    const scrub = Scrub.make([`Bearer ${token}`])
    for (let size = 4; size <= token.length; size++) {
      for (const [before, after] of [
        ["", ""],
        ["", "..."],
        ['"', '…"'],
        [" ", ""]
      ] as const) {
        assert.strictEqual(
          scrub(`no such token${before}${token.slice(0, size)}${after}`).split("<redacted>")[0],
          `no such token${before}`
        )
        assert.match(scrub(`${before}${token.slice(-size)}${after} is no token`), /<redacted>.* is no token$/u)
        assert.notInclude(scrub(`${before}${token.slice(-size)}${after} is no token`), token.slice(-4))
      }
    }
  })

  it("of what Basic encodes: the pair, and the password alone", () => {
    for (const [user, password] of [
      ["admin", "hunter2-correct-horse"],
      ["", "only:a:password"],
      ["jörg", 'pässwörd "quoted"'],
      ["admin", "four"]
    ] as const) {
      const bytes = new TextEncoder().encode(`${user}:${password}`)
      const encoded = Buffer.from(bytes).toString("base64")
      for (const scheme of ["Basic", "basic ", "BASIC"]) {
        const scrub = Scrub.make([`${scheme} ${encoded}`])
        assert.match(scrub(`nobody has [${password}]!`), /^nobody has \[<redacted>"?\]!$/)
        assert.match(scrub(JSON.stringify({ k: password })), /^\{"k":"<redacted>"{1,2}\}$/)
        assert.notInclude(scrub(`[${user}:${password}]`), password.slice(1))
        assert.strictEqual(scrub(`got ${encoded}`), "got <redacted>")
      }
    }
    assert.strictEqual(Scrub.make(["Basic no base64!"])("this is no base64!"), "this is <redacted>")
  })

  it("of a short message: the whole of it, and no part that is a word of the server's own", () => {
    const scrub = Scrub.make([], "continue")
    assert.strictEqual(scrub("cannot continue: no content"), "cannot <redacted>: no content")
    assert.strictEqual(Scrub.make([], "the content")("message content is required"), "messag<redacted> is required")
    assert.strictEqual(Scrub.make([], "Hi")("Hi there"), "Hi there")
  })

  it("of what is nothing but backslashes, blanks and plus signs: as it is", () => {
    assert.strictEqual(Scrub.make(["++++++"])("a ++++++ b"), "a <redacted> b")
    assert.strictEqual(Scrub.make([], "a b c")("said a b c"), "said <redacted>")
    assert.strictEqual(Scrub.make(["\\\\\\\\"])("a \\\\\\\\ b"), "a <redacted> b")
    assert.strictEqual(Scrub.make(["     "], "\n\n\n\n\n")("a      b\n\n\n\n\n"), "a      b\n\n\n\n\n")
  })
})

describe("texts", () => {
  it("without an echo stay as they are", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.string({ unit: FastCheck.constantFrom(...'ghijklmnop \\%&;"<+\n\u{1f600}'), maxLength: 300 }),
        (text) => {
          assert.strictEqual(Scrub.make(["Bearer 0123456789abcdef"], "THE QUICK BEY FCED 0123")(text), text)
        }
      ),
      { numRuns }
    )
    assert.strictEqual(Scrub.make([])("anything"), "anything")
    assert.strictEqual(Scrub.make(["x", ""])("x marks the spot"), "x marks the spot")
  })

  it("keep what stands around an echo", () => {
    const secret = "a+b(c)[d]*.^$|\\"
    const scrub = Scrub.make([secret, `long ${"é".repeat(5000)}`])
    assert.strictEqual(scrub(`1 ${secret} 2`), "1 <redacted> 2")
    assert.strictEqual(scrub("1 a%2Bb&#40;c)\\u005bd]%2a.^&#x24;|\\\\ 2"), "1 <redacted> 2")
    assert.strictEqual(scrub(`1 long ${"é".repeat(5000)} 2`), "1 <redacted> 2")
    assert.strictEqual(scrub(JSON.stringify(JSON.stringify(secret))), '"\\"<redacted>""')
    assert.strictEqual(Scrub.make(["k".repeat(20_000)])(`1 ${"k".repeat(20_000)}`), "1 <redacted>")
  })

  it("beside a message of more than 256 KiB are not kept at all", () => {
    const scrub = Scrub.make([], "y".repeat(20_000_000))
    assert.strictEqual(scrub("any text"), "<redacted>")
    assert.strictEqual(scrub(""), "")
  })
})

describe("time", () => {
  const units = [
    ...["a", "ab", "\\", '\\\\"', "%", "%3", "%25", "%%25", "&", "&amp", "&amp;", "&#x", "&#39;", ";", "\\u", "\\u00"],
    ...["\\u005c", "\\x", "%5C", "%C3", "%E2%82", "%F0%9F%98%80", "é", "\u{1f600}", "\u200b", "+", "...", "((a", "é."]
  ]
  const fill = (unit: string, length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length)

  /** The best of a few runs, in time of the processor: others may want it too. */
  const millis = (work: () => unknown) =>
    Math.min(
      ...Array.from({ length: 3 }, () => {
        const start = process.cpuUsage()
        work()
        const { system, user } = process.cpuUsage(start)
        return (user + system) / 1000
      })
    )

  it("8 KiB of text against a secret of 4 KiB: under 20 ms, whatever they are made of", () => {
    let worst = 0
    for (const unit of units) {
      for (const other of [unit, "a"]) {
        for (const end of ["", "x"]) {
          const secret = fill(other, 4096 - end.length) + end
          worst = Math.max(
            worst,
            millis(() => Scrub.make([secret], secret)(fill(unit, 8192)))
          )
        }
      }
    }
    assert.isBelow(worst, 20)
  })

  it("escapes that complete one another 4,000 deep overflow no stack", () => {
    assert.strictEqual(Scrub.make([`${"%3".repeat(4000)}4`])(`${"%3".repeat(4000)}4`), "<redacted>")
    assert.isString(Scrub.make([], "%3".repeat(100_000) + "4".repeat(100_000))("%3%3%34444"))
  })
})
