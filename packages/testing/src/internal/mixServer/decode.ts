import * as Either from "effect/Either"
import { scan } from "./scan.ts"

/** The Go type of a field of a request body. */
export type FieldType = "string" | "bool" | "[]string"

/** What the caller sent, by the declared names. A field that is absent or null is not in it. */
export type Fields = ReadonlyMap<string, string | boolean | ReadonlyArray<string>>

// The mark at the start of a file must reach the scanner: Go does not skip it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return "array"
  return typeof value === "boolean" ? "bool" : typeof value
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, "\ufffd")

/** A strict `json.Decoder` for a flat struct: the first problem is the error, but broken JSON comes before all others. */
export const decode = (
  bytes: Uint8Array,
  struct: string,
  types: Readonly<Record<string, FieldType>>
): Either.Either<Fields, string> => {
  const text = decoder.decode(bytes)
  const scanned = scan(text)
  if ("error" in scanned) return Either.left(scanned.error)
  const value: unknown = JSON.parse(text.slice(scanned.start, scanned.end))
  const fields = new Map<string, string | boolean | ReadonlyArray<string>>()
  if (value === null) return Either.right(fields)
  if (!isRecord(value)) {
    return Either.left(`json: cannot unmarshal ${kindOf(value)} into Go value of type http.${struct}`)
  }
  const names = Object.keys(types)
  for (const [key, item] of Object.entries(value)) {
    const name =
      names.find((other) => other === key) ?? names.find((other) => other.toLowerCase() === key.toLowerCase())
    if (name === undefined) return Either.left(`json: unknown field ${JSON.stringify(key)}`)
    if (item === null) continue
    const mismatch = (found: unknown, type: string) =>
      Either.left(`json: cannot unmarshal ${kindOf(found)} into Go struct field ${struct}.${name} of type ${type}`)
    const type = types[name]
    if (type === "string" && typeof item === "string") fields.set(name, wellFormed(item))
    else if (type === "bool" && typeof item === "boolean") fields.set(name, item)
    else if (type === "[]string" && Array.isArray(item)) {
      const texts: ReadonlyArray<unknown> = item
      const wrong = texts.find((other) => other !== null && typeof other !== "string")
      if (wrong !== undefined) return mismatch(wrong, "string")
      fields.set(
        name,
        texts.map((other) => (typeof other === "string" ? wellFormed(other) : ""))
      )
    } else return mismatch(item, type ?? "")
  }
  return Either.right(fields)
}
