/** What can be encoded. A property that is `undefined` is left out; the others keep their order. */
export type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json | undefined }

const isArray: (value: Json) => value is ReadonlyArray<Json> = Array.isArray

const special = /["\\<>&\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u
const specials = new RegExp(special, "gu")

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t"
}

const escape = (character: string): string => {
  const known = short[character]
  if (known !== undefined) return known
  const code = character.charCodeAt(0)
  // A lone surrogate is how a store of JavaScript strings holds a byte that is not UTF-8.
  if (code >= 0xd800 && code <= 0xdfff) return "\\ufffd"
  // DEL and the C1 controls are in the class of control characters, but Go sends them raw.
  return code >= 0x7f && code <= 0x9f ? character : `\\u${code.toString(16).padStart(4, "0")}`
}

const quote = (text: string): string => `"${special.test(text) ? text.replace(specials, escape) : text}"`

/** One value as Go's `json.Marshal` writes it. Numbers need no care: both languages choose the same digits and exponents. */
export const marshal = (value: Json): string => {
  if (typeof value === "string") return quote(value)
  if (value === null || typeof value !== "object") return String(value)
  if (isArray(value)) return `[${value.map(marshal).join(",")}]`
  let out = ""
  for (const key in value) {
    const item = value[key]
    if (item === undefined) continue
    out += `${out === "" ? "" : ","}${quote(key)}:${marshal(item)}`
  }
  return `{${out}}`
}

/** A whole response body, as Go's `json.Encoder` ends it. */
export const encode = (value: Json): string => `${marshal(value)}\n`
