/** What a failure means to the person who typed the command: one line, and an exit code. */
import * as ValidationError from "@effect/cli/ValidationError"
import type { PlatformError } from "@effect/platform/Error"
import type { SocketServerError } from "@effect/platform/SocketServer"
import type { MigrationError } from "@effect/sql/Migrator"
import type { SqlError } from "@effect/sql/SqlError"
import { type MixError, printable } from "@mix-effect/core"
import type * as MixServer from "@mix-effect/testing/MixServer"
import { Cause, type ConfigError, Data, Effect, Exit, Option } from "effect"
import type { Superseded } from "./Archive.ts"
import { type DatabaseError, describe } from "./Database.ts"
import { note, type Output, type OutputError } from "./Output.ts"
import type { ReaderError } from "./Reader.ts"
import type { ServerUrlError } from "./Server.ts"

/** Flags that do not go together. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** Some servers were mirrored and some were not. What is wrong with each has been told. */
export class Incomplete extends Data.TaggedError("Incomplete")<{ readonly message: string }> {}

export type Failure =
  | ConfigError.ConfigError
  | DatabaseError
  | Incomplete
  | MigrationError
  | MixError
  | MixServer.ListenError
  | OutputError
  | PlatformError
  | ReaderError
  | ServerUrlError
  | SocketServerError
  | SqlError
  | Superseded
  | UsageError
  | ValidationError.ValidationError

/** The SDK names an option or a variable; the person set the option by a flag. */
const flagOf = (name: string) => (name === "serverUrl" ? "--server" : name)

/** The line to print; none where there is nothing to say, or @effect/cli has said it. */
export const lineOf = (failure: Failure): Option.Option<string> => {
  if (ValidationError.isValidationError(failure)) return Option.none()
  switch (failure._tag) {
    case "OutputError":
      return failure.isClosed ? Option.none() : Option.some(failure.message)
    case "SqlError":
      return Option.some(describe(failure))
    case "SocketServerError":
      return Option.some(`--listen: cannot listen there (${failure.reason})`)
    case "UsageError":
      return Option.some(`${failure.message} (--help shows all flags)`)
    case "ConfigError":
      return Option.some("path" in failure ? `${flagOf(failure.path.join("."))}: ${failure.message}` : String(failure))
    default:
      return Option.some(failure.message)
  }
}

/** 2: what was given makes no sense, and nothing was tried. 1: it was tried, and failed. */
const codeOf = (failure: Failure): number => {
  if (ValidationError.isValidationError(failure)) return 2
  switch (failure._tag) {
    case "ConfigError":
    case "InvalidRequest":
    case "ServerUrlError":
    case "UsageError":
      return 2
    case "OutputError":
      return failure.isClosed ? 0 : 1
    default:
      return 1
  }
}

export const report = (cause: Cause.Cause<Failure>): Effect.Effect<void, never, Output> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.void
  const line = Option.match(Cause.failureOption(cause), {
    onNone: () => Option.some(`this is a bug: ${String(Cause.squash(cause))}`),
    onSome: lineOf
  })
  return Option.match(line, { onNone: () => Effect.void, onSome: (line) => note(`error: ${printable(line)}`) })
}

export const exitCode = (exit: Exit.Exit<unknown, unknown>, interrupted: number): number =>
  Exit.match(exit, {
    onSuccess: () => 0,
    onFailure: (cause) =>
      Cause.isInterruptedOnly(cause)
        ? interrupted
        : Option.match(Cause.failureOption(cause), { onNone: () => 1, onSome: (error) => codeOf(error as Failure) })
  })
