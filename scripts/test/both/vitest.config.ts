import { defineConfig } from "vitest/config"

const conditions = ["@mix-effect/source"]

/** The tests that need both editions made and installed: `npm run test:editions`. */
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ["*.test.ts"], maxWorkers: 2, minWorkers: 2, testTimeout: 120_000 }
})
