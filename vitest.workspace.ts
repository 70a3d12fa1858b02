import type { TestProjectConfiguration } from "vitest/config"

const conditions = ["@mix-effect/source"]

/** A project that runs `test/**` of one folder on sources: no build is needed before the tests. */
const project = (root: string): TestProjectConfiguration => ({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { name: root, root, include: ["test/**/*.test.ts"], testTimeout: 20_000 }
})

const projects: Array<TestProjectConfiguration> = [
  "packages/browser/vitest.config.ts",
  project("packages/core"),
  project("packages/http"),
  project("packages/node"),
  project("packages/testing"),
  project("examples/backend"),
  project("examples/chat"),
  project("examples/compose"),
  project("examples/history-export"),
  project("examples/history-viewer"),
  project("examples/http-proxy"),
  project("examples/ndjson-server"),
  project("examples/opentelemetry"),
  project("examples/plain-async"),
  project("examples/retry-policy"),
  project("examples/tail"),
  project("examples/unit-test"),
  project("scripts")
]

export default projects
