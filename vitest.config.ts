import { defineConfig } from "vitest/config"

const conditions = ["@mix-effect/source"]

/** All tests that run in Node.js, on sources: no build is needed before them. */
const node = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "node",
    include: ["{packages,examples}/*/test/**/*.test.ts", "scripts/test/*.test.ts"],
    exclude: ["packages/browser/**", "**/node_modules/**"],
    setupFiles: ["vitest.setup.ts"],
    // No test takes this long on any machine, unless it hangs.
    testTimeout: 120_000
  }
}

export default defineConfig({
  test: {
    projects: [node, "packages/browser/vitest.config.ts"],
    // A worker loads Effect once for all its files, which is a third of what the tests cost. Workers are shared by the
    // files of one project only, hence one project.
    isolate: false,
    // Vitest would leave one core idle for itself, and on two cores run everything in turn.
    minWorkers: 1,
    maxWorkers: 2
  }
})
