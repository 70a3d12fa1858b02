/** Where a JSON value starts and ends, or why it is none, in the words of Go's decoder. */
export type Scanned = { readonly start: number; readonly end: number } | { readonly error: string }

/** The position behind what was read, or the error. */
type Step = number | string

const maxDepth = 10_000
const cutShort = "unexpected EOF"

const isSpace = (c: string | undefined): boolean => c === " " || c === "\t" || c === "\n" || c === "\r"
const isDigit = (c: string | undefined): boolean => c !== undefined && c >= "0" && c <= "9"

// Go reads bytes: of a character outside ASCII it names the first byte, as if that were a code point.
const firstByte = (text: string, at: number): number => {
  const code = text.codePointAt(at) ?? 0
  if (code < 0x80) return code
  if (code < 0x800) return 0xc0 | (code >> 6)
  return code < 0x10000 ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18)
}

const invalid = (text: string, at: number, where: string): string => {
  if (at >= text.length) return cutShort
  const byte = firstByte(text, at)
  const names: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r", 39: "\\'", 92: "\\\\" }
  const name =
    names[byte] ??
    (byte < 0x20 || byte === 0x7f ? `\\x${byte.toString(16).padStart(2, "0")}` : String.fromCharCode(byte))
  return `invalid character '${name}' ${where}`
}

const scanString = (text: string, from: number): Step => {
  for (let at = from + 1; at < text.length; at++) {
    const c = text.charAt(at)
    if (c === '"') return at + 1
    if (c < " ") return invalid(text, at, "in string literal")
    if (c !== "\\") continue
    at++
    if (text.charAt(at) === "u") {
      for (let digit = 0; digit < 4; digit++) {
        if (!/^[0-9a-fA-F]$/.test(text.charAt(++at))) {
          return invalid(text, at, "in \\u hexadecimal character escape")
        }
      }
    } else if (at >= text.length || !'bfnrt\\/"'.includes(text.charAt(at))) {
      return invalid(text, at, "in string escape code")
    }
  }
  return cutShort
}

const scanDigits = (text: string, from: number, where: string): Step => {
  if (!isDigit(text[from])) return invalid(text, from, where)
  let at = from
  while (isDigit(text[at])) at++
  return at
}

const scanNumber = (text: string, from: number): Step => {
  let at: Step = text[from] === "-" ? from + 1 : from
  at = text[at] === "0" ? at + 1 : scanDigits(text, at, "in numeric literal")
  if (typeof at === "number" && text[at] === ".") {
    at = scanDigits(text, at + 1, "after decimal point in numeric literal")
  }
  if (typeof at === "number" && (text[at] === "e" || text[at] === "E")) {
    const sign = text[at + 1] === "+" || text[at + 1] === "-" ? 1 : 0
    at = scanDigits(text, at + 1 + sign, "in exponent of numeric literal")
  }
  return at
}

const scanWord = (text: string, from: number, word: string): Step => {
  for (let index = 1; index < word.length; index++) {
    if (text[from + index] !== word[index]) {
      return invalid(text, from + index, `in literal ${word} (expecting '${word[index]}')`)
    }
  }
  return from + word.length
}

const scanScalar = (text: string, at: number): Step => {
  const c = text[at]
  if (c === '"') return scanString(text, at)
  if (c === "t") return scanWord(text, at, "true")
  if (c === "f") return scanWord(text, at, "false")
  if (c === "n") return scanWord(text, at, "null")
  if (c === "-" || isDigit(c)) return scanNumber(text, at)
  return invalid(text, at, "looking for beginning of value")
}

const scanKey = (text: string, at: number): Step =>
  text[at] === '"' ? scanString(text, at) : invalid(text, at, "looking for beginning of object key string")

/** Reads the first JSON value of a text. What follows it is not looked at, as by a decoder of a stream. */
export const scan = (text: string): Scanned => {
  const open: Array<string> = []
  let expected: "value" | "first value" | "key" | "first key" | "colon" | "separator" = "value"
  let at = 0
  while (isSpace(text[at])) at++
  const start = at
  if (at === text.length) return { error: "EOF" }
  while (true) {
    if (expected === "separator" && open.length === 0) return { start, end: at }
    while (isSpace(text[at])) at++
    if (at >= text.length) return { error: cutShort }
    const c = text.charAt(at)
    const inObject = open[open.length - 1] === "{"
    let next: Step = at + 1
    if (
      (expected === "first value" && c === "]") ||
      (expected === "first key" && c === "}") ||
      (expected === "separator" && c === (inObject ? "}" : "]"))
    ) {
      open.pop()
      expected = "separator"
    } else if (expected === "separator") {
      if (c !== ",") next = invalid(text, at, inObject ? "after object key:value pair" : "after array element")
      expected = inObject ? "key" : "value"
    } else if (expected === "colon") {
      if (c !== ":") next = invalid(text, at, "after object key")
      expected = "value"
    } else if (expected === "key" || expected === "first key") {
      next = scanKey(text, at)
      expected = "colon"
    } else if (c === "{" || c === "[") {
      open.push(c)
      if (open.length > maxDepth) return { error: "exceeded max depth" }
      expected = c === "{" ? "first key" : "first value"
    } else {
      next = scanScalar(text, at)
      expected = "separator"
    }
    if (typeof next === "string") return { error: next }
    at = next
  }
}
