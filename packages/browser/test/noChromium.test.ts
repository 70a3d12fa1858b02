/** Runs instead of the others where there is no Chromium. */
import { it } from "vitest"

const how =
  "Chromium is not installed: `apt-get install chromium` on Debian, `npx playwright install chromium` elsewhere"

if (process.env.CI) {
  it(how, () => {
    throw new Error(how)
  })
} else {
  it.skip(how)
}
