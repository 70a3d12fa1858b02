/** The texts of errors. */
import { printable } from "../Printable.ts"

/** A message is one printable line for a person. It is never longer than this, whatever the server wrote. */
const maxMessage = 298

/** Pairs of surrogates are not cut. */
const clip = (text: string, room: number) =>
  text.length > room ? `${text.slice(0, room - 3).replace(/\p{Surrogate}$/u, "")}...` : text

/** What may have happened, for the operations that change something. */
const fates: Readonly<Record<string, string>> = {
  send: "; the message may have reached the agent",
  createSession: "; the session may have been created",
  cancelSession: "; the run may have been cancelled"
}

interface Failure {
  readonly operation: string
  readonly outcome?: string | undefined
}

/** The message of an error: what happened, what became of the request, and what to look at. */
export const line = ({ operation, outcome }: Failure, what: string, advice?: string): string => {
  const fate = outcome === "unknown" ? (fates[operation] ?? "") : ""
  const tail = `${fate}${advice === undefined ? "" : `: ${clip(printable(advice), maxMessage / 2)}`}`
  return clip(printable(`${operation}: ${what}`), maxMessage - tail.length) + tail
}

/** What the server said, as the end of a clause. */
export const said = (error: { readonly message?: string | undefined } | undefined) =>
  error?.message === undefined ? "" : `, ${error.message}`

const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** How long something takes, in whole milliseconds, as `Duration.format` writes it. */
export const lasting = (millis: number) => {
  let rest = Math.ceil(millis)
  const parts = Object.entries(units).map(([unit, size]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count > 0 ? ` ${count}${unit}` : ""
  })
  return parts.join("").trim() || "0"
}

/** A body that is no JSON may come from a server that is not Mix. */
export const foreignBody = (bodyKind: string | undefined) =>
  bodyKind === "html" || bodyKind === "text" ? "is the server url that of a Mix backend?" : undefined
