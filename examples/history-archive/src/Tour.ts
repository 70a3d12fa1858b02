/** What a newcomer sees: what is in the archive, without being asked. */
import { Clock, Effect, type Option, Stream } from "effect"
import { print } from "./Output.ts"
import * as Reader from "./Reader.ts"
import * as Render from "./Render.ts"

export const printStatus = (json: boolean) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const lines = (yield* Reader.status).map((status) => (json ? Render.jsonLine(status) : Render.status(status, now)))
    yield* print(...(lines.length === 0 && !json ? ["The archive is empty."] : lines))
  })

export const printFound = (words: string, limit: number, json: boolean) =>
  Effect.gen(function* () {
    const found = yield* Reader.search(words, limit)
    const lines = found.map((one) => (json ? Render.jsonLine(one) : Render.found(one)))
    yield* print(...(lines.length === 0 && !json ? ["Nothing was found."] : lines))
    return found
  })

export const printSession = (id: string, server: Option.Option<string>, format: "markdown" | "jsonl") =>
  Effect.gen(function* () {
    const session = yield* Reader.session(id, server)
    if (format === "markdown") yield* print(...Render.heading(session))
    const line = format === "markdown" ? Render.markdown : Render.exportedLine
    yield* Stream.runForEachChunk(session.messages, (chunk) => print(...[...chunk].map(line)))
  })

export const tour = (database: string) =>
  Effect.gen(function* () {
    yield* print("", "== status ==")
    yield* printStatus(false)
    yield* print("", "== search café ==")
    const [first] = yield* printFound("café", 3, false)
    const session = first === undefined ? [] : [`export ${first.sessionId}`]
    const commands = ["status", "search café", ...session]
    yield* print(
      "",
      "These commands read the archive:",
      ...commands.map((command) => `  npm run example history-archive -- ${command} --database ${database}`)
    )
  })
