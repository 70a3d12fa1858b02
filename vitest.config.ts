import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

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

/** Files that take long, by default or with all that they draw: the last of them would leave one worker without work. */
const slow =
  /viewer|archive|process|snippets|api\.|Drift|RetryPolicy|secrets|faults\.|ask\.|asyncContext|dropped|turn\.|scrub|sockets/

/** Vitest knows what files took where they ran before, and begins with the largest elsewhere. */
class SlowFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>) {
    const [first, rest] = [true, false].map((isSlow) => files.filter(({ moduleId }) => slow.test(moduleId) === isSlow))
    return [...(await super.sort(first ?? [])), ...(await super.sort(rest ?? []))]
  }
}

export default defineConfig({
  test: {
    projects: [node, "packages/browser/vitest.config.ts"],
    sequence: { sequencer: SlowFirst },
    // A worker loads Effect once for all its files, which is a third of what the tests cost. Workers are shared by the
    // files of one project only, hence one project.
    isolate: false,
    // For two cores: vitest would leave one idle for itself, and with two workers a tenth of both is idle while tests wait for
    // processes and pages.
    maxWorkers: 3,
    // With a lower minimum it ends idle workers, and at times one that was just given a file: then the run has no result.
    minWorkers: 3
  }
})
