/**
 * Vitest sends what a test failed with to Node.js as JSON, and says nothing but that it cannot where a Duration is in it. Each
 * file of tests runs this, all of them in one page.
 */
Object.defineProperty(BigInt.prototype, "toJSON", {
  configurable: true,
  value(this: bigint) {
    return `${this}n`
  }
})

export {}
