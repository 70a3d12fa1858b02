/**
 * An engine over `fetch`. It tells a redirect from other hidden replies, an offline browser from a server that is down, and
 * a `Response` from whatever else a replaced `fetch` may give.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Engine from "@mix-effect/http/Engine"
import * as MixConfig from "@mix-effect/http/MixConfig"
import * as ConfigError from "effect/ConfigError"
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

/** Bounded when it has come: there is nothing to stop it by. */
const readText = async (response: Response, signal: AbortSignal): Promise<Engine.Body> => {
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener("abort", abort)
  })
  const text = await Promise.race([response.text(), aborted])
  return { text, byteLength: new TextEncoder().encode(text).byteLength }
}

const read = async (response: Response, maxBytes: number, signal: AbortSignal): Promise<Engine.Body> => {
  if (response.body === undefined) return readText(response, signal)
  const decoder = new TextDecoder()
  let text = ""
  let byteLength = 0
  const reader = response.body?.getReader()
  // A `fetch` that was replaced may heed no signal.
  const stop = () => void cancel(reader)
  if (signal.aborted) stop()
  else signal.addEventListener("abort", stop)
  while (reader !== undefined && byteLength <= maxBytes) {
    const { done, value } = await reader.read()
    signal.throwIfAborted()
    if (done) break
    text += decoder.decode(value, { stream: true })
    byteLength += value.byteLength
  }
  return { text: text + decoder.decode(), byteLength }
}

const toReply = (response: Response, signal: AbortSignal): Engine.Reply => ({
  // A redirect is shown without its status. RFC 9110 (15) has an unknown status treated as the x00 of its class.
  status: response.type === "opaqueredirect" ? 300 : response.status,
  header: (name) => response.headers.get(name) ?? undefined,
  body: (maxBytes) => Effect.tryPromise({ try: () => read(response, maxBytes, signal), catch: Engine.failure })
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
        const options = { ...init, method, headers: all, body, redirect: "manual", signal } as const
        // Looked up for each request, since instrumentation replaces it.
        const response: unknown = (fetch ?? globalThis.fetch)(url, options)
        // What is wrong with a reply is no failure of `fetch`.
        Promise.resolve(response).then(done, failed).catch(fail)
      } catch (error) {
        fail(error)
      }
    })

/** Takes `fetch` from the environment where it is provided (`FetchHttpClient.Fetch`), else the global one. */
export const make: Effect.Effect<Engine.Engine, ConfigError.ConfigError> = Effect.gen(function* () {
  const { unsafeMap } = (yield* Effect.context<never>()) as Context.Context<unknown>
  const fetch: Fetch | undefined = unsafeMap.get(FetchHttpClient.Fetch.key)
  if (typeof (fetch ?? globalThis.fetch) !== "function") {
    return yield* Effect.fail(ConfigError.MissingData(["fetch"], "this environment has no fetch to make requests with"))
  }
  return engineOf(fetch, {
    every: unsafeMap.get(FetchHttpClient.RequestInit.key) ?? {},
    reads: Engine.fetchReadOptions()
  })
})
