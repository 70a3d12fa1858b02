/** Says so where the page cannot be tested. */
import { it } from "@effect/vitest"
import { isInstalled } from "./Chromium.ts"

const how = "Chromium is not installed: on Debian, apt-get install chromium"

if (isInstalled) it("Chromium is installed", () => {})
else if (process.env.CI) {
  it(how, () => {
    throw new Error(how)
  })
} else it.skip(how)
