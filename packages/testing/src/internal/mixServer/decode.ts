import * as Either from "effect/Either"
import type { Json } from "./json.ts"
import { scan } from "./scan.ts"

/** The Go type of a field of a request body. */
export type FieldType = "string" | "bool" | "int" | "[]string" | "[]object"

/** What the caller sent, by the declared names. A field that is absent or null is not in it. */
export type Fields = ReadonlyMap<string, Json>

// The mark at the start of a file must reach the scanner: Go does not skip it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return "array"
  return typeof value === "boolean" ? "bool" : typeof value
}

// What JSON.parse makes of a text is JSON.
const isRecord = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, "\ufffd")

/** A value as a Go field takes it, or what does not fit where. */
const fit = (
  value: Json,
  type: FieldType
): { readonly value: Json } | { readonly found: string; readonly type: string } => {
  if (type === "string" && typeof value === "string") return { value: wellFormed(value) }
  if (type === "bool" && typeof value === "boolean") return { value }
  if (type === "int" && typeof value === "number") {
    return Number.isInteger(value) ? { value } : { found: `number ${value}`, type }
  }
  if ((type !== "[]string" && type !== "[]object") || !Array.isArray(value)) return { found: kindOf(value), type }
  const items: ReadonlyArray<Json> = value
  const wanted = type === "[]string" ? "string" : "object"
  const wrong = items.find((item) => item !== null && kindOf(item) !== wanted)
  if (wrong !== undefined) return { found: kindOf(wrong), type: wanted }
  return { value: items.map((item) => (typeof item === "string" ? wellFormed(item) : (item ?? ""))) }
}

/**
 * A `json.Decoder` for a flat struct: the first problem is the error, but broken JSON comes before all others. A strict one
 * refuses fields it does not know; a lenient one refuses text behind the value.
 */
export const decode = (
  bytes: Uint8Array,
  struct: string,
  types: Readonly<Record<string, FieldType>>,
  mode: "strict" | "lenient" = "strict"
): Either.Either<Fields, string> => {
  const text = decoder.decode(bytes)
  const scanned = scan(text)
  if ("error" in scanned) return Either.left(scanned.error)
  if (mode === "lenient" && text.slice(scanned.end).trim() !== "") return Either.left("text after top-level value")
  const value: unknown = JSON.parse(text.slice(scanned.start, scanned.end))
  const fields = new Map<string, Json>()
  if (value === null) return Either.right(fields)
  if (!isRecord(value)) {
    return Either.left(`json: cannot unmarshal ${kindOf(value)} into Go value of type http.${struct}`)
  }
  const names = Object.keys(types)
  for (const [key, item] of Object.entries(value)) {
    const name =
      names.find((other) => other === key) ?? names.find((other) => other.toLowerCase() === key.toLowerCase())
    const type = types[name ?? ""]
    if (name === undefined || type === undefined) {
      if (mode === "lenient") continue
      return Either.left(`json: unknown field ${JSON.stringify(key)}`)
    }
    if (item === null) continue
    const fitted = fit(item, type)
    if ("value" in fitted) fields.set(name, fitted.value)
    else {
      return Either.left(
        `json: cannot unmarshal ${fitted.found} into Go struct field ${struct}.${name} of type ${fitted.type}`
      )
    }
  }
  return Either.right(fields)
}
