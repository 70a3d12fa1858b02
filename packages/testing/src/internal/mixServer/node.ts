import * as Http from "node:http"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { ListenError } from "./model.ts"

/** A request with its whole body. */
export interface Incoming {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A response, perhaps cut after some bytes of its body; without a response the connection is reset. */
export interface Outgoing {
  readonly response: HttpServerResponse.HttpServerResponse | undefined
  readonly cutAfter?: number
}

/** A listening server. */
export interface Listening {
  readonly port: number
  readonly connectionCount: () => number
  readonly aborted: () => number
}

/** Bodies above this go out in chunks, as Go's response buffer has it. */
const maxUnchunked = 2048
/** How long Mix keeps an idle connection. */
const idleMillis = 15 * 60 * 1000

const receive = (request: Http.IncomingMessage): Effect.Effect<Incoming> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
    request.on("end", () => {
      const headers: Record<string, string> = {}
      for (const [name, value] of Object.entries(request.headers)) {
        if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ")
      }
      resume(
        Effect.succeed({
          method: request.method ?? "GET",
          target: request.url ?? "/",
          headers,
          body: Buffer.concat(chunks)
        })
      )
    })
    // A client that leaves in the middle of its body: the fiber is interrupted when the response closes.
    request.on("error", () => {})
  })

const canonical = (name: string): string =>
  name
    .split("-")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("-")

// A raw body carries no content type; other kinds of bodies are not made here.
const bytesOf = ({ body }: HttpServerResponse.HttpServerResponse): Uint8Array =>
  (body._tag === "Uint8Array" || body._tag === "Raw") && body.body instanceof Uint8Array ? body.body : new Uint8Array()

const respond = (target: Http.ServerResponse, response: HttpServerResponse.HttpServerResponse, cutAfter?: number) => {
  const body = bytesOf(response)
  const headers: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(response.headers)) {
    if (name !== "content-length") headers[canonical(name)] = value
  }
  if (response.status !== 204 && response.status !== 304) {
    if (body.length > maxUnchunked && cutAfter === undefined) headers["Transfer-Encoding"] = "chunked"
    else headers["Content-Length"] = body.length
  }
  // Go says nothing about a connection it keeps.
  if (target.shouldKeepAlive) target.removeHeader("Connection")
  target.writeHead(response.status, headers)
  if (cutAfter === undefined) target.end(body)
  else {
    target.flushHeaders()
    target.write(body.subarray(0, cutAfter))
    target.socket?.destroySoon()
  }
}

/** Serves on 127.0.0.1 until the scope closes, which ends every connection and interrupts every handler. */
export const listen = (
  port: number,
  handle: (incoming: Incoming) => Effect.Effect<Outgoing>
): Effect.Effect<Listening, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never>()
    let connections = 0
    let aborted = 0
    let closing = false

    const server = Http.createServer({ keepAliveTimeout: idleMillis }, (request, response) => {
      let ended = false
      const answer = (outgoing: Outgoing) =>
        Effect.sync(() => {
          ended = outgoing.response === undefined || outgoing.cutAfter !== undefined
          if (outgoing.response === undefined) request.socket.resetAndDestroy()
          else respond(response, outgoing.response, outgoing.cutAfter)
        })
      const fiber = run(
        receive(request).pipe(
          Effect.flatMap(handle),
          Effect.flatMap(answer),
          Effect.tapDefect((cause) => Effect.logError("MixServer: a request handler failed", cause)),
          Effect.onError(() => Effect.sync(() => request.socket.destroy()))
        )
      )
      response.once("close", () => {
        if (response.writableFinished || closing) return
        if (!ended) aborted++
        fiber.unsafeInterruptAsFork(FiberId.none)
      })
    })
    server.on("connection", () => connections++)

    yield* Effect.acquireRelease(
      Effect.async<void, ListenError>((resume) => {
        server.once("error", (error: NodeJS.ErrnoException) =>
          resume(Effect.fail(new ListenError({ port, code: error.code, detail: error.message })))
        )
        server.listen(port, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          closing = true
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    return {
      port: typeof address === "object" && address !== null ? address.port : port,
      connectionCount: () => connections,
      aborted: () => aborted
    }
  })
