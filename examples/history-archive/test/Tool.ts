/** The tool: in this process, or as a person starts it. */
import { spawn } from "node:child_process"
import { symlinkSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { RetryPolicy } from "@mix-effect/http"
import { ConfigProvider, Deferred, Effect, Layer, Logger, Schema, Stream } from "effect"
import { bundle } from "../../../scripts/bundle.ts"
import * as Cli from "../src/Cli.ts"
import * as Failure from "../src/Failure.ts"
import * as Output from "../src/Output.ts"

export interface Result {
  /** -1: killed. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const root = fileURLToPath(new URL("../../..", import.meta.url))
const example = "examples/history-archive"
const onSources = ["--conditions=@mix-effect/source", "--import", "tsx", `${example}/src/main.ts`]

/** Bundles the tool into a folder, and returns what starts it from there: in a tenth of the time. */
export const bundled = async (folder: string): Promise<ReadonlyArray<string>> => {
  symlinkSync(join(root, example, "node_modules"), join(folder, "node_modules"))
  await bundle([join(root, example, "src/main.ts")], folder, { external: ["@libsql/client"] })
  return [join(folder, "main.mjs")]
}

/** Starts it. It is killed when the scope closes. */
export const start = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  command: ReadonlyArray<string> = onSources
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
    const output = { stdout: "", stderr: "" }
    const lines = Stream.asyncPush<string>((emit) =>
      Effect.sync(() => {
        let rest = ""
        child.stdout.on("data", (text: string) => {
          const parts = `${rest}${text}`.split("\n")
          rest = parts.pop() ?? ""
          for (const line of parts) emit.single(line)
        })
        child.on("close", () => emit.end())
      })
    )
    for (const channel of ["stdout", "stderr"] as const) {
      child[channel].setEncoding("utf8").on("data", (text: string) => {
        output[channel] += text
      })
    }
    child.on("close", (code) => Deferred.unsafeDone(result, Effect.succeed({ code: code ?? -1, ...output })))
    return {
      pid: child.pid ?? 0,
      hasEnded: Deferred.isDone(result),
      result: Deferred.await(result),
      kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)),
      /** What it prints from now on. */
      lines
    }
  })

const recorder = () => {
  let text = ""
  return {
    read: () => text,
    channel: {
      columns: Effect.succeedNone,
      write: (more: string) =>
        Effect.sync(() => {
          text += more
        })
    } satisfies Output.Channel
  }
}

/** Runs a command line as `main.ts` does, in this process. */
export const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Effect.Effect<Result> =>
  Effect.suspend(() => {
    const stdout = recorder()
    const stderr = recorder()
    const output = Layer.succeed(Output.Output, { stdout: stdout.channel, stderr: stderr.channel })
    return Cli.run(["node", "history-archive", ...args]).pipe(
      Effect.tapErrorCause(Failure.report),
      Effect.provide(Layer.mergeAll(NodeContext.layer, output, Logger.remove(Logger.defaultLogger))),
      Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))),
      Effect.exit,
      Effect.map((exit) => ({ code: Failure.exitCode(exit, 130), stdout: stdout.read(), stderr: stderr.read() }))
    )
  })

/** A line of `--json`. */
export const Progress = Schema.parseJson(
  Schema.Struct({
    server: Schema.String,
    phase: Schema.String,
    messages: Schema.Number,
    sessions: Schema.Number,
    due: Schema.Number,
    rate: Schema.Number,
    lagSeconds: Schema.NullOr(Schema.Number)
  })
)
