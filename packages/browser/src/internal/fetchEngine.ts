/**
 * An engine over `fetch`. It tells a redirect from other hidden replies, an offline browser from a server that is down, and
 * a `Response` from whatever else a replaced `fetch` may give.
 */
import * as Engine from "@mix-effect/http/Engine"
import * as MixConfig from "@mix-effect/http/MixConfig"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Environment from "./environment.ts"
import * as Hint from "./hint.ts"

type Fetch = typeof globalThis.fetch

/**
 * Of another realm or a polyfill it is a reply too; one that somebody else has read is none. React Native has no streams: its
 * replies have a text and no `body`.
 */
const isResponse = (value: unknown): value is Response => {
  if (typeof value !== "object" || value === null) return false
  const { body, bodyUsed, headers, status, text } = value as Partial<Response>
  return (
    typeof status === "number" &&
    typeof headers?.get === "function" &&
    bodyUsed !== true &&
    (body === undefined
      ? typeof text === "function"
      : body === null || (typeof body?.getReader === "function" && !body.locked))
  )
}

const codeOf = (url: URL): string | undefined => {
  if (Environment.isOffline()) return Hint.offline
  return Environment.isMixedContent(url) ? Hint.mixedContent : undefined
}

const cancel = async (body: { readonly cancel: () => Promise<void> } | null | undefined): Promise<void> => {
  try {
    await body?.cancel()
  } catch {
    // What cannot be given up is nobody's any more.
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Bounded when it has come: there is nothing to stop it by. */
const readText = async (response: Response): Promise<Engine.Body> => {
  const text = await response.text()
  return { text, byteLength: new TextEncoder().encode(text).byteLength }
}

const eachChunk = async (reader: Reader | undefined, onChunk: (chunk: Uint8Array) => boolean): Promise<void> => {
  while (reader !== undefined) {
    const { done, value } = await reader.read()
    if (done || !onChunk(value)) return
  }
}

const readBytes = async (reader: Reader | undefined, maxBytes: number): Promise<Engine.Body> => {
  const decoder = new TextDecoder()
  let text = ""
  let byteLength = 0
  await eachChunk(reader, (chunk) => {
    text += decoder.decode(chunk, { stream: true })
    byteLength += chunk.byteLength
    return byteLength <= maxBytes
  })
  return { text: text + decoder.decode(), byteLength }
}

/** Reads a body by its reader, if it has streams at all. What is not wanted any more is given up at once. */
const reading = <A>(
  response: Response,
  signal: AbortSignal,
  read: (reader: Reader | undefined, fail: (error: unknown) => void) => Promise<A>
) =>
  Effect.async<A, Engine.EngineError>((resume) => {
    const fail = (error: unknown) => {
      resume(Effect.fail(Engine.failure(error)))
      void cancel(reader ?? response.body)
    }
    let reader: Reader | undefined
    // A `fetch` that was replaced may heed no signal: the rest is not waited for.
    const stop = () => fail(signal.reason)
    if (signal.aborted) return stop()
    signal.addEventListener("abort", stop)
    try {
      reader = response.body?.getReader()
      read(reader, fail).then((read) => resume(Effect.succeed(read)), fail)
    } catch (error) {
      fail(error)
    }
  })

/** A server sends a heartbeat as often. */
const maxSilence = 45_000

/** Reads a stream without an end. A page that was suspended may have lost its connection without a word. */
const readChunks = (
  reader: Reader | undefined,
  onChunk: (chunk: Uint8Array) => void,
  fail: (error: unknown) => void
): Promise<void> => {
  let heardAt = Date.now()
  const stop = Environment.onVisible(() => {
    if (Date.now() - heardAt >= maxSilence) fail({ code: Hint.silent })
  })
  return eachChunk(reader, (chunk) => {
    heardAt = Date.now()
    onChunk(chunk)
    return true
  }).finally(stop)
}

const toReply = (response: Response, signal: AbortSignal): Engine.Reply => ({
  // A redirect is shown without its status. RFC 9110 (15) has an unknown status treated as the x00 of its class.
  status: response.type === "opaqueredirect" ? 300 : response.status,
  header: (name) => response.headers.get(name) ?? undefined,
  body: (maxBytes) =>
    reading(response, signal, (reader) =>
      response.body === undefined ? readText(response) : readBytes(reader, maxBytes)
    ),
  chunks: (onChunk) =>
    reading(response, signal, (reader, fail) =>
      response.body === undefined
        ? response.text().then((text) => onChunk(new TextEncoder().encode(text)))
        : readChunks(reader, onChunk, fail)
    )
})

/** What every request has; what reads have besides. */
interface Options {
  readonly every: RequestInit
  readonly reads: RequestInit
}

const engineOf =
  (fetch: Fetch | undefined, { every, reads }: Options): Engine.Engine =>
  ({ body = null, headers, method, signal, url }, progress) =>
    Effect.async((resume) => {
      const server = new URL(url)
      const isRead = method === "GET"
      const fail = (error: unknown) => resume(Effect.fail(Engine.failure(error)))
      // What goes on to be sent when the network comes back may arrive after all: a message is not even tried.
      if (!isRead && Environment.isOffline() && !MixConfig.isLoopback(server)) {
        progress.phase = "connect"
        return fail({ code: Hint.offline })
      }
      signal.addEventListener("abort", () => fail(signal.reason))
      const failed = (error: unknown) => {
        const code = codeOf(server)
        if (code !== undefined && isRead) progress.phase = "connect"
        resume(Effect.fail(code === undefined ? Engine.fetchFailure(error) : Engine.failure({ code })))
      }
      const done = (response: unknown) => {
        if (!isResponse(response)) return fail({ code: Hint.noResponse })
        if (signal.aborted) return void cancel(response.body)
        progress.phase = "body"
        resume(Effect.succeed(toReply(response, signal)))
      }
      try {
        const init = { ...(isRead && reads), ...every }
        const all = { ...(init.headers && Object.fromEntries(new Headers(init.headers))), ...headers }
        const sent =
          !isRead && Engine.fetchRepeats()
            ? { body: new Blob([body ?? ""]).stream(), duplex: "half" as const }
            : { body }
        const options = { ...init, method, headers: all, ...sent, redirect: "manual", signal } as const
        // Looked up for each request, since instrumentation replaces it.
        const response: unknown = (fetch ?? globalThis.fetch)(url, options)
        // What is wrong with a reply is no failure of `fetch`.
        Promise.resolve(response).then(done, failed).catch(fail)
      } catch (error) {
        fail(error)
      }
    })

/** The keys of `FetchHttpClient`: a page that only asks for what is provided needs nothing of that module. */
const keys = {
  fetch: "@effect/platform/FetchHttpClient/Fetch",
  requestInit: "@effect/platform/FetchHttpClient/FetchOptions"
}

/** Takes `fetch` from the environment where it is provided (`FetchHttpClient.Fetch`), else the global one. */
export const make: Effect.Effect<Engine.Engine, ConfigError.ConfigError> = Effect.gen(function* () {
  const { unsafeMap } = (yield* Effect.context<never>()) as Context.Context<unknown>
  const fetch: Fetch | undefined = unsafeMap.get(keys.fetch)
  if (typeof (fetch ?? globalThis.fetch) !== "function") {
    return yield* Effect.fail(MixConfig.invalid("fetch", "this environment has no fetch to make requests with"))
  }
  return engineOf(fetch, {
    every: unsafeMap.get(keys.requestInit) ?? {},
    reads: Engine.fetchReadOptions()
  })
})
