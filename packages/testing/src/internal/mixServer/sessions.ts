import * as Either from "effect/Either"
import { decode, type Fields } from "./decode.ts"
import * as Events from "./events.ts"
import type { Traits } from "./generations.ts"
import type { NewSession } from "./model.ts"
import * as Reply from "./reply.ts"
import type { Session, Store } from "./store.ts"
import type { Streams } from "./streams.ts"
import * as View from "./views.ts"

const browserModes = ["electron-embedded-browser", "local-browser-service", "remote-cdp-websocket"]
const promptModes = ["default", "append", "replace"]
const promptLimits: Readonly<Record<string, number>> = { append: 50, replace: 100 }

const textOf = (fields: Fields, name: string): string => {
  const value = fields.get(name)
  return typeof value === "string" ? value : ""
}

/** The first field that is wrong, and why. */
const problem = (fields: Fields, traits: Traits): readonly [field: string, why: string] | undefined => {
  const text = (name: string) => textOf(fields, name)
  if (text("title") === "") return ["title", "title is required"]
  const mode = text("promptMode") === "" ? "default" : text("promptMode")
  if (!promptModes.includes(mode)) return ["promptMode", "promptMode must be 'default', 'append', or 'replace'"]
  const limit = promptLimits[mode]
  const size = Buffer.byteLength(text("customSystemPrompt"))
  if (limit !== undefined && size > limit * 1024) {
    return [
      "customSystemPrompt",
      `Custom prompt size (${Math.floor(size / 1024)}KB) exceeds ${mode} mode limit of ${limit}KB`
    ]
  }
  if (!["", "main"].includes(text("sessionType"))) {
    return ["sessionType", "API can only create main sessions. Subagent sessions are created automatically."]
  }
  if (text("subagentType") !== "") {
    return [
      "subagentType",
      "subagentType cannot be set for API-created sessions. Subagent sessions are created programmatically by the task delegation system."
    ]
  }
  return traits.flattened ? browserProblem(text("browserMode"), text("cdpUrl")) : undefined
}

const browserProblem = (mode: string, url: string): readonly [field: string, why: string] | undefined => {
  const remote = "remote-cdp-websocket"
  if (mode === "") {
    return [
      "browserMode",
      "browserMode is required (must be 'electron-embedded-browser', 'local-browser-service', or 'remote-cdp-websocket')"
    ]
  }
  if (!browserModes.includes(mode)) return ["browserMode", `browserMode must be one of: [${browserModes.join(" ")}]`]
  if (mode !== remote) {
    return url === "" ? undefined : ["cdpUrl", `cdpUrl can only be set when browserMode is '${remote}'`]
  }
  if (url === "") return ["cdpUrl", `cdpUrl is required when browserMode is '${remote}'`]
  return /^wss?:\/\//.test(url) ? undefined : ["cdpUrl", "cdpUrl must start with 'ws://' or 'wss://'"]
}

/** The endpoints that make, show and change sessions. */
export const make = ({
  store,
  streams,
  traits
}: {
  readonly store: Store
  readonly streams: Streams
  readonly traits: Traits
}) => {
  const shown = (status: number, session: Session) => Reply.json(status, View.session(session, traits))

  /** Leaves an id that exists as it is. */
  const add = (input: NewSession, now: number): Session => {
    const isNew = input.id === undefined || store.session(input.id) === undefined
    const session = store.createSession(input, now)
    if (isNew && traits.announcesSessions) {
      streams.broadcast(Events.sessionCreated(session.id, session.title, session.createdAt))
    }
    return session
  }

  const remove = (id: string): boolean => {
    const existed = store.deleteSession(id)
    if (existed && traits.announcesSessions) streams.broadcast(Events.sessionDeleted(id))
    return existed
  }

  const fork = (source: Session, count: number, title: string, now: number): Session => {
    const copy = add({ title: title === "" ? "Forked Session" : title }, now)
    for (const row of source.rows.slice(0, count)) {
      const { assistantResponse, extras, finishReason, role, userInput } = row
      const text = role === "assistant" ? assistantResponse : userInput
      store.append({ ...extras, sessionId: copy.id, role, text, finishReason, id: store.newId() }, now)
    }
    return copy
  }

  return {
    add,
    delete: remove,
    create: (body: Uint8Array, now: number): Reply.Response => {
      const decoded = decode(body, "CreateSessionRequest", traits.sessionFields)
      if (Either.isLeft(decoded)) return Reply.validationError("body", decoded.left)
      const fields = decoded.right
      const wrong = problem(fields, traits)
      if (wrong !== undefined) return Reply.validationError(...wrong)
      const set = (name: "browserMode" | "cdpUrl" | "modelId" | "provider") => {
        const value = textOf(fields, name)
        return value === "" ? {} : { [name]: value }
      }
      const callbacks = fields.get("callbacks")
      const session = add(
        {
          title: textOf(fields, "title"),
          ...set("browserMode"),
          ...set("cdpUrl"),
          ...set("modelId"),
          ...set("provider"),
          ...(isList(callbacks) ? { callbacks } : {})
        },
        now
      )
      return shown(201, session)
    },
    get: (id: string) => {
      const session = store.session(id)
      return session === undefined ? Reply.sessionNotFound(id) : shown(200, session)
    },
    remove: (id: string) => {
      if (remove(id)) return Reply.noContent
      return traits.emptyList === null
        ? Reply.internalError("deleting session", "sql: no rows in result set")
        : Reply.sessionNotFound(id)
    },
    /** Copies the first `messageIndex` rows. */
    fork: (id: string, body: Uint8Array, now: number) => {
      const decoded = decode(body, "ForkSessionRequest", { messageIndex: "int", title: "string" })
      if (Either.isLeft(decoded)) return Reply.validationError("body", decoded.left)
      const index = Number(decoded.right.get("messageIndex") ?? 0)
      if (index < 0) return Reply.validationError("messageIndex", "message index must be >= 0")
      const source = store.session(id)
      if (source === undefined) return Reply.internalError("forking session", "sql: no rows in result set")
      return shown(201, fork(source, index, textOf(decoded.right, "title"), now))
    },
    rewind: (id: string, body: Uint8Array) => {
      const decoded = decode(body, "RewindSessionRequest", { messageId: "string", cleanupMedia: "bool" })
      if (Either.isLeft(decoded)) return Reply.validationError("body", decoded.left)
      const messageId = textOf(decoded.right, "messageId")
      if (messageId === "") return Reply.validationError("messageId", "message ID is required")
      const session = store.session(id)
      if (session === undefined) return Reply.sessionNotFound(id)
      const last = session.rows.find((row) => row.id === messageId)
      if (last === undefined) return Reply.messageNotFound(messageId)
      store.rewind(session, last)
      return shown(200, session)
    }
  }
}

/** The sessions of a server. */
export type Sessions = ReturnType<typeof make>

const isList = Array.isArray as (value: unknown) => value is NonNullable<NewSession["callbacks"]>
