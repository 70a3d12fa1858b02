// What `../runtimes.check.ts` runs in each runtime: the service through some layers, against that check's servers. It imports
// nothing of Node.js.
import { FetchHttpClient } from "@effect/platform"
import { MixBrowser } from "@mix-effect/browser"
import { MessagesService, type MixError, SessionId } from "@mix-effect/core"
import { MessagesHttp, type MixConfig, RetryPolicy } from "@mix-effect/http"
import { Effect, Layer, Stream } from "effect"
import type * as ConfigError from "effect/ConfigError"

type MakeLayer = (options: MixConfig.Options) => Layer.Layer<MessagesService, ConfigError.ConfigError>

/** The layers that need nothing but `fetch`. */
export const overFetch: Readonly<Record<string, MakeLayer>> = {
  MixBrowser: MixBrowser.layer,
  MessagesHttp: (options) => Layer.provide(MessagesHttp.layer(options), FetchHttpClient.layer)
}

export const servers = ["works", "refused", "unknown", "reset", "closed", "timeout", "html"] as const

type Server = (typeof servers)[number]

export type Urls = Readonly<Record<Server, string>>

/** Of each server, in order. */
export type Answers = ReadonlyArray<{ readonly text: string; readonly hint?: string | undefined }>

const nameOf = (error: MixError): string => {
  if (error._tag === "ConnectionError") return error.code
  if (error._tag === "ResponseDecodeError") return `${error._tag} ${error.reason}`
  return error._tag === "NotFound" ? `${error._tag} ${error.bodyKind}` : error._tag
}

const failureOf = (work: Effect.Effect<unknown, MixError>) =>
  Effect.flip(Effect.zipRight(work, Effect.dieMessage("it did not fail")))

const question = (server: Server) =>
  Effect.gen(function* () {
    const id = SessionId.make("session")
    const messages = yield* MessagesService
    const send = messages.send({ id, text: "Hello" })
    if (server === "works") {
      const page = yield* messages.getHistory({ limit: 3 })
      const walk = yield* Stream.runCollect(messages.streamHistory({ pageSize: 10 }))
      const { userInput } = yield* send
      const counts = [
        page.length,
        Array.from(walk).length,
        userInput,
        (yield* messages.listSession({ id })).length
      ].join(" ")
      return { text: counts === "3 25 Hello 2" ? "yes" : `no: ${counts}` }
    }
    // How a read fails, and what a `send` after it says became of its message; at the server that closes a kept connection the read
    // succeeds, and its connection needs a moment to be free again.
    const read = messages.getHistory()
    const failed =
      server === "closed" ? yield* Effect.zipRight(read, Effect.sleep("200 millis")) : yield* failureOf(read)
    const sent = yield* failureOf(send)
    const error = failed ?? sent
    return { text: `${nameOf(error)}, ${sent.outcome}`, hint: "hint" in error ? error.hint : undefined }
  })

/** What a `ConfigError` says, without what Effect 4 puts around it. */
const plain = ({ message }: ConfigError.ConfigError) =>
  message.replace(/^(SourceError|Invalid data at \w+): "?|"$/g, "")

/** Asks each of a layer's servers, and prints the answers. */
export const ask = async (layers: Readonly<Record<string, MakeLayer>>, urls: Readonly<Record<string, Urls>>) => {
  const answer = (layer: MakeLayer, serverUrl: string, server: Server) =>
    question(server).pipe(
      Effect.provide(layer({ serverUrl, ...(server === "timeout" && { requestTimeout: 300, sendTimeout: 300 }) })),
      RetryPolicy.withRetryPolicy(RetryPolicy.none),
      Effect.catchAll((error) =>
        Effect.succeed("operation" in error ? `${error._tag}: ${error.message}` : `ConfigError: ${plain(error)}`)
      ),
      Effect.catchAllDefect((defect) => Effect.succeed(`defect: ${defect}`)),
      Effect.map((answer) => (typeof answer === "string" ? { text: answer } : answer))
    )
  const answers: Record<string, Answers> = {}
  for (const [name, of] of Object.entries(urls)) {
    const layer = layers[name]
    if (layer === undefined) throw new Error(`no layer ${name}`)
    const all = Effect.forEach(servers, (server) => answer(layer, of[server], server))
    answers[name] = await Effect.runPromise(all)
  }
  console.log(JSON.stringify(answers))
}
