/**
 * Takes credentials and the text of a message out of what a server wrote, which may echo them.
 *
 * Secret and text are both brought into a normal form: escapes are decoded, however often they were applied, letters of
 * ASCII become small, and backslashes, blanks, line breaks and invisible characters are dropped. Every piece of a secret that then stands
 * in the text is taken out. So an echo is found whether it is whole, cut, wrapped, spaced differently or escaped. Each step
 * takes time in proportion to the length of the text and of the secret, whatever they hold.
 */

const redacted = "<redacted>"

/** Shorter secrets are words: taking them out would leave a text full of holes and hide nothing. */
const shortest = 4

/** A piece of a secret that is as long as this is always taken out; of a shorter credential, a piece of half its length. */
const longestPiece = 8

/** More of a text than an error keeps. */
const seen = 8 * 1024

/** Beside a longer message nothing is kept of what the server says: to look for its pieces would take too long. */
const longestMessage = 256 * 1024

/** A normal form, and where in the original each of its code units begins and ends. */
interface Normal {
  readonly text: string
  readonly starts: Uint32Array
  readonly ends: Uint32Array
}

const blank = 0x20
const percent = 0x25
const ampersand = 0x26
const plus = 0x2b
const semicolon = 0x3b
const backslash = 0x5c
/** A backslash that was escaped itself stands as this control character, which never stands for itself. */
const decodedBackslash = 1
const letterU = 0x75
const letterX = 0x78

/** Behind a backslash these begin an escape, or a character that is escaped itself and may begin one. */
const opening = new Set([backslash, decodedBackslash, letterU, letterX, percent, ampersand])

const isBackslash = (unit: number) => unit === backslash || unit === decodedBackslash

/** JSON writes control characters as a backslash and one of `b`, `f`, `n`, `r` and `t`. */
const controls = new Set([0x62, 0x66, 0x6e, 0x72, 0x74])

const entities = new Map([
  ["amp", 0x26],
  ["lt", 0x3c],
  ["gt", 0x3e],
  ["quot", 0x22],
  ["apos", 0x27],
  ["nbsp", 0xa0]
])

/** The longest entity that is decoded, `&` and `;` included. */
const longestEntity = 10

