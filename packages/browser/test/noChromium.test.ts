/** Runs instead of the others where there is no Chromium. */
import { it } from "vitest"
import { reportMissing } from "./node/chromium.ts"

reportMissing(it)
