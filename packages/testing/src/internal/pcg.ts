/**
 * Reproducible random numbers: the PCG generator with 64 bits of state. It gives what `PCGRandom` of Effect 3 gives for a
 * seed, so that a seed stands for the same server in every edition.
 */

/** The multiplier and the increment, as high and low halves of 32 bits. */
const mulHi = 0x5851f42d
const mulLo = 0x4c957f2d
const incHi = 0x14057b7e
const incLo = 0xf767814f

/** The high half of the product of two halves. */
const highOfProduct = (a: number, b: number): number => {
  const aHi = a >>> 16
  const aLo = a & 0xffff
  const bHi = b >>> 16
  const bLo = b & 0xffff
  const middle = aHi * bLo + Math.floor((aLo * bLo) / 0x10000)
  return aHi * bHi + Math.floor(middle / 0x10000) + Math.floor(((middle % 0x10000) + aLo * bHi) / 0x10000)
}

export class Pcg {
  private hi = 0
  private lo = 0

  /** `salt` gives other numbers for the same seed. */
  constructor(seed: number, salt?: number) {
    this.next()
    this.add(salt === undefined ? 0 : seed >>> 0, (salt ?? seed) >>> 0)
    this.next()
  }

  /** A whole number from 0 up to, not including, `max`. */
  integer(max: number): number {
    return Math.round(this.number() * Number.MAX_SAFE_INTEGER) % max
  }

  /** A number from 0 up to, not including, 1. */
  number(): number {
    const high = this.next() & 0x03ffffff
    const low = this.next() & 0x07ffffff
    return (high * 2 ** 27 + low) / 2 ** 53
  }

  private add(hi: number, lo: number) {
    const sum = this.lo + lo
    this.lo = sum >>> 0
    this.hi = (this.hi + hi + (sum > 0xffffffff ? 1 : 0)) >>> 0
  }

  /** 32 random bits, of the state before it moves on. */
  private next(): number {
    const { hi, lo } = this
    this.hi = (highOfProduct(lo, mulLo) + Math.imul(hi, mulLo) + Math.imul(lo, mulHi)) >>> 0
    this.lo = Math.imul(lo, mulLo) >>> 0
    this.add(incHi, incLo)
    const mixedHi = (hi >>> 18) ^ hi
    const mixedLo = ((lo >>> 18) | (hi << 14)) ^ lo
    const bits = ((mixedLo >>> 27) | (mixedHi << 5)) >>> 0
    const turn = hi >>> 27
    return ((bits >>> turn) | (bits << (-turn & 31))) >>> 0
  }
}
