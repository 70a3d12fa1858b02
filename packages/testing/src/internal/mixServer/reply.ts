import type { EventStream } from "./eventStream.ts"
import { encode, type Json } from "./json.ts"

const encoder = new TextEncoder()

type Headers = Readonly<Record<string, string>>

/** A response. The names of its headers are in lower case. */
export interface Response {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array | EventStream
}

/** A response of a text, or without a body. */
export const make = (status: number, headers: Headers, body = ""): Response => ({
  status,
  headers,
  body: encoder.encode(body)
})

const cors = (allowedHeaders: string): Headers => ({
  "access-control-allow-headers": allowedHeaders,
  "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
  "access-control-allow-origin": "*",
  "access-control-max-age": "86400"
})

// The layer in front of the routes allows one header more than the handlers, which overwrite its list.
const outer = cors("Content-Type, Authorization, X-Requested-With")
const inner = cors("Content-Type, Authorization")

const plain = (status: number, headers: Headers, body: string) =>
  make(
    status,
    { "content-type": "text/plain; charset=utf-8", ...headers, "x-content-type-options": "nosniff" },
    `${body}\n`
  )

/** A handler's JSON. */
export const json = (status: number, body: Json) =>
  make(status, { "content-type": "application/json", ...inner }, encode(body))

/** JSON of a handler that leaves the outer layer's headers as they are. */
export const outerJson = (status: number, body: Json) =>
  make(status, { "content-type": "application/json", ...outer }, encode(body))

/** A handler's reply without a body. */
export const noContent = make(204, inner)

/** A handler's own rejection of a method, which only `HEAD` ever reaches. */
export const handlerMethodNotAllowed = plain(405, inner, "Method not allowed")

/** The router's answer to a method that a path does not have. */
export const muxMethodNotAllowed = (allow: string) => plain(405, { ...outer, allow }, "Method Not Allowed")

/** The router's answer to a path it does not have. */
export const muxNotFound = plain(404, outer, "404 page not found")

/** The answer to a target that is no URL. It is given before any layer of the application runs. */
export const badRequest = make(
  400,
  { "content-type": "text/plain; charset=utf-8", connection: "close" },
  "400 Bad Request"
)

/** The answer to every `OPTIONS` of a path. */
export const preflight = make(200, outer)

/** The answer to `OPTIONS *`, which no layer of the application sees. */
export const serverOptions = make(200, {})

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;"
}

const htmlEscape = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? character)

/** The router's answer to a path that is not clean. Only `GET` is given a page to read. */
export const redirect = (status: 301 | 307, method: string, location: string) => {
  const headers = { ...outer, location }
  if (method !== "GET" && method !== "HEAD") return make(status, headers)
  const name = status === 301 ? "Moved Permanently" : "Temporary Redirect"
  const page = `<a href="${htmlEscape(location)}">${name}</a>.\n\n`
  return make(status, { "content-type": "text/html; charset=utf-8", ...headers }, method === "GET" ? page : "")
}

const error = (code: number, type: string, message: string) => json(code, { error: { code, message, type } })

/** 400 for a field of the request. */
export const validationError = (field: string, why: string) =>
  error(400, "validation_error", `Validation error for field '${field}': ${why}`)

/** 401. */
export const unauthorized = (message: string) => error(401, "unauthorized", message)

/** 404 from a handler. */
export const notFound = (message: string) => error(404, "not_found", message)

/** 404 for a session. */
export const sessionNotFound = (id: string) => notFound(`Session with ID '${id}' not found`)

/** 500. */
export const internalError = (operation: string, why: string) =>
  error(500, "internal_error", `Internal error during ${operation}: ${why}`)

/** 404 for a message. */
export const messageNotFound = (id: string) => notFound(`Message with ID '${id}' not found`)

/** What a server without credentials for its language model says to a sent message. */
export const authPrompt =
  "⚠️ Not authenticated with Anthropic (Claude) (your preferred provider)\n\nChoose one option:\n" +
  "•Authentication to connect your Anthropic (Claude) account\n•change your preferred provider"

const streamHeaders = {
  ...cors("Cache-Control"),
  "cache-control": "no-cache",
  connection: "keep-alive",
  "content-type": "text/event-stream"
}

/** A stream of events. */
export const eventStream = (body: EventStream): Response => ({ status: 200, headers: streamHeaders, body })

/** The answer to a stream of no session. */
export const streamRejected = make(400, streamHeaders)

const messageHeaders = {
  ...cors("Content-Type"),
  "access-control-allow-methods": "POST, OPTIONS"
}

/** The answer to a message for the open streams of a session, of which there may be none. */
export const streamMessageTaken = (sessionId: string) =>
  make(200, { "content-type": "application/json", ...messageHeaders }, encode({ sessionId, status: "broadcasted" }))

/** The answer to what is no message for a stream. */
export const streamMessageRejected = (why: string) => plain(400, messageHeaders, why)
