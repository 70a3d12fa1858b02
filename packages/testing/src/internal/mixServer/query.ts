const unescape = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    return undefined
  }
}

/**
 * The first value of a parameter, or `""`. Like Go's parser it drops a pair that has a semicolon or a broken escape, and
 * looks at the others.
 */
export const first = (query: string, name: string): string => {
  for (const pair of query.split("&")) {
    if (pair === "" || pair.includes(";")) continue
    const equals = pair.indexOf("=")
    const key = unescape(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? "" : unescape(pair.slice(equals + 1))
    if (key === name && value !== undefined) return value
  }
  return ""
}

const int64Max = 9_223_372_036_854_775_807n

/** A decimal int64 with an optional sign, as `strconv.ParseInt` takes it; anything else is `undefined`. */
export const parseInt64 = (text: string): number | undefined => {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined
  const value = BigInt(text.replace("+", ""))
  return value > int64Max || value < -int64Max - 1n ? undefined : Number(value)
}
