/** Mirrors servers into one database, and tells how far it is. */
import * as MixNode from "@mix-effect/node/MixNode"
import { Effect, Exit, Option, Ref, Schedule } from "effect"
import * as Archive from "./Archive.ts"
import * as Database from "./Database.ts"
import * as Failure from "./Failure.ts"
import * as Mirror from "./Mirror.ts"
import * as Output from "./Output.ts"
import * as Progress from "./Progress.ts"

export interface Server {
  /** As it is called in the archive. */
  readonly name: string
  readonly url: string
}

/** Sessions come whole, however long they are. A text of V8 holds 512 MiB. */
const maxResponseBytes = 500 << 20

/** A database that restarts is back within a minute. */
const untilItIsBack = Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(60))

/** One server, until it is mirrored, or for good. */
export const mirror = (server: Server, options: Mirror.Options, mirrors: Progress.Mirrors) =>
  Effect.gen(function* () {
    const progress = yield* Progress.makeScoped(server.name, mirrors)
    const archive = yield* Effect.retry(Archive.claim(server.name), {
      schedule: untilItIsBack,
      while: Database.isRetryable
    })
    yield* Mirror.keepRunning(archive, progress, options)
  }).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url, maxResponseBytes })))

/** All servers at a time. One that fails does not stop the others. */
export const mirrorAll = (servers: ReadonlyArray<Server>, options: Mirror.Options, json: boolean) =>
  Effect.gen(function* () {
    const mirrors: Progress.Mirrors = yield* Ref.make<ReadonlyArray<Progress.Progress>>([])
    const one = (server: Server) =>
      mirror(server, options, mirrors).pipe(
        Effect.tapError((error) =>
          servers.length > 1
            ? Output.note(`${server.name}: ${Option.getOrElse(Failure.lineOf(error), () => "")}`)
            : Effect.void
        ),
        Effect.exit
      )
    const exits = yield* Effect.forEach(servers, one, { concurrency: "unbounded" }).pipe(
      Effect.raceFirst(Progress.keepReporting(mirrors, json))
    )
    yield* Progress.report(mirrors, json)
    const failed = exits.filter(Exit.isFailure)
    const [first] = failed
    if (first === undefined) return
    if (servers.length === 1) return yield* first
    yield* new Failure.Incomplete({ message: `${failed.length} of ${servers.length} servers are not mirrored` })
  }).pipe(Effect.scoped)
