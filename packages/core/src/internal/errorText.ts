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

/** A body that is no JSON may come from a server that is not Mix. */
export const foreignBody = (bodyKind: string | undefined) =>
  bodyKind === "html" || bodyKind === "text" ? "is the server url that of a Mix backend?" : undefined
