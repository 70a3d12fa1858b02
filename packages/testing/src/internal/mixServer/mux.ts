import * as Effect from "effect/Effect"
import type { Fault } from "./model.ts"
import type { Incoming } from "./node.ts"
import * as Reply from "./reply.ts"

/** What a handler sees of a request. */
export interface Request {
  /** What stands where the path has `:id`. */
  readonly id: string
  readonly query: string
  readonly body: () => Uint8Array
  /** For the one handler that takes part in it. */
  readonly fault: Fault | undefined
}

/** A handler of one method of one path. */
export type Handler = (request: Request) => Effect.Effect<Reply.Response>

/** A response, and whether a handler read the body of the request. */
export interface Answer {
  readonly response: Reply.Response
  readonly bodyRead: boolean
}

/** A path, and the handlers of its methods; `*` takes all. */
export type Route = readonly [path: string, methods: Readonly<Record<string, Handler>>]

/** Splits a request target, in origin or absolute form, at its query. */
export const splitTarget = (target: string): { readonly path: string; readonly query: string } => {
  const local = target.replace(/^https?:\/\/[^/?]*/i, "")
  const mark = local.indexOf("?")
  return mark === -1 ? { path: local, query: "" } : { path: local.slice(0, mark), query: local.slice(mark + 1) }
}

const cleanPath = (path: string): string => {
  const kept: Array<string> = []
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop()
    else if (segment !== "" && segment !== ".") kept.push(segment)
  }
  return `/${kept.join("/")}${path.endsWith("/") && kept.length > 0 ? "/" : ""}`
}

/** Decodes a segment of a path byte by byte. */
const decode = (segment: string): string =>
  Buffer.from(
    segment.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1"
  ).toString()

/** Go's rules for methods: `GET` includes `HEAD`, and what is missing is a 405 that lists the others. */
const handlerOf = (methods: Route[1], method: string): Handler => {
  const handler = Object.hasOwn(methods, method) ? methods[method] : methods["*"]
  if (handler !== undefined) return handler
  if (method === "HEAD" && methods.GET !== undefined) return () => Effect.succeed(Reply.handlerMethodNotAllowed)
  const names = Object.keys(methods)
  const allow = [...names, ...(names.includes("GET") ? ["HEAD"] : [])].sort().join(", ")
  return () => Effect.succeed(Reply.muxMethodNotAllowed(allow))
}

/** The whole application: CORS in front, then path cleaning, then the routes. */
export const make = (routes: ReadonlyArray<Route>, redirectStatus: 301 | 307) => {
  const patterns = routes.map(([path, methods]) => ({ pattern: path.split("/"), methods }))

  return (incoming: Incoming, fault: Fault | undefined): Effect.Effect<Answer> => {
    const unread = (response: Reply.Response) => Effect.succeed({ response, bodyRead: false })
    if (incoming.method === "OPTIONS") {
      return unread(incoming.target === "*" ? Reply.serverOptions : Reply.preflight)
    }
    const { path, query } = splitTarget(incoming.target)
    if (/%(?![0-9a-fA-F]{2})/.test(path)) return unread(Reply.badRequest)
    const clean = cleanPath(path)
    if (clean !== path) {
      return unread(Reply.redirect(redirectStatus, incoming.method, clean + (query === "" ? "" : `?${query}`)))
    }
    // No pattern ends in a slash, and `:id` never stands for an empty segment.
    if (path.endsWith("/")) return unread(Reply.muxNotFound)
    const segments = path.split("/").map(decode)
    const route = patterns.find(
      ({ pattern }) =>
        pattern.length === segments.length && pattern.every((part, at) => part === ":id" || part === segments[at])
    )
    if (route === undefined) return unread(Reply.muxNotFound)
    let bodyRead = false
    const body = () => {
      bodyRead = true
      return incoming.body
    }
    const id = segments[route.pattern.indexOf(":id")] ?? ""
    return Effect.map(handlerOf(route.methods, incoming.method)({ id, query, body, fault }), (response) => ({
      response,
      bodyRead
    }))
  }
}
