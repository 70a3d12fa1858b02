/** How far an export has come, on stderr: redrawn in place on a terminal, a line now and then elsewhere. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Output } from "./Output.ts"
import { clip } from "./Render.ts"

export interface Count {
  readonly messages: number
  readonly pages: number
}

export interface Progress {
  /** Counts a page. */
  readonly page: (messages: number) => Effect.Effect<void>
  /** Takes the line off the terminal while something else is written there. */
  readonly aside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`

export const render = ({ messages, pages }: Count, elapsed: Duration.Duration): string => {
  const seconds = Duration.toSeconds(elapsed)
  const minutes = Math.floor(seconds / 60)
  const rate = seconds === 0 ? 0 : Math.round(messages / seconds)
  const time = minutes === 0 ? `${seconds.toFixed(1)} s` : `${minutes} min ${Math.floor(seconds % 60)} s`
  return `${plural(messages, "message")}, ${plural(pages, "page")}, ${rate}/s, ${time}`
}

const eraseLine = "\r\u001b[K"

/** Shows progress until the scope closes, which shows it one last time. */
export const make: Effect.Effect<Progress, never, Output | Scope.Scope> = Effect.gen(function* () {
  const { stderr } = yield* Output
  const start = yield* Clock.currentTimeMillis
  const count = yield* Ref.make<Count>({ messages: 0, pages: 0 })
  const isTerminal = Option.isSome(yield* stderr.columns)

  // Progress is a courtesy: that it cannot be shown is no reason to stop.
  const write = (text: string) => Effect.ignore(stderr.write(text))
  const line = Effect.map(Effect.all([Ref.get(count), Clock.currentTimeMillis]), ([count, now]) =>
    render(count, Duration.millis(now - start))
  )
  const erase = isTerminal ? write(eraseLine) : Effect.void
  const draw = Effect.flatMap(Effect.all([line, stderr.columns]), ([line, columns]) =>
    write(eraseLine + clip(line, Option.getOrElse(columns, () => 80) - 1))
  )
  const print = Effect.flatMap(line, (line) => write(`${isTerminal ? eraseLine : ""}${line}\n`))

  yield* Effect.addFinalizer((exit) =>
    Effect.flatMap(Ref.get(count), ({ pages }) => (pages > 0 || Exit.isSuccess(exit) ? print : erase))
  )
  yield* Effect.forkScoped(
    isTerminal
      ? Effect.repeat(draw, Schedule.spaced("250 millis"))
      : Effect.schedule(print, Schedule.spaced("2 seconds"))
  )
  return {
    page: (messages) => Ref.update(count, (sum) => ({ messages: sum.messages + messages, pages: sum.pages + 1 })),
    aside: (effect) => (isTerminal ? Effect.zipRight(erase, effect).pipe(Effect.zipLeft(draw)) : effect)
  }
})
