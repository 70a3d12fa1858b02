import * as Hash from "effect/Hash"
import { Pcg } from "../pcg.ts"

/** Reproducible numbers and ids. */
export interface Random {
  /** A whole number from 0 up to, not including, `max`. */
  readonly integer: (max: number) => number
  /** A lower-case version 4 UUID. */
  readonly uuid: () => string
}

const layout = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx"
const digits = Buffer.from("0123456789abcdef", "latin1")
const variants = Buffer.from("89ab", "latin1")

/** The same seed gives the same sequence. */
export const make = (seed: number | string): Random => {
  const random = new Pcg(typeof seed === "number" ? seed : Hash.string(seed))
  const integer = (max: number) => Math.floor(random.number() * max)
  // Written into one buffer: a million ids glued from pieces would be kept as a million trees of pieces.
  const text = Buffer.from(layout, "latin1")
  return {
    integer,
    uuid: () => {
      let bits = 0
      let left = 0
      for (let at = 0; at < layout.length; at++) {
        const slot = layout[at]
        if (slot !== "x" && slot !== "y") continue
        if (left === 0) {
          bits = integer(0x100000000)
          left = 8
        }
        text[at] = (slot === "x" ? digits[bits & 15] : variants[bits & 3]) ?? 0
        bits >>>= 4
        left--
      }
      return text.toString("latin1")
    }
  }
}
