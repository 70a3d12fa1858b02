/** Stdout and stderr as a service, so that tests can read what a person would see. */
import { stripVTControlCharacters } from "node:util"
import type * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

export class OutputError extends Data.TaggedError("OutputError")<{ readonly code: string }> {
  /** Whoever was reading has left, as `head` does once it has its lines. */
  get isClosed(): boolean {
    return this.code === "EPIPE" || this.code === "ERR_STREAM_DESTROYED"
  }
  override get message(): string {
    return `cannot write to stdout (${this.code})`
  }
}

export interface Channel {
  /** Returns when the text has been handed over: a slow reader slows the writer down. */
  readonly write: (text: string) => Effect.Effect<void, OutputError>
  /** The width, if it is a terminal. */
  readonly columns: Effect.Effect<Option.Option<number>>
}

export class Output extends Context.Tag("history-archive/Output")<
  Output,
  { readonly stdout: Channel; readonly stderr: Channel }
>() {}

const channel = (stream: NodeJS.WriteStream): Channel => ({
  write: (text) =>
    Effect.async((resume) => {
      stream.write(text, (error?: NodeJS.ErrnoException | null) =>
        resume(error ? new OutputError({ code: error.code ?? "UNKNOWN" }) : Effect.void)
      )
    }),
  columns: Effect.sync(() => (stream.isTTY ? Option.some(stream.columns || 80) : Option.none()))
})

export const layer: Layer.Layer<Output> = Layer.sync(Output, () => {
  // A failed write is told to its callback too; an event that nobody listens to would end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  return { stdout: channel(process.stdout), stderr: channel(process.stderr) }
})

/** Writes lines for a program or a person to read on. */
export const print = (...lines: ReadonlyArray<string>): Effect.Effect<void, OutputError, Output> =>
  Effect.flatMap(Output, ({ stdout }) => stdout.write(lines.map((line) => `${line}\n`).join("")))

/** Tells the person at the terminal something. That nobody is there to read it is no failure. */
export const note = (line: string): Effect.Effect<void, never, Output> =>
  Effect.flatMap(Output, ({ stderr }) => Effect.ignore(stderr.write(`${line}\n`)))

/** What libraries say goes where all else goes: without colours where there is no terminal, and errors on one line. */
export const console = (errorLabel: string): Effect.Effect<Console.Console, never, Output> =>
  Effect.gen(function* () {
    const { stderr, stdout } = yield* Output
    const original = yield* Effect.console
    const write = (channel: Channel, label: string) => (text: unknown) =>
      channel.columns.pipe(
        Effect.map((columns) => (Option.isSome(columns) ? String(text) : stripVTControlCharacters(String(text)))),
        Effect.flatMap((text) => channel.write(`${label}${text.trim()}\n`)),
        Effect.ignore
      )
    return { ...original, log: write(stdout, ""), error: write(stderr, errorLabel) }
  })
