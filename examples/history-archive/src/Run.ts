/** Mirrors servers into one database, and tells how far it is. */
import * as MixNode from "@mix-effect/node/MixNode"
import { Effect, Exit, Option, Ref } from "effect"
import * as Archive from "./Archive.ts"
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

/** One server, until it is mirrored, or for good. */
export const mirror = (
  server: Server,
  options: Mirror.Options,
  started: (progress: Progress.Progress) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const progress = yield* Progress.make(server.name)
    yield* started(progress)
    const archive = yield* Archive.claim(server.name)
    yield* Mirror.keepRunning(archive, progress, options)
  }).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url, maxResponseBytes })))

/** All servers at a time. One that fails does not stop the others. */
export const mirrors = (servers: ReadonlyArray<Server>, options: Mirror.Options, json: boolean) =>
  Effect.gen(function* () {
    const started = yield* Ref.make<ReadonlyArray<Progress.Progress>>([])
    const add = (progress: Progress.Progress) => Ref.update(started, (all) => [...all, progress])
    const one = (server: Server) =>
      mirror(server, options, add).pipe(
        Effect.tapError((error) =>
          servers.length > 1
            ? Output.note(`${server.name}: ${Option.getOrElse(Failure.lineOf(error), () => "")}`)
            : Effect.void
        ),
        Effect.exit
      )
    const exits = yield* Effect.forEach(servers, one, { concurrency: "unbounded" }).pipe(
      Effect.raceFirst(Progress.keepReporting(Ref.get(started), json))
    )
    yield* Progress.report(Ref.get(started), json)
    const failed = exits.filter(Exit.isFailure)
    const [first] = failed
    if (first === undefined) return
    if (servers.length === 1) return yield* first
    yield* new Failure.Incomplete({ message: `${failed.length} of ${servers.length} servers are not mirrored` })
  })
