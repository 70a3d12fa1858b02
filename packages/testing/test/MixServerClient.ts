import { existsSync, readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A response as it came over the wire. */
export interface Wire {
  readonly status: number
  /** Names as sent. */
  readonly names: ReadonlyArray<string>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface WireRequest {
  readonly method?: string
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Http.Agent
}

/** Sends a target as it is, which `fetch` would normalise first. Interrupting it closes the connection. */
export const call = (
  server: { readonly url: string },
  target: string,
  { agent, body, headers, method }: WireRequest = {}
): Effect.Effect<Wire, NodeJS.ErrnoException> =>
  Effect.async((resume) => {
    const { hostname, port } = new URL(server.url)
    const request = Http.request(
      { hostname, port, path: target, method: method ?? "GET", headers: { ...headers }, agent: agent ?? false },
      (response) => {
        const chunks: Array<Uint8Array> = []
        response.on("data", (chunk: Uint8Array) => chunks.push(chunk))
        response.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error)))
        response.on("end", () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              names: response.rawHeaders.filter((_, index) => index % 2 === 0),
              headers: Object.fromEntries(
                Object.entries(response.headers).map(([name, value]) => [name, String(value)])
              ),
              body: Buffer.concat(chunks).toString("utf8")
            })
          )
        )
      }
    )
    request.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error)))
    request.end(body)
    return Effect.sync(() => request.destroy())
  })

export const post = (server: { readonly url: string }, target: string, body: unknown) =>
  call(server, target, { method: "POST", body: JSON.stringify(body) })

/** Sends bytes over a bare connection, and gives what came back until it was closed, and the error it was closed with. */
export const exchange = (
  server: { readonly url: string },
  bytes: string
): Effect.Effect<{ readonly received: string; readonly code: string | undefined }> =>
  Effect.async((resume) => {
    let received = ""
    let code: string | undefined
    const socket = Net.connect(Number(new URL(server.url).port), "127.0.0.1", () => socket.write(bytes))
    socket.setEncoding("utf8")
    socket.on("data", (chunk: string) => {
      received += chunk
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code
    })
    socket.on("close", () => resume(Effect.succeed({ received, code })))
    return Effect.sync(() => socket.destroy())
  })

const folders = ["fixtures/wire/", "../../core/test/fixtures/wire/"].map((path) => new URL(path, import.meta.url))

/** A sample of the real server, byte for byte. */
export const fixture = (name: string): string => {
  const path = folders.map((folder) => new URL(name, folder)).find((url) => existsSync(url))
  if (path === undefined) throw new Error(`There is no sample ${name}`)
  return readFileSync(path, "utf8")
}

/** The head of a sample: its status, and its headers by lower-case name without those that differ by nature. */
export const fixtureHead = (name: string) => {
  const [statusLine = "", ...lines] = (fixture(name).split("\r\n\r\n")[0] ?? "").split("\r\n")
  const headers = lines.map((line) => {
    const colon = line.indexOf(": ")
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)] as const
  })
  return { status: Number(statusLine.split(" ")[1]), headers: comparable(Object.fromEntries(headers)) }
}

export const comparable = (headers: Readonly<Record<string, string>>) => {
  const { connection: _, date: __, "keep-alive": ___, ...rest } = headers
  return rest
}

export const head = ({ headers, status }: Wire) => ({ status, headers: comparable(headers) })

/** Lets input and output happen until the condition holds. */
export const eventually = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  }).pipe(Effect.zipRight(condition), Effect.repeat({ until: (holds) => holds }), Effect.asVoid)

/** A frame of a stream of events. */
export interface Frame {
  readonly id: number
  readonly event: string
  /** The JSON text. */
  readonly data: string
  readonly retry: number
  readonly text: string
}

/** An open stream of events, as far as it was received. */
export interface EventStream {
  readonly response: Wire
  /** The text so far. */
  readonly text: () => string
  readonly frames: () => ReadonlyArray<Frame>
  readonly events: () => ReadonlyArray<string>
  /** Waits for the first event of a name. */
  readonly awaitEvent: (event: string, count?: number) => Effect.Effect<void>
  /** How the response ended: as a whole, or with an error. */
  readonly ended: Effect.Effect<"complete" | "cut">
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

const parseFrame = (text: string): Frame => {
  const [, id, event, data, retry] = /^id: (\d+)\nevent: (\S+)\ndata: (.*)\nretry: (\d+)$/.exec(text) ?? []
  if (event === undefined || data === undefined) throw new Error(`not a frame: ${text}`)
  return { id: Number(id), event, data, retry: Number(retry), text: `${text}\n\n` }
}

/** Opens `/stream` for a session until the scope closes. */
export const openStream = (
  server: { readonly url: string },
  sessionId: string
): Effect.Effect<EventStream, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<EventStream, NodeJS.ErrnoException>((resume) => {
      const request = Http.get(`${server.url}/stream?sessionId=${encodeURIComponent(sessionId)}`, {
        agent: false,
        headers: { connection: "keep-alive" }
      })
      request.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error)))
      request.on("response", (response) => {
        let received = ""
        let ending: "complete" | "cut" | undefined
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => {
          received += chunk
        })
        response.on("error", () => {})
        response.on("close", () => {
          ending = response.complete ? "complete" : "cut"
        })
        const frames = () => received.split("\n\n").slice(0, -1).map(parseFrame)
        const events = () => frames().map(({ event }) => event)
        resume(
          Effect.succeed({
            response: {
              status: response.statusCode ?? 0,
              names: response.rawHeaders.filter((_, index) => index % 2 === 0),
              headers: Object.fromEntries(
                Object.entries(response.headers).map(([name, value]) => [name, String(value)])
              ),
              body: ""
            },
            text: () => received,
            frames,
            events,
            awaitEvent: (event, count = 1) =>
              eventually(Effect.sync(() => events().filter((other) => other === event).length >= count)),
            ended: Effect.map(eventually(Effect.sync(() => ending !== undefined)), () => ending ?? "cut"),
            pause: Effect.sync(() => response.pause()),
            resume: Effect.sync(() => response.resume()),
            close: Effect.sync(() => request.destroy())
          })
        )
      })
    }),
    (stream) => stream.close
  ).pipe(Effect.tap((stream) => stream.awaitEvent("connected").pipe(Effect.raceFirst(stream.ended))))

/** Runs a test that looks at how many fibers sleep by its clock. */
export const countingSleeps = <A, E, R>(
  test: (sleeping: Effect.Effect<number>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Clock.clockWith((clock) => {
    let sleeping = 0
    const sleep: Clock.Clock["sleep"] = (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => sleeping++),
        () => clock.sleep(duration),
        () => Effect.sync(() => sleeping--)
      )
    const counting: Clock.Clock = Object.create(clock, { sleep: { value: sleep } })
    return test(Effect.sync(() => sleeping)).pipe(Effect.withClock(counting))
  })
