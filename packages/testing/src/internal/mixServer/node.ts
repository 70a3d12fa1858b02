import * as Http from "node:http"
import type * as Net from "node:net"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { EventStream } from "./eventStream.ts"
import { ListenError } from "./model.ts"
import type { Response } from "./reply.ts"

/** A request with its whole body. */
export interface Incoming {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A response, perhaps cut after some bytes of its body; without a response the connection is reset. */
export interface Outgoing {
  readonly response: Response | undefined
  readonly cutAfter?: number
  /** The request had a body that no handler read. */
  readonly bodyLeft?: boolean
}

/** A listening server. */
export interface Listening {
  readonly port: number
  readonly connectionCount: () => number
  readonly aborted: () => number
  /** Ends every connection and handler, and listens again on the same port. */
  readonly restart: (downtime: Duration.DurationInput) => Effect.Effect<void, ListenError>
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

const bytesOf = ({ body }: Response): Uint8Array => (body instanceof EventStream ? new Uint8Array() : body)

const headersOf = (response: Response, keepAlive: boolean): Record<string, string | number> => {
  const headers: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(response.headers)) {
    // What a handler says of a connection that the client wants closed does not count.
    if (name !== "content-length" && (keepAlive || name !== "connection")) headers[canonical(name)] = value
  }
  return headers
}

const hasNoBody = (status: number) => status === 204 || status === 304

const respond = (target: Http.ServerResponse, response: Response, cutAfter?: number) => {
  const body = bytesOf(response)
  const headers = headersOf(response, target.shouldKeepAlive)
  if (!hasNoBody(response.status)) {
    if (body.length > maxUnchunked && cutAfter === undefined) headers["Transfer-Encoding"] = "chunked"
    else headers["Content-Length"] = body.length
  }
  // Go says nothing of its own about a connection it keeps.
  if (target.shouldKeepAlive) target.removeHeader("Connection")
  target.writeHead(response.status, headers)
  if (cutAfter === undefined) target.end(body)
  else {
    target.flushHeaders()
    target.write(body.subarray(0, cutAfter))
    target.socket?.destroySoon()
  }
}

/** Writes what Node's own response cannot: another version of HTTP, or another end of the connection. */
const respondRaw = (
  socket: Net.Socket,
  version: "1.0" | "1.1",
  method: string,
  response: Response,
  end: () => void
) => {
  const body = bytesOf(response)
  const headers = headersOf(response, false)
  headers.Date = new Date().toUTCString()
  if (version === "1.1") headers.Connection = "close"
  if (!hasNoBody(response.status) && (version === "1.1" || body.length <= maxUnchunked)) {
    headers["Content-Length"] = body.length
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const status = `HTTP/${version} ${response.status} ${Http.STATUS_CODES[response.status] ?? ""}\r\n`
  const head = Buffer.from(`${status}${lines.join("")}\r\n`, "latin1")
  socket.write(method === "HEAD" ? head : Buffer.concat([head, body]), end)
}

const stream = (target: Http.ServerResponse, response: Response, body: EventStream) =>
  Effect.suspend(() => {
    target.writeHead(response.status, {
      ...headersOf(response, target.shouldKeepAlive),
      "Transfer-Encoding": "chunked"
    })
    target.flushHeaders()
    return body.open({
      write: (bytes) => target.write(bytes),
      onDrain: (resume) => target.once("drain", resume),
      end: () => target.end(),
      cut: () => target.socket?.destroySoon()
    })
  })

/** Serves on 127.0.0.1 until the scope closes, which ends every connection and interrupts every handler. */
export const listen = (
  wantedPort: number,
  handle: (incoming: Incoming) => Effect.Effect<Outgoing>
): Effect.Effect<Listening, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const fibers = yield* FiberSet.make()
    const run = yield* FiberSet.runtime(fibers)<never>()
    let connections = 0
    let aborted = 0
    let closing = false

    const server = Http.createServer({ keepAliveTimeout: idleMillis }, (request, response) => {
      let ended = false
      const answer = (outgoing: Outgoing): Effect.Effect<void> =>
        Effect.suspend(() => {
          const { bodyLeft, cutAfter, response: given } = outgoing
          ended = given === undefined || cutAfter !== undefined
          if (given === undefined) {
            request.socket.resetAndDestroy()
            return Effect.void
          }
          if (given.body instanceof EventStream) return stream(response, given, given.body)
          const { socket } = request
          const method = request.method ?? "GET"
          if (cutAfter === undefined && request.httpVersion === "1.0") {
            ended = true
            respondRaw(socket, "1.0", method, given, () => socket.destroySoon())
            return Effect.void
          }
          // What the client still sends finds nobody there: its kernel answers with a reset.
          if (cutAfter === undefined && bodyLeft === true && !response.shouldKeepAlive) {
            ended = true
            // Node tells a client of a reset that comes together with data as of a plain end: let it read first.
            respondRaw(socket, "1.1", method, given, () =>
              setImmediate(() => setImmediate(() => socket.resetAndDestroy()))
            )
            return Effect.void
          }
          respond(response, given, cutAfter)
          return Effect.void
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
        if (closing) return
        if (!response.writableFinished && !ended) aborted++
        fiber.unsafeInterruptAsFork(fiber.id())
      })
    })
    server.on("connection", () => connections++)
    // Node knows a list of methods; Go knows none, and lets the router refuse.
    server.on("clientError", (error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }, socket: Net.Socket) => {
      const line = error.rawPacket?.toString("latin1").split("\r\n", 1)[0] ?? ""
      const [, method, target] = /^(\S+) (\S+) HTTP\/1\.1$/.exec(line) ?? []
      if (error.code !== "HPE_INVALID_METHOD" || method === undefined || target === undefined || !socket.writable) {
        // As Node does where nobody listens.
        if (socket.writable) socket.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        return socket.destroySoon()
      }
      run(
        Effect.map(handle({ method, target, headers: {}, body: new Uint8Array() }), ({ response }) => {
          if (response === undefined) socket.resetAndDestroy()
          else respondRaw(socket, "1.1", method, response, () => socket.destroySoon())
        })
      )
    })

    const open = (port: number) =>
      Effect.async<void, ListenError>((resume) => {
        const onError = (error: NodeJS.ErrnoException) =>
          resume(Effect.fail(new ListenError({ port, code: error.code, detail: error.message })))
        server.once("error", onError)
        server.listen(port, "127.0.0.1", () => {
          server.off("error", onError)
          resume(Effect.void)
        })
      })
    const close = Effect.async<void>((resume) => {
      closing = true
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })

    yield* Effect.acquireRelease(open(wantedPort), () => close)
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : wantedPort
    return {
      port,
      connectionCount: () => connections,
      aborted: () => aborted,
      restart: (downtime) =>
        close.pipe(
          Effect.zipRight(FiberSet.clear(fibers)),
          Effect.zipRight(Effect.sleep(downtime)),
          Effect.zipRight(open(port)),
          Effect.ensuring(
            Effect.sync(() => {
              closing = false
            })
          )
        )
    }
  })
