import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Incoming } from "./node.ts"
import * as Reply from "./reply.ts"

/** Gives the body of the current request to the handler that wants it. */
export class Body extends Context.Tag("@mix-effect/testing/MixServer/Body")<Body, () => Uint8Array>() {}

/** A handler of one method of one path. */
export type Handler = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  Body | HttpServerRequest.HttpServerRequest | HttpRouter.RouteContext
>

/** A response, and whether a handler read the body of the request. */
export interface Answer {
  readonly response: HttpServerResponse.HttpServerResponse
  readonly bodyRead: boolean
}

/** The methods of a path; `*` takes all. */
export type Methods = Readonly<Record<string, Handler>>

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

/** One path with Go's rules for methods: `GET` includes `HEAD`, and what is missing is a 405 that lists the others. */
const route = (path: HttpRouter.PathInput, methods: Methods) => {
  const names = Object.keys(methods)
  const allow = [...names, ...(names.includes("GET") ? ["HEAD"] : [])].sort().join(", ")
  return HttpRouter.all(
    path,
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }): Handler => {
      const handler = methods[method] ?? methods["*"]
      if (handler !== undefined) return handler
      return Effect.succeed(
        method === "HEAD" && methods.GET !== undefined
          ? Reply.handlerMethodNotAllowed
          : Reply.muxMethodNotAllowed(allow)
      )
    })
  )
}

/** The whole application: CORS in front, then path cleaning, then the routes. */
export const make = (routes: ReadonlyArray<readonly [HttpRouter.PathInput, Methods]>, redirectStatus: 301 | 307) =>
  Effect.map(
    HttpRouter.toHttpApp(
      routes.reduce<HttpRouter.HttpRouter<never, Body>>(
        (router, [path, methods]) => route(path, methods)(router),
        HttpRouter.empty
      )
    ).pipe(
      HttpRouter.withRouterConfig({
        ignoreTrailingSlash: false,
        ignoreDuplicateSlashes: false,
        caseSensitive: true,
        maxParamLength: Number.POSITIVE_INFINITY
      })
    ),
    (app) =>
      (incoming: Incoming): Effect.Effect<Answer> => {
        const unread = (response: HttpServerResponse.HttpServerResponse) =>
          Effect.succeed({ response, bodyRead: false })
        if (incoming.method === "OPTIONS") {
          return unread(incoming.target === "*" ? Reply.serverOptions : Reply.preflight)
        }
        const { path, query } = splitTarget(incoming.target)
        if (/%(?![0-9a-fA-F]{2})/.test(path)) return unread(Reply.badRequest)
        const search = query === "" ? "" : `?${query}`
        const clean = cleanPath(path)
        if (clean !== path) return unread(Reply.redirect(redirectStatus, incoming.method, clean + search))
        // No pattern ends in a slash, and a wildcard never stands for an empty segment.
        if (path.endsWith("/")) return unread(Reply.muxNotFound)
        const request = HttpServerRequest.fromWeb(toWeb(incoming)).modify({
          // The router would take a semicolon for the start of the query.
          url: path.replaceAll(";", "%3B") + search
        })
        let bodyRead = false
        const takeBody = () => {
          bodyRead = true
          return incoming.body
        }
        return app.pipe(
          Effect.provideService(HttpServerRequest.HttpServerRequest, request),
          Effect.provideService(Body, takeBody),
          Effect.scoped,
          Effect.catchTag("RouteNotFound", () => Effect.succeed(Reply.muxNotFound)),
          Effect.map((response) => ({ response, bodyRead }))
        )
      }
  )

const standardMethods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]

const toWeb = ({ headers, method }: Incoming): Request =>
  new Request("http://127.0.0.1/", {
    // A web request cannot have every method. PATCH is as unknown to every route as the others are.
    method: standardMethods.includes(method) ? method : "PATCH",
    headers: { ...headers }
  })
