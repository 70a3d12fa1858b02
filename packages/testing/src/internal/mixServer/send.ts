import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Either from "effect/Either"
import { decode, type FieldType } from "./decode.ts"
import { marshal } from "./json.ts"
import type { Generation } from "./model.ts"
import * as Reply from "./reply.ts"
import type { Store } from "./store.ts"
import * as View from "./views.ts"

const bodies: Readonly<Record<Generation, Readonly<Record<string, FieldType>>>> = {
  "2025-09-11": { content: "string" },
  "2025-09-25": { text: "string", media: "[]string", apps: "[]string", plan_mode: "bool" },
  "2025-10-10": { text: "string", plan_mode: "bool" }
}

const authPrompt =
  "⚠️ Not authenticated with Anthropic (Claude) (your preferred provider)\n\nChoose one option:\n" +
  "•Authentication to connect your Anthropic (Claude) account\n•change your preferred provider"
const authRefusal = "⚠️ Authentication required. Please go to settings and authenticate"

const commands: Readonly<Record<string, string>> = {
  help: "Lists the commands",
  clear: "Clears the conversation",
  session: "Shows this session",
  sessions: "Lists the sessions",
  mcp: "Lists the MCP servers",
  context: "Shows how full the context is",
  login: "Connects a provider"
}

const commandResult = (name: string): string =>
  marshal(
    name === "help"
      ? { type: "help", commands: Object.entries(commands).map(([name, description]) => ({ name, description })) }
      : { type: name, message: `${name}: done` }
  )

/** A reply that is about no stored row. */
const notice = (id: string, text: string, answer: string) =>
  Reply.json(
    200,
    View.message({
      id,
      sessionId: "",
      role: "assistant",
      userInput: text,
      assistantResponse: answer,
      extras: undefined
    })
  )

const slashCommand = (text: string): HttpServerResponse.HttpServerResponse => {
  const name = /^\/(\S+)/.exec(text)?.[1]
  if (name === undefined) return Reply.badRequestError("Invalid slash command: a name must follow a leading /")
  return Object.hasOwn(commands, name)
    ? notice(`cmd-${name}`, text, commandResult(name))
    : Reply.notFound(`Command '${name}' not found. Available commands: [${Object.keys(commands).join(" ")}]`)
}

const planReminder =
  "\n\n<system-reminder>\nPlan mode is on: describe the steps you would take & change nothing yet.\n</system-reminder>"

/** What `send` needs to know of the server. */
export interface SendOptions {
  readonly store: Store
  readonly generation: Generation
  readonly authenticated: boolean
}

/** Handles one sent message. The order of the checks is the real server's: the session is the last thing looked at. */
export const send = (
  { authenticated, generation, store }: SendOptions,
  request: { readonly sessionId: string; readonly body: Uint8Array; readonly now: number }
): HttpServerResponse.HttpServerResponse => {
  const decoded = decode(request.body, "SendMessageRequest", bodies[generation])
  if (Either.isLeft(decoded)) return Reply.validationError("body", decoded.left)
  const given = decoded.right.get(generation === "2025-09-11" ? "content" : "text")
  const text = typeof given === "string" ? given : ""
  if (text === "") return Reply.validationError("content", "message content is required")

  const asynchronous = generation === "2025-10-10"
  if (!authenticated) {
    return asynchronous ? Reply.unauthorized(authRefusal) : notice("system-auth-prompt", text, authPrompt)
  }
  if (text.trim().startsWith("/")) return slashCommand(text)

  const session = store.session(request.sessionId)
  if (session === undefined) {
    const operation = asynchronous ? "sending message to agent" : "agent processing"
    return Reply.internalError(operation, "failed to get session: sql: no rows in result set")
  }
  const stored = decoded.right.get("plan_mode") === true ? text + planReminder : text
  store.append({ sessionId: session.id, text: stored }, request.now)
  const answer = store.append({ sessionId: session.id, role: "assistant", text: `You said: ${text}` }, request.now)
  if (asynchronous) return Reply.json(202, { sessionId: session.id, status: "processing" })
  // Role and session id are the real server's slips: the reply is the answer, labelled as the question.
  return Reply.json(200, View.message({ ...answer, sessionId: "", role: "user", userInput: text }))
}
