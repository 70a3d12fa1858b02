/** Vitest sends what a test failed with to Node.js as JSON, and says nothing but that it cannot where a Duration is in it. */
Object.defineProperty(BigInt.prototype, "toJSON", {
  value(this: bigint) {
    return `${this}n`
  }
})

export {}
