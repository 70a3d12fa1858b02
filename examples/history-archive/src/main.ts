/** The wiring: the command line goes in, an exit code comes out. */
import { constants } from "node:os"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { printable } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Cli from "./Cli.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"

/** Stdout is for messages: what the SDK logs goes to stderr. */
const logger = Logger.replace(
  Logger.defaultLogger,
  Logger.make(({ annotations, logLevel, message }) => {
    const notes = [...annotations].map(([name, value]) => ` ${name}=${value}`)
    console.error(printable(`${logLevel.label}: ${message}${notes.join("")}`))
  })
)

/** Both signals interrupt the program alike; the exit code tells them apart. */
let signal: "SIGINT" | "SIGTERM" = "SIGINT"
process.once("SIGTERM", () => {
  signal = "SIGTERM"
})

Cli.run(process.argv).pipe(
  Effect.tapErrorCause(Failure.report),
  Effect.provide(Layer.mergeAll(NodeContext.layer, Output.layer, logger)),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(Failure.exitCode(exit, 128 + constants.signals[signal]))
  })
)
