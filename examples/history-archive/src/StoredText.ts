/**
 * Text as both databases can hold it. PostgreSQL refuses NUL, and half a surrogate pair has no UTF-8, so the character DLE
 * (U+0010) escapes them, and itself. Any other text is stored as it is.
 */
import { createHash } from "node:crypto"

const escape = "\u0010"

export const encode = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
    /[\0\u0010\p{Surrogate}]/gu,
    (character) => `${escape}${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

export const decode = (stored: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the escape
  stored.replace(/\u0010([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))

export const digest = (text: string): string => createHash("sha256").update(text).digest("base64url")

/** How long a key can be: an index of PostgreSQL holds 2,704 bytes, and a character takes up to four. */
const longestId = 300

/** An id as a key. Servers issue UUIDs; of an id that no index can hold, the beginning and a digest are kept. */
export const encodeId = (id: string): string => {
  const stored = encode(id)
  return stored.length <= longestId ? stored : `${encode(id.slice(0, longestId / 2))}${escape}${digest(id)}`
}
