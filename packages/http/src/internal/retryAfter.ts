/** How long a reply asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date. */
import * as Duration from "effect/Duration"

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

const time = "(\\d\\d):(\\d\\d):(\\d\\d)"

/**
 * The three forms of RFC 9110, section 5.6.7: IMF-fixdate, RFC 850 and asctime. Each gives day, month, year and time. Servers
 * also write them in other case, and UTC for GMT.
 */
const forms = [
  { pattern: new RegExp(`^[a-z]{3}, (\\d\\d) ([a-z]{3}) (\\d{4}) ${time} (?:gmt|utc)$`), order: [1, 2, 3, 4, 5, 6] },
  { pattern: new RegExp(`^[a-z]+, (\\d\\d)-([a-z]{3})-(\\d\\d) ${time} (?:gmt|utc)$`), order: [1, 2, 3, 4, 5, 6] },
  { pattern: new RegExp(`^[a-z]{3} ([a-z]{3}) ([ \\d]\\d) ${time} (\\d{4})$`), order: [2, 1, 6, 3, 4, 5] }
] as const

/** Milliseconds since 1970, or `undefined` for what is no HTTP date. */
const parseDate = (text: string, now: number): number | undefined => {
  for (const { order, pattern } of forms) {
    const match = pattern.exec(text.trim().toLowerCase())
    if (match === null) continue
    const [day, month, year, hour, minute, second] = order.map((index) => match[index] as string) as [
      string,
      string,
      string,
      string,
      string,
      string
    ]
    if (!months.includes(month)) return undefined
    // Two digits mean the century that is at most 50 years ahead.
    const century = Math.floor(new Date(now).getUTCFullYear() / 100) * 100
    let full = year.length === 2 ? century + Number(year) : Number(year)
    if (year.length === 2 && full > new Date(now).getUTCFullYear() + 50) full -= 100
    const date = Date.UTC(full, months.indexOf(month), Number(day), Number(hour), Number(minute), Number(second))
    return Number.isNaN(date) ? undefined : date
  }
  return undefined
}

/** However many digits there are, it is a number of milliseconds that JSON can hold. Never sooner than told. */
const atLeast = (millis: number) => Duration.millis(Math.min(Math.ceil(millis), Number.MAX_SAFE_INTEGER))

/** The values of a header that came more than once. A date has a comma of its own, behind the day of the week. */
const valuesOf = (value: string | undefined): ReadonlyArray<string> =>
  (value ?? "")
    .match(/(?:\s*[A-Za-z]+,)?[^,]+/g)
    ?.map((part) => part.trim())
    .filter((part) => part !== "") ?? []

/**
 * A value that cannot be read counts as nothing said, and so does a date in the past. If the header came more than once the
 * longest wait holds. Dates are compared with the server's own `Date` (the earliest, if it came more than once), so that a
 * clock that is wrong on either side does no harm. `Retry-After` has no decimals.
 */
export const parse = (header: (name: string) => string | undefined, now: number): Duration.Duration | undefined => {
  const millis = valuesOf(header("retry-after-ms"))
  if (millis.length > 0 && millis.every((value) => /^\d+(\.\d+)?$/.test(value))) {
    return atLeast(Math.max(...millis.map(Number)))
  }
  const dates = valuesOf(header("date")).flatMap((value) => parseDate(value, now) ?? [])
  const base = dates.length === 0 ? now : Math.min(...dates)
  const waits = valuesOf(header("retry-after")).map((value) => {
    if (/^\d+$/.test(value)) return Number(value) * 1000
    const date = parseDate(value, now)
    return date === undefined ? Number.NaN : date > base ? date - base : -1
  })
  const longest = Math.max(-1, ...waits)
  return longest >= 0 ? atLeast(longest) : undefined
}
