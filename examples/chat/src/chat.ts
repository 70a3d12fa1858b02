/** One turn of a conversation as text for a terminal, and the session that it belongs to. */
import { type Answer, type PermissionRequested, type SessionEvent, SessionId, SessionsService } from "@mix-effect/core"
import { Effect, Option, Stream } from "effect"
import type { Terminal } from "./terminal.ts"

/** Whatever a server writes: no escape sequences, nothing that turns the direction of the text; lines stay lines. */
export const safe = (text: string): string => text.replace(/[^\P{C}\n\t]/gu, " ")

/** The same on one line, and not longer than that. */
export const safeLine = (text: string): string => safe(text).replace(/\s+/g, " ").trim().slice(0, 200)

/** The session of that id, else a new one. */
export const open = (resumed: Option.Option<string>) =>
  Effect.gen(function* () {
    const sessions = yield* SessionsService
    if (Option.isSome(resumed)) return yield* sessions.get({ id: SessionId.make(resumed.value) })
    const title = "Chat in a terminal"
    return yield* sessions.create({ title, browserMode: "local-browser-service" }).pipe(
      // Servers before February 2026 know no browser mode. They refused, so there is no session yet.
      Effect.catchTag("BadRequest", () => sessions.create({ title }))
    )
  })

/** Shows events as they come. Pieces of text can be lost, so the answer has the last word. */
const renderer = () => {
  let shown = ""
  /** Whether the cursor stands at the beginning of a line. */
  let atStart = true
  const statuses = new Map<string, string>()
  const text = (piece: string) => {
    if (piece !== "") atStart = piece.endsWith("\n")
    return piece
  }
  const line = (content: string) => {
    const start = atStart ? "" : "\n"
    return start + text(`${content}\n`)
  }
  return {
    event: (event: SessionEvent): string => {
      switch (event._tag) {
        case "Text":
          shown += event.text
          return text(safe(event.text))
        case "ToolCall": {
          // One line when it is written, one when it is done.
          const status = event.status === "running" ? "ready" : event.status
          if (status === "writing" || statuses.get(event.id) === status) return ""
          statuses.set(event.id, status)
          return status === "ready"
            ? line(`> ${safeLine(event.name)} ${safeLine(event.input)}`)
            : line(`< ${safeLine(event.name)} ${status}`)
        }
        case "Reconnected":
          return line("(the connection was lost and is open again)")
        default:
          return ""
      }
    },
    answer: (answer: Answer): string => (!shown.endsWith(answer.text) ? line(safe(answer.text)) : atStart ? "" : "\n")
  }
}

/** Asks, and writes the answer piece by piece. What goes wrong is a line, too: the conversation goes on. */
export const turn = (
  id: SessionId,
  text: string,
  write: (text: string) => Effect.Effect<void>,
  onPermission: (request: PermissionRequested) => Effect.Effect<"grant" | "deny">
) =>
  Effect.gen(function* () {
    const sessions = yield* SessionsService
    const render = renderer()
    yield* sessions
      .askStream({ id, text }, { onPermission })
      .pipe(
        Stream.runForEach((element) =>
          write(element._tag === "Answered" ? render.answer(element.answer) : render.event(element))
        )
      )
  }).pipe(Effect.tapError((error) => write(`\n${safeLine(error.message)}\n`)))

/** Turn after turn, until the person leaves. */
export const conversation = (terminal: Terminal, resumed: Option.Option<string>) =>
  Effect.gen(function* () {
    const { id } = yield* open(resumed)
    yield* terminal.write(`Session ${safeLine(id)} (--session resumes it). Ctrl-C stops the agent, then the program.\n`)
    for (;;) {
      const text = yield* terminal.ask("\nYou: ")
      if (text === undefined) return
      if (text.trim() === "") continue
      const asked = turn(id, text, terminal.write, ({ description, toolName }) =>
        Effect.map(
          terminal.ask(`\n${safeLine(toolName)} wants to: ${safeLine(description)}. Allow it? [y/N] `),
          (answer) => (/^y(es)?$/i.test(answer?.trim() ?? "") ? "grant" : "deny")
        )
      )
      yield* Effect.scoped(Effect.zipRight(Effect.forkScoped(terminal.wait), asked)).pipe(
        Effect.ignore, // it was said
        // Interrupting the turn cancels the agent's run.
        Effect.raceFirst(Effect.zipRight(terminal.interrupted, terminal.write("\n(stopped)\n")))
      )
    }
  })
