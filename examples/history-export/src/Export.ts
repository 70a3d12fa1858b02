/** Pages to the screen or to a file, with progress. */
import type { HistoryCursor } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ExportFile from "./ExportFile.ts"
import { note, Output } from "./Output.ts"
import type { Page } from "./Pages.ts"
import * as Progress from "./Progress.ts"
import type { Renderer } from "./Render.ts"

/** One line for each message. The next page is asked for when this one has been taken off our hands. */
export const toScreen = Effect.fn("toScreen")(function* <E, R>(pages: Stream.Stream<Page, E, R>, render: Renderer) {
  const { stdout } = yield* Output
  const progress = yield* Progress.make
  yield* Stream.runForEach(pages, (page) =>
    Effect.gen(function* () {
      const columns = yield* stdout.columns
      const text = page.messages.map((message) => `${render(message, columns)}\n`).join("")
      yield* progress.aside(Effect.zipRight(stdout.write(text), progress.page(page.messages.length)))
    })
  )
}, Effect.scoped)

export interface FileOptions<E, R> {
  readonly path: string
  readonly mode: ExportFile.Mode
  /** How many messages the file shall hold at most. */
  readonly limit: number
  /** The pages to write, no more messages than `limit`, from the place where the file was left. */
  readonly pages: (from: Option.Option<HistoryCursor>, limit: number) => Stream.Stream<Page, E, R>
}

/** How it ended, and how to go on: told also after a failure, and after Ctrl-C. */
const summary = (path: string, limit: number, file: ExportFile.ExportFile, exit: Exit.Exit<unknown, unknown>) =>
  Effect.gen(function* () {
    const messages = yield* file.messages
    const resumable = Option.isSome(yield* file.cursor)
    const how = Exit.isFailure(exit)
      ? `incomplete; the same command with ${resumable ? "--resume goes on" : "--force starts again"}`
      : messages < limit
        ? "complete"
        : `as many as --limit allows${resumable ? "; --resume with a higher one goes on" : ""}`
    yield* note(`${path}: ${messages} ${messages === 1 ? "message" : "messages"}, ${how}`)
  })

export const toFile = Effect.fn("toFile")(function* <E, R>({ limit, mode, pages, path }: FileOptions<E, R>) {
  const file = yield* ExportFile.open(path, mode)
  const left = limit - (yield* file.messages)
  yield* Effect.gen(function* () {
    const progress = yield* Progress.make
    yield* Stream.runForEach(pages(yield* file.cursor, left), (page) =>
      // What was written is counted, even if Ctrl-C comes in between.
      Effect.uninterruptible(Effect.zipRight(file.append(page), progress.page(page.messages.length)))
    )
  }).pipe(
    Effect.scoped,
    Effect.onExit((exit) => summary(path, limit, file, exit))
  )
  if ((yield* file.messages) < limit) yield* file.complete
}, Effect.scoped)
