/** The flags, their help, and the rules between them. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Mode } from "./ExportFile.ts"

const range = (from: number, to: number) => (to < Number.MAX_SAFE_INTEGER ? `from ${from} to ${to}` : `${from} or more`)

const integer = (name: string, from: number, to: number) =>
  Options.integer(name).pipe(
    Options.mapEffect((value) =>
      value >= from && value <= to
        ? Effect.succeed(value)
        : Effect.fail(ValidationError.invalidValue(HelpDoc.p(`--${name} must be ${range(from, to)}`)))
    )
  )

export const config = {
  server: Options.text("server").pipe(
    Options.withPseudoName("URL"),
    Options.withDescription(
      "The Mix backend, as in http://localhost:8088. Default: MIX_SERVER_URL, else an embedded one."
    ),
    Options.optional
  ),
  out: Options.text("out").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("Write JSON, one message a line, to this file instead of the screen."),
    Options.optional
  ),
  resume: Options.boolean("resume").pipe(
    Options.withDescription(
      "With --out: go on where an export that was interrupted, or reached its --limit, left the file."
    )
  ),
  force: Options.boolean("force").pipe(Options.withDescription("With --out: replace a file that exists.")),
  limit: integer("limit", 1, Number.MAX_SAFE_INTEGER).pipe(
    Options.withPseudoName("N"),
    Options.withDescription("Stop after so many messages; with --resume, those that the file holds already count."),
    Options.optional
  ),
  pageSize: integer("page-size", 1, 1000).pipe(
    Options.withPseudoName("N"),
    Options.withDescription("How many messages to ask for at a time, from 1 to 1000. Default: 100."),
    Options.optional
  ),
  prefetch: integer("prefetch", 0, 64).pipe(
    Options.withPseudoName("N"),
    Options.withDescription("How many pages to ask for ahead, from 0 to 64. Default: 0."),
    Options.optional
  ),
  skipUnreadable: Options.boolean("skip-unreadable").pipe(
    Options.withDescription("Leave out messages that cannot be read, with a warning for each, instead of failing.")
  ),
  session: Options.text("session").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("List this session, oldest message first, instead of the history."),
    Options.optional
  ),
  send: Options.text("send").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("Send TEXT to this session and show the reply, instead of the history."),
    Options.optional
  ),
  text: Args.text({ name: "TEXT" }).pipe(
    Args.withDescription("What to send, in quotes; it cannot begin with two dashes."),
    Args.repeated
  )
}

export type Flags = Command.Command.ParseConfig<typeof config>

/** The rules between flags: what is wrong with them, if anything. */
export const objection = (flags: Flags): string | undefined => {
  const given = (...names: ReadonlyArray<"limit" | "out" | "pageSize" | "prefetch" | "session">) =>
    names.some((name) => flags[name]._tag === "Some")
  const ownsFile = flags.resume || flags.force
  // The parser takes a flag that it does not know, and a flag without its value, for text.
  const unknown = flags.text.find((text) => /^--\w/.test(text)) ?? flags.text[Option.isSome(flags.send) ? 1 : 0]
  if (unknown !== undefined) {
    return unknown.startsWith("--")
      ? `${unknown} is no flag, or lacks its value`
      : `what is "${unknown}"? One text may follow --send ID, in quotes`
  }
  if (Option.isSome(flags.send)) {
    if (flags.text.length === 0) return "--send needs a text: --send ID TEXT"
    return given("limit", "out", "pageSize", "prefetch", "session") || ownsFile || flags.skipUnreadable
      ? "--send goes with --server only"
      : undefined
  }
  if (ownsFile && !given("out")) return "--resume and --force need --out FILE"
  if (flags.resume && flags.force) return "--resume and --force exclude each other"
  if (given("session") && (given("pageSize", "prefetch") || flags.resume)) {
    return "--session is one request: --page-size, --prefetch and --resume do not go with it"
  }
  return undefined
}

/** What to do about messages that cannot be read. */
export const unreadableOf = ({ skipUnreadable }: Flags) => (skipUnreadable ? "skip" : "fail")

/** What to do when the file is there already. */
export const modeOf = ({ force, resume }: Flags): Mode => (resume ? "resume" : force ? "replace" : "refuse")
