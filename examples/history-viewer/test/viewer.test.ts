/** The page, end to end: esbuild bundles it once, and one Chromium shows it against servers of another origin. */
import { describe, it, layer } from "@effect/vitest"
import { executablePath, reportMissing } from "../../../packages/browser/test/node/chromium.ts"
import { Chromium } from "./Chromium.ts"
import * as Page from "./page.ts"
import * as Turn from "./turn.ts"

const tests = () =>
  layer(Chromium.layer, { excludeTestServices: true, timeout: 120_000 })((it) => {
    Page.tests(it)
    describe("live", () => Turn.tests(it))
  })

if (executablePath === undefined) reportMissing(it)
else describe("history-viewer", { concurrent: true }, tests)
