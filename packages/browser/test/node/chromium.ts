/** The Chromium that tests and screenshots run in. */
import { existsSync } from "node:fs"
import { chromium } from "playwright"

/** Debian's without a window comes first: it needs a third less time than the one with, and all tests pass in both. */
const installed = [
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  chromium.executablePath()
]

/** `CHROMIUM_PATH`, else what is installed: Debian's, Google's, playwright's own. */
export const executablePath: string | undefined = process.env.CHROMIUM_PATH || installed.find(existsSync)

export const launchOptions = {
  ...(executablePath !== undefined && { executablePath }),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic"]
}

const howToInstall =
  "`apt-get install chromium-headless-shell` on Debian, `npx playwright install chromium` elsewhere, or set CHROMIUM_PATH"

type It = (name: string, test: (context: { readonly skip: (note: string) => never }) => void) => unknown

/** The one test that is left without Chromium: it is skipped and says why. Where `CI` is set it fails. */
export const reportMissing = (it: It): unknown =>
  it("Chromium is installed", ({ skip }) => {
    if (process.env.CI) throw new Error(howToInstall)
    skip(howToInstall)
  })
