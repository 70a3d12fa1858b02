import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { failureOf, fieldOf, type Observed, type Row } from "./faultRow.ts"
import { absent, rows } from "./faultTable.ts"

/** The public tags; a bad option is no `MixError`. */
const tagOf = (error: unknown): unknown =>
  ConfigError.isConfigError(error) ? "ConfigError" : (error as { _tag?: unknown })._tag

const check = ({ expected }: Row, observed: Observed): void => {
  const { also, fields = {}, interrupted, requests, says, tag, targets, value } = expected
  if (interrupted === true) {
    assert.isTrue(Exit.isInterrupted(observed.exit), "interrupted")
  } else if (tag === undefined) {
    if (Exit.isFailure(observed.exit)) assert.fail(Cause.pretty(observed.exit.cause))
    else if (value !== undefined) assert.deepStrictEqual(observed.exit.value, value)
  } else {
    const error = failureOf(observed)
    assert.strictEqual(tagOf(error), tag, String(error))
    const found = Object.fromEntries(Object.keys(fields).map((key) => [key, fieldOf(error, key)]))
    assert.deepStrictEqual(found, { ...fields }, String(error))
    if (says !== undefined) assert.match(String(error), says)
    if (error instanceof Error) assert.isBelow(error.message.length, 300)
  }
  if (requests !== undefined) assert.strictEqual(observed.requests, requests, "requests")
  if (targets !== undefined) {
    assert.deepStrictEqual(
      observed.received.map(({ target }) => target),
      targets
    )
  }
  if (also !== undefined) assert.isTrue(also[1](observed), also[0])
}

describe("faults", () => {
  for (const row of rows) {
    it.scopedLive(`${row.cases.join(", ")} ${row.name}: ${row.call}`, () =>
      Effect.map(row.run(), (observed) => check(row, observed))
    )
  }
})

it("every case from 1 to 184 has a row, or a reason", () => {
  const known = new Set([...rows, ...absent].flatMap(({ cases }) => cases))
  // There are no cases 35 and 149.
  const missing = Array.from({ length: 184 }, (_, index) => index + 1).filter(
    (number) => !known.has(number) && number !== 35 && number !== 149
  )
  assert.deepStrictEqual(missing, [])
})
