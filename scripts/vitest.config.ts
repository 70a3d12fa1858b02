// Tests that need builds, packages from a registry or both editions: `npm run check:packed`, `check:runtimes`, `test:editions`.
import { defineConfig } from "vitest/config"

const conditions = ["@mix-effect/source"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    root: import.meta.dirname,
    include: ["*.check.ts", "test/both/*.test.ts"],
    reporters: ["verbose"],
    sequence: { concurrent: true },
    maxConcurrency: 2,
    testTimeout: 300_000
  }
})
