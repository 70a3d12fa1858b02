/** Takes credentials and message texts out of what a server wrote, which may echo them. */

/** Shorter strings are words: taking them out would leave a text full of holes and hide nothing. */
const shortest = 4

/** The forms in which a secret may come back: as it is, inside JSON, inside a url. */
const forms = (secret: string): ReadonlyArray<string> => {
  const quoted = JSON.stringify(secret).slice(1, -1)
  const goQuoted = quoted.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)
  return [secret, quoted, goQuoted, encodeURIComponent(secret)]
}

const needlesOf = (secrets: ReadonlyArray<string>) =>
  [...new Set(secrets.filter((secret) => secret.length >= shortest).flatMap(forms))].sort((a, b) => b.length - a.length)

export const make = (secrets: ReadonlyArray<string>) => {
  // A message may be long, and most calls need none of its forms.
  let needles: ReadonlyArray<string> | undefined
  return (text: string): string => {
    needles ??= needlesOf(secrets)
    return needles.reduce((rest, needle) => rest.replaceAll(needle, "<redacted>"), text)
  }
}
