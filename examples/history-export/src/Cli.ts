/** The command: what each flag asks for. */
import * as Command from "@effect/cli/Command"
import { type HistoryCursor, SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import * as Export from "./Export.ts"
import { UsageError } from "./Failure.ts"
import * as Flags from "./Flags.ts"
import * as Output from "./Output.ts"
import * as Pages from "./Pages.ts"
import * as Render from "./Render.ts"
import { send } from "./Send.ts"
import * as Server from "./Server.ts"
import { heading, tour } from "./Tour.ts"

/** To the screen, or to the file that `--out` names. */
const write = <E, R>(
  flags: Flags.Flags,
  render: Render.Renderer,
  pages: (from: Option.Option<HistoryCursor>, limit: number) => Stream.Stream<Pages.Page, E, R>
) => {
  const limit = Option.getOrElse(flags.limit, () => Number.POSITIVE_INFINITY)
  return Effect.gen(function* () {
    if (Option.isNone(flags.out)) yield* Export.toScreen(pages(Option.none(), limit), render)
    else yield* Export.toFile({ path: flags.out.value, mode: Flags.modeOf(flags), limit, pages })
  })
}

const listSession = (flags: Flags.Flags, id: string) =>
  write(flags, Render.sessionLine, (_, limit) => Pages.session(SessionId.make(id), limit, Flags.unreadableOf(flags)))

const streamHistory = (flags: Flags.Flags) =>
  write(flags, Render.historyLine, (from, limit) =>
    Pages.history({
      pageSize: Option.getOrElse(flags.pageSize, () => 100),
      prefetch: Option.getOrElse(flags.prefetch, () => 0),
      limit,
      from,
      unreadable: Flags.unreadableOf(flags)
    })
  )

const obey = (flags: Flags.Flags, isEmbedded: boolean) => {
  if (Option.isSome(flags.send)) {
    return send(SessionId.make(flags.send.value), flags.text.join(" "))
  }
  if (Option.isSome(flags.session)) return listSession(flags, flags.session.value)
  // A server that is not ours is only read.
  return isEmbedded
    ? heading("streamHistory: what users wrote, newest first").pipe(
        Effect.zipRight(streamHistory(flags)),
        Effect.zipRight(tour)
      )
    : streamHistory(flags)
}

const command = Command.make("history-export", Flags.config, (flags) =>
  Effect.gen(function* () {
    const wrong = Flags.objection(flags)
    if (wrong !== undefined) return yield* new UsageError({ message: wrong })
    const { isEmbedded, layer } = yield* Server.choose(flags.server)
    yield* Effect.provide(obey(flags, isEmbedded), layer)
  })
).pipe(Command.withDescription("Streams the whole message history of a Mix backend to the screen or to a file."))

/** Parses and obeys a command line: `process.argv`, whole. */
export const run = (argv: ReadonlyArray<string>) =>
  Effect.flatMap(Output.console, (console) =>
    Effect.withConsole(Command.run(command, { name: "history-export", version: "0.0.0" })(argv), console)
  )
