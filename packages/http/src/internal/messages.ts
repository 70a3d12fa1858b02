/** What each operation of `MessagesService` asks of the server. */
import {
  BackendMessage,
  decodeBackendMessages,
  decodeReadableMessages,
  MessagesService,
  type ReadOptions,
  ReplyPending,
  type SendMessageRequest,
  type Service
} from "@mix-effect/core"
import * as Schema from "effect/Schema"
import type { Client } from "./client.ts"
import * as Reply from "./reply.ts"

const decodeMessage = Schema.decodeUnknownEither(BackendMessage)

/** What the schema of a request makes of it: the keys that are set, as they are spelt on the wire. */
export const bodyOf = ({ id: _, maxSteps, planMode, thinkingLevel, ...same }: SendMessageRequest): string =>
  JSON.stringify({ ...same, plan_mode: planMode, thinking_level: thinkingLevel, max_steps: maxSteps })

const readAll = Reply.json({ decode: decodeBackendMessages })

/** Reads a list, or what can be read of it where somebody is told of the rest. */
const readList = ({ onUnreadable }: ReadOptions) =>
  onUnreadable === undefined
    ? readAll
    : Reply.json({
        // The id of a row that is left out goes into a log.
        decode: (json, scrub) =>
          decodeReadableMessages(json, (row) => onUnreadable({ ...row, id: row.id && scrub(row.id) }))
      })

const readReply = Reply.json({
  decode: (json) => decodeMessage(json),
  accepted: () => new ReplyPending({ operation: "send" })
})

const sessionRoute = "/api/sessions/{id}/messages"
const sessionPath = (id: string) => `/api/sessions/${encodeURIComponent(id)}/messages`
const historyPath = "/api/messages/history"

const parameter = (name: string, value: number | undefined) => (value === undefined ? "" : `&${name}=${value}`)

const service = "MessagesService"

/** A message of an `ask` is sent `once`, whatever the retry policy says. */
export const make = ({ run }: Client, once = false): Service =>
  MessagesService.make({
    getHistory: ({ limit, offset, onUnreadable }) =>
      run({
        operation: "getHistory",
        service,
        method: "GET",
        route: historyPath,
        path: historyPath + (parameter("limit", limit) + parameter("offset", offset)).replace("&", "?"),
        read: readList({ onUnreadable })
      }),
    listSession: ({ id, ...reading }) =>
      run({
        operation: "listSession",
        service,
        method: "GET",
        route: sessionRoute,
        path: sessionPath(id),
        read: readList(reading)
      }),
    send: (request) =>
      run({
        operation: "send",
        service,
        method: "POST",
        route: sessionRoute,
        path: sessionPath(request.id),
        body: bodyOf(request),
        isSlow: true,
        isOnce: once,
        message: request.text,
        read: readReply
      })
  })
