import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import { FaultServer } from "@mix-effect/testing"
import { Effect, Logger, LogLevel } from "effect"
import { Agent } from "undici"
import { MixNode } from "../src/index.ts"

/** The Trace lines of some calls, one after the other. */
const traced = (options: MixNode.Options, calls = 1) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.map(Logger.logfmtLogger, (line) => {
      if (line.includes("level=TRACE")) lines.push(line)
    })
    yield* MessagesService.pipe(
      // Until undici has taken the connection back.
      Effect.flatMap((messages) =>
        Effect.repeatN(
          Effect.zipRight(
            messages.getHistory(),
            Effect.promise(() => new Promise(setImmediate))
          ),
          calls - 1
        )
      ),
      Effect.provide(MixNode.layer(options)),
      Logger.withMinimumLogLevel(LogLevel.Trace),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
    return lines
  })

const connections = (lines: ReadonlyArray<string>) => lines.map((line) => /connection=(\w+)/.exec(line)?.[1])

it.scopedLive("says whether a connection is new", () =>
  Effect.gen(function* () {
    const closing = FaultServer.json([], { headers: [["Connection", "close"]] })
    const server = yield* FaultServer.serve([FaultServer.json([]), closing, FaultServer.json([])])
    const lines = yield* traced({ serverUrl: server.url }, 12)
    const seen = new Set<number>()
    const actual = (yield* server.requests).map(({ connection }) => {
      const word = seen.has(connection) ? "reused" : "new"
      seen.add(connection)
      return word
    })
    assert.deepStrictEqual(connections(lines), actual)
    assert.includeMembers(actual, ["new", "reused"])
  })
)

it.scopedLive("does not say so of a dispatcher that is not its own", () =>
  Effect.gen(function* () {
    const dispatcher = yield* Effect.acquireRelease(
      Effect.sync(() => new Agent()),
      (agent) => Effect.promise(() => agent.destroy())
    )
    const server = yield* FaultServer.serve(FaultServer.json([]))
    assert.deepStrictEqual(connections(yield* traced({ serverUrl: server.url, dispatcher }, 2)), [undefined, undefined])
  })
)

it.scopedLive("reads as docs/observability.md shows it", () =>
  Effect.gen(function* () {
    const server = yield* FaultServer.serve([FaultServer.status(503), FaultServer.json([])])
    const normal = (line: string) => line.replace(/(timestamp|fiber|ms|connection)=\S+/g, "$1=")
    const document = readFileSync(new URL("../../../docs/observability.md", import.meta.url), "utf8")
    const shown = document.split("\n").filter((line) => line.includes("level=TRACE"))
    assert.deepStrictEqual(shown.map(normal), (yield* traced({ serverUrl: server.url })).map(normal))
  })
)
