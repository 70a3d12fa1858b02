/** Runs instead of the others where there is no Chromium. */
import { it } from "vitest"
import { reportMissing } from "../../../scripts/chromium.ts"

reportMissing(it)
