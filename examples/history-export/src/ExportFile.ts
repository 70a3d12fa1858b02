/**
 * A file of messages, one JSON object a line, that grows by whole pages. Beside it, as long as it is not complete, lies a
 * cursor file that says how long the file was after its last page and where to resume.
 */

import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { BackendMessage, HistoryCursor } from "@mix-effect/core"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Page } from "./Pages.ts"

export class ExportFileError extends Data.TaggedError("ExportFileError")<{ readonly message: string }> {}

/** What to do when there is a file already. */
export type Mode = "refuse" | "replace" | "resume"

/** What the file holds up to its last whole page. */
const Checkpoint = Schema.Struct({
  messages: Schema.NonNegativeInt,
  bytes: Schema.NonNegativeInt,
  cursor: HistoryCursor
})

type Checkpoint = typeof Checkpoint.Type

const CheckpointFile = Schema.parseJson(Checkpoint)

const encodeMessage = Schema.encodeSync(Schema.parseJson(BackendMessage))

/** U+2028 and U+2029 may stand in JSON as they are, but many a program that reads lines takes them for line breaks. */
export const toLine = (message: BackendMessage): string =>
  `${encodeMessage(message).replace(/[\u2028\u2029]/g, (char) => (char === "\u2028" ? "\\u2028" : "\\u2029"))}\n`

export interface ExportFile {
  /** How many messages the file holds now. */
  readonly messages: Effect.Effect<number>
  /** The last place from which the export can be resumed; at first, where it was left. */
  readonly cursor: Effect.Effect<Option.Option<HistoryCursor>>
  /** Adds a page, whole or not at all. */
  readonly append: (page: Page) => Effect.Effect<void, PlatformError>
  /** Says that there is no more to come. */
  readonly complete: Effect.Effect<void, PlatformError>
}

const fail = (message: string) => Effect.fail(new ExportFileError({ message }))

export const open = (
  path: string,
  mode: Mode
): Effect.Effect<ExportFile, ExportFileError | PlatformError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const cursorPath = `${path}.cursor`

    const load = fs.readFileString(cursorPath).pipe(
      Effect.flatMap(Schema.decode(CheckpointFile)),
      Effect.catchTag("ParseError", () => fail(`${cursorPath} is not a cursor file: --force starts again`))
    )
    // Renamed into place: a cursor file is whole, whenever the machine stops.
    const save = (checkpoint: Checkpoint) =>
      Schema.encode(CheckpointFile)(checkpoint).pipe(
        Effect.orDie,
        Effect.flatMap((json) => fs.writeFileString(`${cursorPath}.new`, json)),
        Effect.zipRight(fs.rename(`${cursorPath}.new`, cursorPath))
      )

    const exists = yield* fs.exists(path)
    const hasCursor = yield* fs.exists(cursorPath)
    if (exists && mode === "refuse") {
      return yield* fail(`${path} exists: ${hasCursor ? "--resume goes on with it, " : ""}--force replaces it`)
    }
    const start = exists && hasCursor && mode === "resume" ? Option.some(yield* load) : Option.none()
    const { bytes, messages } = Option.getOrElse(start, () => ({ bytes: 0, messages: 0 }))
    const size = exists ? (yield* fs.stat(path)).size : 0n
    if (mode === "resume" && Option.isNone(start) && size > 0n) {
      return yield* fail(`${path} exists, but ${cursorPath} does not: there is nothing to resume, --force replaces it`)
    }
    if (size < bytes) return yield* fail(`${path} is shorter than ${cursorPath} says: --force starts again`)

    if (hasCursor && Option.isNone(start)) yield* fs.remove(cursorPath)
    const file = yield* fs.open(path, { flag: exists ? "r+" : "wx" })
    yield* file.truncate(bytes)
    yield* file.seek(bytes, "start")
    const state = yield* Ref.make({ bytes, messages })
    const checkpoint = yield* Ref.make<Option.Option<Checkpoint>>(start)

    return {
      messages: Effect.map(Ref.get(state), ({ messages }) => messages),
      cursor: Effect.map(
        Ref.get(checkpoint),
        Option.map(({ cursor }) => cursor)
      ),
      append: (page) =>
        Effect.gen(function* () {
          const before = yield* Ref.get(state)
          const data = new TextEncoder().encode(page.messages.map(toLine).join(""))
          yield* Effect.tapError(file.writeAll(data), () => Effect.ignore(file.truncate(before.bytes)))
          const after = { bytes: before.bytes + data.length, messages: before.messages + page.messages.length }
          yield* Ref.set(state, after)
          if (Option.isNone(page.cursor)) return
          const reached = { ...after, cursor: page.cursor.value }
          // The cursor must not promise what is not on the disk yet.
          yield* file.sync
          yield* save(reached)
          yield* Ref.set(checkpoint, Option.some(reached))
        }).pipe(Effect.uninterruptible),
      complete: fs.remove(cursorPath, { force: true })
    }
  })
