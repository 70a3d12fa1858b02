/** The tests in Chromium. Without it they do not run, and one test says so. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { bundle } from "./test/node/bundle.ts"
import { executablePath, launchOptions } from "./test/node/chromium.ts"
import { visit } from "./test/node/visit.ts"

const conditions = ["@mix-effect/source"]

const launch = {
  ...launchOptions,
  // A name that is not this machine's own, and leads to it all the same.
  args: [...launchOptions.args, "--host-resolver-rules=MAP mix.test 127.0.0.1"]
}

/** Every module of a dependency that the tests load: one that Vite finds later makes it reload the page, and the test. */
const dependencies = () => {
  const found = new Set<string>()
  for (const folder of ["src", "test", "../core/src", "../http/src"]) {
    const path = join(import.meta.dirname, folder)
    for (const file of readdirSync(path, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts") || /^(node|pages)\b/.test(file)) continue
      const source = readFileSync(join(path, file), "utf8")
      for (const [, name] of source.matchAll(/^(?:import|export) (?!type\b)[^"]*"(@?effect\/[^"]+)"/gm))
        found.add(name as string)
    }
  }
  return [...found].sort()
}

const inChromium = {
  include: ["test/**/*.browser.test.ts"],
  globalSetup: ["test/node/setup.ts"],
  setupFiles: ["test/bigint.ts"],
  browser: {
    enabled: true,
    provider: "playwright",
    headless: true,
    isolate: false, // As in the other project, the packages are loaded once.
    screenshotFailures: false,
    instances: [{ browser: "chromium" as const, launch }],
    commands: { bundle, visit }
  }
}

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions },
  optimizeDeps: { include: dependencies() },
  ssr: { resolve: { conditions } },
  test: {
    name: "packages/browser",
    testTimeout: 120_000,
    ...(executablePath === undefined ? { include: ["test/noChromium.test.ts"] } : inChromium)
  }
})
