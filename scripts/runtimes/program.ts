// What `../runtimes.ts` runs in each runtime: the service through some layers, against that script's servers. It imports
// nothing of Node.js.
import { FetchHttpClient } from "@effect/platform"
import { MixBrowser } from "@mix-effect/browser"
import { MessagesService, type MixError, type Service, SessionId } from "@mix-effect/core"
import { MessagesHttp, type MixConfig, RetryPolicy } from "@mix-effect/http"
import { Chunk, type ConfigError, Effect, Layer, Stream } from "effect"

type MakeLayer = (options: MixConfig.Options) => Layer.Layer<MessagesService, ConfigError.ConfigError>

/** The layers that need nothing but `fetch`. */
export const overFetch: Readonly<Record<string, MakeLayer>> = {
  MixBrowser: MixBrowser.layer,
  MessagesHttp: (options) => Layer.provide(MessagesHttp.layer(options), FetchHttpClient.layer)
}

export const servers = ["works", "refused", "unknown", "reset", "closed", "timeout", "html"] as const

export type Urls = Readonly<Record<(typeof servers)[number], string>>

export interface Answer {
  readonly text: string
  readonly hint?: string | undefined
}

const id = SessionId.make("session")

/** Every operation once. */
const operations = Effect.gen(function* () {
  const messages = yield* MessagesService
  const page = yield* messages.getHistory({ limit: 3 })
  const walk = yield* Stream.runCollect(messages.streamHistory({ pageSize: 10 }))
  const sent = yield* messages.send({ id, text: "Hello" })
  const session = yield* messages.listSession({ id })
  const counts = [page.length, Chunk.size(walk), sent.userInput, session.length].join(" ")
  return { text: counts === "3 25 Hello 2" ? "yes" : `no: ${counts}` }
})

const nameOf = (error: MixError): string => {
  if (error._tag === "ConnectionError") return error.code
  if (error._tag === "ResponseDecodeError") return `${error._tag} ${error.reason}`
  return error._tag === "NotFound" ? `${error._tag} ${error.bodyKind}` : error._tag
}

/** What a `send` that has to fail says became of its message; `failed` is the read before, if that failed too. */
const sendFails = (messages: Service, failed?: MixError) =>
  Effect.match(messages.send({ id, text: "Hello" }), {
    onSuccess: () => ({ text: "SENT" }),
    onFailure: (sent): Answer => {
      const error = failed ?? sent
      return { text: `${nameOf(error)}, ${sent.outcome}`, hint: "hint" in error ? error.hint : undefined }
    }
  })

/** How a read fails, and a `send` after it. */
const failures = Effect.flatMap(MessagesService, (messages) =>
  Effect.matchEffect(messages.getHistory(), {
    onSuccess: () => Effect.succeed({ text: "answered" }),
    onFailure: (error) => sendFails(messages, error)
  })
)

/** A read, and a `send` on the same connection, which the server closes instead of a reply. */
const reused = Effect.flatMap(MessagesService, (messages) =>
  // The connection needs a moment to be free again.
  Effect.zipRight(Effect.zipLeft(messages.getHistory(), Effect.sleep("200 millis")), sendFails(messages))
)

const questionFor = (server: (typeof servers)[number]): Effect.Effect<Answer, MixError, MessagesService> =>
  server === "works" ? operations : server === "closed" ? reused : failures

/** Asks each of a layer's servers, and tells one answer for each. */
export const ask = (layers: Readonly<Record<string, MakeLayer>>, urls: Readonly<Record<string, Urls>>) =>
  Effect.forEach(Object.entries(urls), ([name, urls]) =>
    Effect.forEach(servers, (server): Effect.Effect<Answer> => {
      const limits = server === "timeout" ? { requestTimeout: 300, sendTimeout: 300 } : {}
      const layer = layers[name]?.({ serverUrl: urls[server], ...limits }) ?? Layer.die("no such layer")
      return questionFor(server).pipe(
        Effect.provide(layer),
        RetryPolicy.withRetryPolicy(RetryPolicy.none),
        Effect.catchAll((error) =>
          Effect.succeed({ text: `${"_tag" in error ? error._tag : "ConfigError"}: ${error.message}` })
        ),
        Effect.catchAllDefect((defect) => Effect.succeed({ text: `defect: ${defect}` }))
      )
    }).pipe(Effect.map((answers) => [name, answers] as const))
  ).pipe(
    Effect.map((answers) => JSON.stringify(answers)),
    Effect.runPromise
  )
