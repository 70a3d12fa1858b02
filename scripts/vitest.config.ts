// Checks that need builds, or packages from a registry: `npm run check:packed`, `npm run check:runtimes`.
import { defineConfig } from "vitest/config"

const conditions = ["@mix-effect/source"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    root: import.meta.dirname,
    include: ["*.check.ts"],
    reporters: ["verbose"],
    sequence: { concurrent: true },
    maxConcurrency: 2,
    testTimeout: 300_000
  }
})
