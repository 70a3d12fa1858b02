/** Takes credentials and message texts out of what a server wrote, which may echo them. */

/** Shorter strings are words: taking them out would leave a text full of holes and hide nothing. */
const shortest = 4

/** Characters by which a longer secret is known. What follows them goes with it: no error keeps as much. */
const longest = 1024

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0")

const inJson: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f" }

const inHtml: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" }

/** The forms in which a character may come back: as it is, in JSON, in a url, in HTML. Mixtures of them are seen too. */
const forms = (character: string): string => {
  if (/[0-9A-Za-z]/.test(character)) return character
  const json = inJson[character] ?? `\\${character}`
  const unicode = character.replace(/[^]/g, (unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
  const url = Array.from(new TextEncoder().encode(character), (byte) => `%${hex(byte, 2)}`).join("")
  const code = character.codePointAt(0) as number
  const escapes = [json, unicode, url, `&${inHtml[character]};`, `&#${code};`, `&#x${hex(code, 1)};`]
  const plus = character === " " ? ["+"] : []
  const all = [
    character,
    ...plus,
    ...escapes,
    ...escapes.map((escape) => escape.replace(/[a-f]/g, (c) => c.toUpperCase()))
  ]
  return `(?:${[...new Set(all)].map(literal).join("|")})`
}

const pattern = (secret: string): string => {
  const characters = Array.from(secret.slice(0, 2 * longest)).slice(0, longest)
  return characters.map(forms).join("") + (secret.length > longest ? "[^]*" : "")
}

export const make = (secrets: ReadonlyArray<string>) => {
  // Most calls need none of it, and a message may be long.
  let found: RegExp | undefined
  return (text: string): string => {
    if (found === undefined) {
      const whole = secrets.flatMap((secret) => [secret, secret.trim()]).filter((secret) => secret.length >= shortest)
      // The longest first, so that none breaks up another. Of none of them there is no match.
      const needles = [...new Set(whole)].sort((a, b) => b.length - a.length).map(pattern)
      found = new RegExp(needles.length === 0 ? "[]" : needles.join("|"), "g")
    }
    return text.replace(found, "<redacted>")
  }
}
