/** The tool under test: in this process, or as a person starts it. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as RetryPolicy from "@mix-effect/http/RetryPolicy"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { bundle } from "../../../scripts/bundle.ts"
import * as Cli from "../src/Cli.ts"
import * as Failure from "../src/Failure.ts"
import * as Output from "../src/Output.ts"

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Collects what is written. With `columns` it is a terminal. */
export const recorder = (columns?: number) => {
  let text = ""
  return {
    read: () => text,
    channel: {
      columns: Effect.succeed(Option.fromNullable(columns)),
      write: (more: string) =>
        Effect.sync(() => {
          text += more
        })
    } satisfies Output.Channel
  }
}

export interface Settings {
  readonly env?: Readonly<Record<string, string>>
  /** The width of stdout and stderr, if they are terminals. */
  readonly columns?: number
}

/** Runs a command line as `main.ts` does, but for retries: they would only take time. */
export const run = (args: ReadonlyArray<string>, { columns, env = {} }: Settings = {}): Effect.Effect<Result> =>
  Effect.suspend(() => {
    const stdout = recorder(columns)
    const stderr = recorder(columns)
    const output = Layer.succeed(Output.Output, { stdout: stdout.channel, stderr: stderr.channel })
    return Cli.run(["node", "history-export", ...args]).pipe(
      Effect.tapErrorCause(Failure.report),
      Effect.provide(Layer.merge(NodeContext.layer, output)),
      Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))),
      Effect.exit,
      Effect.map((exit) => ({ code: Failure.exitCode(exit, 130), stdout: stdout.read(), stderr: stderr.read() }))
    )
  })

const root = fileURLToPath(new URL("../../..", import.meta.url))
const main = "examples/history-export/src/main.ts"

/** What `npm start` runs. */
export const npmStart = ["--conditions=@mix-effect/source", "--import", "tsx", main]

/** Bundles the tool into a folder, and returns what starts it from there: in a fifth of the time. */
export const bundled = (folder: string): Promise<ReadonlyArray<string>> =>
  bundle([join(root, main)], folder).then(() => [join(folder, "main.mjs")])

/** Starts the tool. It is killed when the scope closes. */
export const start = (
  command: ReadonlyArray<string>,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const result = yield* Deferred.make<Result>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...command, ...args], {
          cwd: root,
          env: { PATH: process.env.PATH, ...env },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    // Killed by a signal it did not handle: a code that no test expects.
    child.on("close", (code) => Deferred.unsafeDone(result, Effect.succeed({ code: code ?? -1, stdout, stderr })))
    return {
      result: Deferred.await(result),
      kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)),
      /** Reads stdout until something comes, then never again. */
      leaveStdout: Effect.async<void>((resume) => {
        child.stdout.once("data", () => {
          child.stdout.destroy()
          resume(Effect.void)
        })
      })
    }
  })

/** Ports differ from run to run. */
export const withoutPorts = (text: string) => text.replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
