/**
 * Many servers on many machines. Each server is an entity of @effect/cluster, which runs on one of the runners, and on another
 * one when that dies or freezes. The cluster keeps its state in the database of the archive.
 *
 * A runner that froze may wake up and go on before it learns that it was replaced. The cluster does not prevent that; the fence of
 * the archive does.
 */
import * as Entity from "@effect/cluster/Entity"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Layer, Option, Ref, Schedule } from "effect"
import * as Failure from "./Failure.ts"
import { inTurn } from "./Migrations.ts"
import * as Mirror from "./Mirror.ts"
import * as Output from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Run from "./Run.ts"

/** Its id is the name of the server, which is its url. */
const MirrorEntity = Entity.make("Mirror", [Rpc.make("Keep")])

const entity = (mirrors: Progress.Mirrors) =>
  MirrorEntity.toLayer(
    Effect.gen(function* () {
      const { entityId } = yield* Entity.CurrentAddress
      const output = yield* Output.Output
      // Who was superseded is about to be stopped here. If it is not, it was wrong to be superseded, and tries again.
      yield* Run.mirror({ name: entityId, url: entityId }, Mirror.defaults, mirrors).pipe(
        Effect.scoped,
        Effect.catchAll((error) =>
          Output.note(`${entityId}: ${Option.getOrElse(Failure.lineOf(error), () => "")}`).pipe(
            Effect.provideService(Output.Output, output)
          )
        ),
        Effect.repeat(Schedule.spaced("3 seconds")),
        Effect.forkScoped
      )
      return { Keep: () => Effect.void }
    }),
    { concurrency: "unbounded" }
  )

/** An entity runs once somebody has asked for it: every runner asks for every server it was told of, all the time. */
const keep = (servers: ReadonlyArray<Run.Server>) =>
  Effect.gen(function* () {
    const client = yield* MirrorEntity.client
    yield* Effect.forEach(
      servers,
      ({ name }) =>
        client(name)
          .Keep()
          .pipe(
            Effect.timeout("1 second"),
            // That a runner is gone may come as a defect. The next one answers.
            Effect.exit,
            Effect.schedule(Schedule.spaced("250 millis"))
          ),
      { concurrency: "unbounded", discard: true }
    )
  })

/** A runner that is not heard of for two and a half seconds is replaced. */
const shardingConfig = {
  shardsPerGroup: 60,
  shardLockRefreshInterval: "800 millis",
  shardLockExpiration: "2500 millis",
  refreshAssignmentsInterval: "500 millis",
  entityMessagePollInterval: "1 second",
  entityTerminationTimeout: "1 second",
  runnerHealthCheckInterval: "1 second"
} as const

/** A runner, for good. */
export const run = (servers: ReadonlyArray<Run.Server>, host: string, port: number, json: boolean) =>
  Effect.gen(function* () {
    const mirrors: Progress.Mirrors = yield* Ref.make<ReadonlyArray<Progress.Progress>>([])
    const runner = NodeClusterSocket.layer({
      storage: "sql",
      runnerHealth: "ping",
      shardingConfig: { ...shardingConfig, runnerAddress: Option.some(RunnerAddress.make(host, port)) }
    })
    const scope = yield* Effect.scope
    const cluster = yield* inTurn(Layer.buildWithScope(Layer.provideMerge(entity(mirrors), runner), scope))
    yield* Effect.raceFirst(Effect.provide(keep(servers), cluster), Progress.keepReporting(mirrors, json))
  }).pipe(Effect.scoped)
