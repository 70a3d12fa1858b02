/** Takes credentials and message texts out of what a server wrote, which may echo them. */

/** Shorter strings are words: taking them out would leave a text full of holes and hide nothing. */
const shortest = 4

/** By so many of its first characters a longer secret is known; what follows them in a text goes with it. */
const longest = 256

/** More of a text than an error keeps: a secret that begins in what is kept ends in what is looked at. */
const seen = 8 * 1024

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0")

const inJson: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f" }

const inHtml: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" }

/** JSON within JSON doubles backslashes, and adds one. The numbers are bounded, or else matching could take for ever. */
const backslashes = (from: number, to: number) => `\\\\{${from},${to}}`

/**
 * The forms in which a character, or a run of backslashes, may come back: as it is, in JSON, in a url, in HTML. Mixtures of
 * them are seen too.
 */
const forms = (character: string): string => {
  if (/[0-9A-Za-z]/.test(character)) return character
  const units = Array.from({ length: character.length }, (_, index) => hex(character.charCodeAt(index), 4))
  const url = Array.from(new TextEncoder().encode(character), (byte) => `%${hex(byte, 2)}`).join("")
  const code = character.codePointAt(0) as number
  const escapes = [
    ...(character in inJson ? [backslashes(1, 3) + inJson[character]] : []),
    units.map((unit) => `${backslashes(1, 3)}u${unit}`).join(""),
    ...[url, `&${inHtml[character]};`, `&#${code};`, `&#x${hex(code, 1)};`, ...(character === " " ? ["+"] : [])].map(
      (form) => backslashes(0, 3) + literal(form)
    ),
    character.startsWith("\\")
      ? backslashes(character.length, 4 * character.length)
      : backslashes(0, 3) + literal(character)
  ]
  // Digits of either case.
  const upper = escapes.map((escape) =>
    escape.replace(/(%|u|x)([0-9a-f]+)/g, (_, mark, digits) => mark + digits.toUpperCase())
  )
  return `(?:${[...new Set([...escapes, ...upper])].join("|")})`
}

const pattern = (secret: string): string => {
  const characters = secret.slice(0, 2 * longest).match(/\\+|[\s\S]/gu) ?? []
  return characters.slice(0, longest).map(forms).join("") + (secret.length > longest ? "[\\s\\S]*" : "")
}

export const make = (secrets: ReadonlyArray<string>) => {
  // Most calls need none of it, and a message may be long.
  let found: RegExp | undefined
  /** The beginning of a text, without the secrets. */
  return (text: string): string => {
    if (found === undefined) {
      const whole = secrets.flatMap((secret) => [secret, secret.trim()]).filter((secret) => secret.length >= shortest)
      // The longest first, so that none breaks up another. Of none of them there is no match.
      const needles = [...new Set(whole)].sort((a, b) => b.length - a.length).map(pattern)
      found = new RegExp(needles.length === 0 ? "[]" : needles.join("|"), "g")
    }
    return text.slice(0, seen).replace(found, "<redacted>")
  }
}
