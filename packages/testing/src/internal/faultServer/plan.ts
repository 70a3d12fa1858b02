import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ReceivedRequest, Reply, Script } from "./model.ts"
import { text } from "./replies.ts"

/** What is decided when a head is complete: a reply, or to ask for one once the request is. */
export type Planned =
  | { readonly _tag: "Fixed"; readonly reply: Reply }
  | { readonly _tag: "Ask"; readonly ask: (request: ReceivedRequest) => Effect.Effect<Reply> }

/** Deals the replies of a script out to all the connections of a server. */
export interface Plan {
  /** Takes the next reply if it is one that begins when a connection is accepted. */
  readonly atAccept: () => Reply | undefined
  /** Takes the next reply. */
  readonly next: () => Planned
}

const scriptThrew = (cause: Cause.Cause<never>): Reply =>
  text(`The script of the fault server threw: ${Cause.pretty(cause)}`, { status: 500 })

export const make = (script: Script): Plan => {
  if (typeof script === "function") {
    const ask = (request: ReceivedRequest) =>
      Effect.catchAllCause(
        Effect.sync(() => script(request)),
        (cause) => Effect.succeed(scriptThrew(cause))
      )
    return { atAccept: () => undefined, next: () => ({ _tag: "Ask", ask }) }
  }
  const replies: ReadonlyArray<Reply> = "steps" in script ? [script] : script
  const last = replies.at(-1)
  if (last === undefined) throw new RangeError("The script of a fault server needs at least one reply")
  let taken = 0
  const current = (): Reply => replies[taken] ?? last
  const take = (): Reply => {
    const reply = current()
    taken += 1
    return reply
  }
  return {
    atAccept: () => (current().when === "accept" ? take() : undefined),
    next: () => ({ _tag: "Fixed", reply: take() })
  }
}
