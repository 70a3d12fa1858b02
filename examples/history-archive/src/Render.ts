/** What the archive holds, as lines for a person or a program. What others wrote is shown, never obeyed. */
import { BackendMessage, printable } from "@mix-effect/core"
import { Schema } from "effect"
import type { Found, Status } from "./Reader.ts"

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`

export const status = (status: Status, now: number): string => {
  const { caughtUpAt, deletedMessages, deletedSessions, isWalked, messages, problems, server, sessions } = status
  return [
    `${printable(server)}: ${plural(messages, "message")} in ${plural(sessions, "session")}`,
    deletedMessages + deletedSessions > 0
      ? `${plural(deletedMessages, "message")} and ${plural(deletedSessions, "session")} deleted on the server`
      : "",
    problems > 0 ? `${plural(problems, "session")} could not be read` : "",
    caughtUpAt === null
      ? isWalked
        ? "sessions are being listed"
        : "the history is being walked"
      : `complete as of ${caughtUpAt}, ${Math.max(0, Math.round((now - Date.parse(caughtUpAt)) / 1000))} s ago`
  ]
    .filter((part) => part !== "")
    .join("; ")
}

export const found = ({ deletedAt, role, sessionId, text }: Found): string =>
  `${printable(sessionId)}  ${printable(role)}${deletedAt === null ? "" : " (deleted)"}: ${printable(text)}`

export interface Exported {
  readonly message: BackendMessage
  readonly deletedAt: string | null
}

const encode = Schema.encodeSync(BackendMessage)

/** U+2028 and U+2029 may stand in JSON as they are, but many a program that reads lines takes them for line breaks. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u2028\u2029]/g, (char) => (char === "\u2028" ? "\\u2028" : "\\u2029"))

/** As the server sends it, and when it was found deleted. */
export const exportedLine = ({ deletedAt, message }: Exported): string =>
  jsonLine({ ...encode(message), ...(deletedAt === null ? {} : { deletedAt }) })

const block = (text: string) => text.split(/\r\n|[\n\r\u2028\u2029]/).map(printable)

/** A fence that is longer than any in the text. */
const fenced = (text: string): ReadonlyArray<string> => {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length))
  const fence = "`".repeat(longest + 1)
  return [fence, ...block(text), fence]
}

export const markdown = ({ deletedAt, message }: Exported): string => {
  const { assistantResponse, reasoning = "", role, toolCalls = [], userInput } = message
  const text = assistantResponse ?? userInput
  const parts = [
    [`## ${printable(role)}${deletedAt === null ? "" : " (deleted on the server)"}`],
    reasoning === "" ? [] : block(reasoning).map((line) => `> ${line}`),
    text === "" ? [] : block(text),
    ...toolCalls.map(({ input, name, result }) => [
      `Tool: ${printable(name)}`,
      "",
      ...fenced(input),
      ...(result === undefined ? [] : ["", ...fenced(result)])
    ])
  ]
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n")
}

export const heading = (session: {
  readonly title: string
  readonly deletedAt: string | null
}): ReadonlyArray<string> => [
  `# ${printable(session.title)}`,
  "",
  ...(session.deletedAt === null ? [] : [`Deleted on the server; found so at ${session.deletedAt}.`, ""])
]
