import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Whole epoch seconds, the resolution of the server's database. */
export const now = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))
