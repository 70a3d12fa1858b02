import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { page } from "../faults.ts"

it("docs/faults.md is what the table says (npm run faults)", () => {
  assert.strictEqual(readFileSync(new URL("../../docs/faults.md", import.meta.url), "utf8"), page())
})