const invisible = /[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/u

/** A form writes `+` for a blank. Backslashes are dropped later, since they may begin an escape. */
const isDropped = (point: number) =>
  point < 0x80
    ? (point <= 0x20 && point !== decodedBackslash) || point === plus || point === 0x7f
    : invisible.test(String.fromCodePoint(point))

/** The value of a digit, in base 16; of a letter in small. */
const digit = (unit: number) =>
  unit >= 0x30 && unit <= 0x39 ? unit - 0x30 : unit >= 0x61 && unit <= 0x66 ? unit - 0x57 : Number.NaN

/** What `#38` and `#x26` stand for. */
const numbered = (name: string): number =>
  /^#(\d+|x[\da-f]+)$/.test(name) ? Number(name.startsWith("#x") ? `0${name.slice(1)}` : name.slice(1)) : Number.NaN

/** Bytes of UTF-8 stand as lone surrogates until all of their character have come. */
const byteBase = 0xdc00
const isLead = (unit: number, from: number, to: number) => unit >= byteBase + from && unit <= byteBase + to
const isContinuation = (unit: number) => unit >= byteBase + 0x80 && unit <= byteBase + 0xbf

const highSurrogate = (point: number) => 0xd800 + ((point - 0x10000) >> 10)
const lowSurrogate = (point: number) => 0xdc00 + ((point - 0x10000) & 0x3ff)

const toText = (units: Uint16Array): string => {
  let text = ""
  for (let from = 0; from < units.length; from += 4096) {
    text += String.fromCharCode(...units.subarray(from, from + 4096))
  }
  return text
}

/**
 * Characters are pushed on a stack. Where its top becomes an escape, the character that the escape stands for replaces it,
 * and may complete another escape: `%2541` and `%41` are both `A`. Each replacement makes the stack shorter.
 */
const normalize = (input: string): Normal => {
  const units = new Uint16Array(input.length)
  const starts = new Uint32Array(input.length)
  const ends = new Uint32Array(input.length)
  let size = 0
  /** What the escape at the top stands for. */
  let decoded = 0

  /** The unit that lies so many places below the top. */
  const below = (depth: number): number => (depth < size ? (units[size - 1 - depth] as number) : 0)

  /** The number that the topmost digits write; NaN where one of them is no digit. */
  const hex = (digits: number): number => {
    let value = 0
    for (let depth = digits - 1; depth >= 0; depth--) value = value * 16 + digit(below(depth))
    return value
  }

  const decode = (units: number, point: number | undefined): number => {
    if (point === undefined || !(point <= 0x10ffff)) return 0
    decoded = point
    return units
  }

  /** How many backslashes of one kind stand there: an escape that was escaped once more has two. */
  const backslashes = (depth: number): number => {
    let count = 1
    while (below(depth + count) === below(depth)) count += 1
    return count
  }

  const entity = (): number => {
    let name = ""
    for (let depth = 1; depth < longestEntity; depth++) {
      const unit = below(depth)
      if (unit === ampersand) return decode(depth + 1, name.startsWith("#") ? numbered(name) : entities.get(name))
      name = String.fromCharCode(unit) + name
    }
    return 0
  }

  const character = (): number => {
    const bits = (depth: number, mask: number) => (below(depth) - byteBase) & mask
    if (isLead(below(1), 0xc2, 0xdf)) return decode(2, (bits(1, 0x1f) << 6) | bits(0, 0x3f))
    if (!isContinuation(below(1))) return 0
    if (isLead(below(2), 0xe0, 0xef)) return decode(3, (bits(2, 0x0f) << 12) | (bits(1, 0x3f) << 6) | bits(0, 0x3f))
    return isContinuation(below(2)) && isLead(below(3), 0xf0, 0xf4)
      ? decode(4, (bits(3, 0x07) << 18) | (bits(2, 0x3f) << 12) | (bits(1, 0x3f) << 6) | bits(0, 0x3f))
      : 0
  }

  const digits = (): number => {
    if (below(2) === percent) {
      const byte = hex(2)
      return decode(3, byte < 0x80 ? byte : byteBase + byte)
    }
    if (isBackslash(below(5)) && below(4) === letterU) return decode(5 + backslashes(5), hex(4))
    return isBackslash(below(3)) && below(2) === letterX ? decode(3 + backslashes(3), hex(2)) : 0
  }

  /** How many units at the top are an escape. */
  const escape = (): number => {
    const top = below(0)
    if (isBackslash(below(1)) && !opening.has(top)) return decode(2, controls.has(top) ? blank : top)
    if (top === semicolon) return entity()
    if (isContinuation(top)) return character()
    return Number.isNaN(digit(top)) ? 0 : digits()
  }

  const push = (character: number, from: number, end: number): void => {
    let point = character
    let start = from
    while (!isDropped(point)) {
      if (point > 0xffff) {
        units[size] = highSurrogate(point)
        starts[size] = start
        ends[size] = end
        size += 1
        point = lowSurrogate(point)
      }
      units[size] = point >= 0x41 && point <= 0x5a ? point + 0x20 : point
      starts[size] = start
      ends[size] = end
      size += 1
      const length = escape()
      if (length === 0) return
      size -= length
      start = starts[size] as number
      point = decoded === backslash ? decodedBackslash : decoded
      // Escaped twice, it has further backslashes before it.
      if (isDropped(point)) while (isBackslash(below(0))) size -= 1
    }
  }

  for (let index = 0; index < input.length; ) {
    const point = input.codePointAt(index) as number
    const end = index + (point > 0xffff ? 2 : 1)
    if (point !== decodedBackslash) push(point, index, end)
    index = end
  }
  // Some backslashes were none of an escape, and may be doubled in an echo.
  let kept = 0
  for (let index = 0; index < size; index++) {
    units[kept] = units[index] as number
    starts[kept] = starts[index] as number
    ends[kept] = ends[index] as number
    if (!isBackslash(units[index] as number)) kept += 1
  }
  return { text: toText(units.subarray(0, kept)), starts, ends }
}

/** What is looked for. */
interface Wanted {
  readonly secrets: ReadonlyArray<{
    /** The normal form. */
    readonly text: string
    /** How long the pieces are that are taken out wherever they stand. */
    readonly size: number
    /** Whether shorter ones are too, where the text is cut. */
    readonly atEdges: boolean
  }>
  /** What has no normal form to speak of, and is looked for as it is. */
  readonly literals: ReadonlyArray<string>
}

const schemes = /^(?:basic|bearer|digest|negotiate|token) +/i

/** What a server may echo of a header's value: all of it, without the scheme, and what `Basic` encodes. */
const formsOf = (value: string): ReadonlyArray<string> => {
  const [scheme = ""] = schemes.exec(value) ?? []
  const bare = value.slice(scheme.length)
  if (!/^basic/i.test(scheme)) return [bare]
  try {
    const bytes = Uint8Array.from(atob(bare.trim()), (character) => character.charCodeAt(0))
    const pair = new TextDecoder().decode(bytes)
    return [bare, pair, pair.slice(pair.indexOf(":") + 1)]
  } catch {
    return [bare]
  }
}

const prepare = (headers: ReadonlyArray<string>, message: string): Wanted => {
  const candidates = [
    ...headers.flatMap(formsOf).map((secret) => ({ secret, least: 0.5, atEdges: true })),
    // Half a word of a short message would be found in what the server says by itself.
    { secret: message, least: 1, atEdges: false }
  ].map(({ least, secret, ...more }) => {
    const { text } = normalize(secret)
    const size = Math.min(longestPiece, Math.max(shortest, Math.ceil(text.length * least)))
    return { secret, text, size, ...more }
  })
  return {
    secrets: candidates.filter(({ text }) => text.length >= shortest),
    literals: candidates
      .filter(({ secret, text }) => text.length < shortest && secret.trim().length >= shortest)
      .map(({ secret }) => secret.trim())
  }
}

/** All pieces of that length which two texts share, of which the first is the shorter. */
const shared = (text: string, secrets: ReadonlyArray<string>, size: number): ReadonlySet<string> => {
  const pieces = new Set<string>()
  for (let from = 0; from + size <= text.length; from++) pieces.add(text.slice(from, from + size))
  const found = new Set<string>()
  for (const secret of secrets) {
    for (let from = 0; from + size <= secret.length; from++) {
      const piece = secret.slice(from, from + size)
      if (pieces.has(piece)) found.add(piece)
    }
  }
  return found
}

const mark = /[\p{P}\p{S}]/u

/** Where a text begins and ends but for dots, quotes and the like, which may stand around what was cut. */
const edges = (text: string): { readonly start: number; readonly end: number } => {
  let start = 0
  let end = text.length
  while (start < end && mark.test(text.charAt(start))) start += 1
  while (end > start && mark.test(text.charAt(end - 1))) end -= 1
  return { start, end }
}

const redact = (input: string, { literals, secrets }: Wanted): string => {
  const whole = literals.reduce((text, literal) => text.replaceAll(literal, redacted), input)
  const { ends, starts, text } = normalize(whole)
  const covered = new Uint8Array(text.length)
  for (const size of new Set(secrets.map(({ size }) => size))) {
    const found = shared(
      text,
      secrets.filter((secret) => secret.size === size).map(({ text }) => text),
      size
    )
    let until = 0
    for (let from = 0; from < text.length; from++) {
      if (found.has(text.slice(from, from + size))) until = from + size
      if (from < until) covered[from] = 1
    }
  }
  const { end, start } = edges(text)
  for (const { atEdges, size: whole, text: secret } of secrets) {
    for (let size = shortest; atEdges && size < whole; size++) {
      const [first, last] = [secret.slice(0, size), secret.slice(-size)]
      for (let from = 0; from <= start; from++) {
        if (text.startsWith(last, from)) covered.fill(1, from, from + size)
      }
      for (let until = end; until <= text.length; until++) {
        if (text.endsWith(first, until)) covered.fill(1, until - size, until)
      }
    }
  }
  let result = ""
  let done = 0
  for (let from = 0; from < text.length; from++) {
    if (covered[from] === 0) continue
    let last = from
    while (covered[last + 1] === 1) last += 1
    let after = ends[last] as number
    while (whole[after] === "\\") after += 1
    result += whole.slice(done, starts[from]) + redacted
    done = after
    from = last
  }
  return result + whole.slice(done)
}

/**
 * Makes a function that gives the beginning of a text without the secrets: `headers` are values of headers, `message` is
 * the text of a message.
 */
export const make = (headers: ReadonlyArray<string>, message = ""): ((text: string) => string) => {
  // Most calls need none of it, and a message may be long.
  let wanted: Wanted | undefined
  return (text) => {
    if (message.length > longestMessage) return text === "" ? "" : redacted
    wanted ??= prepare(headers, message)
    return redact(text.slice(0, seen), wanted)
  }
}
