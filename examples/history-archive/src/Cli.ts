/** The commands: what each asks for. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Backend from "@mix-effect/example-backend"
import { Config, Effect, Option } from "effect"
import * as Database from "./Database.ts"
import { UsageError } from "./Failure.ts"
import * as Mirror from "./Mirror.ts"
import * as Output from "./Output.ts"
import * as Run from "./Run.ts"
import * as ServerName from "./Server.ts"
import { printFound, printSession, printStatus, tour } from "./Tour.ts"

const database = Options.text("database").pipe(
  Options.withPseudoName("FILE|URL"),
  Options.withDescription("A file of SQLite, or a url as in postgres://user@host/database. Default: archive.db."),
  Options.optional
)

const json = Options.boolean("json").pipe(Options.withDescription("JSON, one object a line, for a program to read."))

const server = Options.text("server").pipe(Options.withPseudoName("URL"))

const target = (flag: Option.Option<string>) => Database.parse(Option.getOrElse(flag, () => "archive.db"))

/** Runs what reads the archive. */
const reading = <A, E, R>(flag: Option.Option<string>, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(target(flag), (target) => Effect.provide(effect, Database.layerRead(target)))

const status = Command.make("status", { database, json }, ({ database, json }) =>
  reading(database, printStatus(json))
).pipe(Command.withDescription("Tells what is in the archive, and how far it is behind its servers."))

const search = Command.make(
  "search",
  {
    database,
    json,
    limit: Options.integer("limit").pipe(
      Options.withPseudoName("N"),
      Options.withDescription("Show so many messages at most. Default: 20."),
      Options.withDefault(20)
    ),
    words: Args.text({ name: "WORDS" }).pipe(Args.atLeast(1))
  },
  ({ database, json, limit, words }) =>
    Effect.gen(function* () {
      if (limit < 1) return yield* new UsageError({ message: "--limit must be 1 or more" })
      yield* reading(database, printFound(words.join(" "), limit, json))
    })
).pipe(Command.withDescription("Finds the messages that hold all of the words."))

const exportSession = Command.make(
  "export",
  {
    database,
    format: Options.choice("format", ["markdown", "jsonl"]).pipe(
      Options.withDescription("Markdown for a person, or JSON lines with all fields. Default: markdown."),
      Options.withDefault("markdown" as const)
    ),
    server: server.pipe(
      Options.withDescription("Whose session, where several servers have one of this id."),
      Options.optional
    ),
    session: Args.text({ name: "SESSION" })
  },
  ({ database, format, server, session }) =>
    Effect.flatMap(Effect.transposeOption(Option.map(server, ServerName.nameOf)), (name) =>
      reading(database, printSession(session, name, format))
    )
).pipe(Command.withDescription("Writes a session to stdout, with what the server deleted since."))

/** Where a runner of the cluster listens, and is known to the others. */
const address = (text: string) => {
  const [, host, port] = /^([\w.-]+):(\d+)$/.exec(text) ?? []
  return host === undefined || port === undefined
    ? new UsageError({ message: "--listen takes a host and a port, as in localhost:34431" })
    : Effect.succeed({ host, port: Number(port) })
}

const serverVariable = Config.string("MIX_SERVER_URL").pipe(
  Config.map((url) => url.trim()),
  Config.withDefault("")
)

const toServer = (url: string) => Effect.map(ServerName.nameOf(url), (name): Run.Server => ({ name, url: url.trim() }))

/** Without a server: an embedded one is mirrored to a file of its own, and what came of it is shown. */
const demonstrate = (flag: Option.Option<string>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Option.match(flag, {
      onSome: Effect.succeed,
      onNone: () => Effect.map(fs.makeTempDirectory({ prefix: "history-archive-" }), (folder) => `${folder}/archive.db`)
    })
    const target = yield* Database.parse(path)
    const server = yield* Effect.flatMap(serverVariable, toServer)
    yield* Effect.gen(function* () {
      yield* Run.mirrorAll([server], { ...Mirror.defaults, once: true }, false)
      yield* tour(Database.nameOf(target))
    }).pipe(Effect.provide(Database.layerWrite(target)))
  }).pipe(Effect.provide(Backend.layer()), (effect) =>
    Effect.flatMap(Output.console(""), (console) => Effect.withConsole(effect, console))
  )

const archive = Command.make(
  "history-archive",
  {
    database,
    json,
    cluster: Options.boolean("cluster").pipe(
      Options.withDescription("Share the servers among all runners on this database; PostgreSQL only.")
    ),
    listen: Options.text("listen").pipe(
      Options.withPseudoName("HOST:PORT"),
      Options.withDescription("With --cluster: where the other runners reach this one. Default: localhost:34431."),
      Options.withDefault("localhost:34431")
    ),
    once: Options.boolean("once").pipe(
      Options.withDescription("Stop when all that the servers hold is in the archive, instead of following them.")
    ),
    servers: server.pipe(
      Options.withDescription("A Mix server to mirror; may be given more than once. Default: MIX_SERVER_URL."),
      Options.repeated
    )
  },
  ({ cluster, database, json, listen, once, servers }) =>
    Effect.gen(function* () {
      const variable = yield* serverVariable
      const urls = servers.length > 0 ? servers : variable === "" ? [] : [variable]
      if (urls.length === 0 && !cluster) return yield* demonstrate(database)
      const named = yield* Effect.forEach(urls, toServer)
      if (new Set(named.map(({ name }) => name)).size < named.length) {
        return yield* new UsageError({ message: "the same --server is given twice" })
      }
      const to = yield* target(database)
      if (!cluster) {
        return yield* Effect.provide(Run.mirrorAll(named, { ...Mirror.defaults, once }, json), Database.layerWrite(to))
      }
      if (once) return yield* new UsageError({ message: "--once and --cluster do not go together" })
      if (to._tag === "Sqlite") {
        return yield* new UsageError({
          message: "--cluster needs --database postgres://...: one process writes to a file of SQLite"
        })
      }
      const { host, port } = yield* address(listen)
      // Only a runner needs it, and it takes a second to load.
      const { run } = yield* Effect.promise(() => import("./Cluster.ts"))
      yield* Effect.provide(run(named, host, port, json), Database.layerCluster(to.url))
    })
).pipe(
  Command.withSubcommands([status, search, exportSession]),
  Command.withDescription("Mirrors the messages of Mix servers into a database, and keeps it up to date.")
)

/** Parses and obeys a command line: `process.argv`, whole. */
export const run = (argv: ReadonlyArray<string>) =>
  Effect.flatMap(Output.console("error: "), (console) =>
    Effect.withConsole(Command.run(archive, { name: "history-archive", version: "0.0.0" })(argv), console)
  )
