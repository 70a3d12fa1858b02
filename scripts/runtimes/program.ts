// What `../runtimes.check.ts` runs in each runtime: the service through some layers, against that check's servers. It imports
// nothing of Node.js.
import { FetchHttpClient } from "@effect/platform"
import { MixBrowser } from "@mix-effect/browser"
import { MessagesService, type MixError, SessionId } from "@mix-effect/core"
import { MessagesHttp, type MixConfig, RetryPolicy } from "@mix-effect/http"
import { Chunk, type ConfigError, Effect, Layer, Stream } from "effect"

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
      const counts = [page.length, Chunk.size(walk), userInput, (yield* messages.listSession({ id })).length].join(" ")
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

/** Asks each of a layer's servers, and prints the answers. */
export const ask = async (layers: Readonly<Record<string, MakeLayer>>, urls: Readonly<Record<string, Urls>>) => {
  const answer = (layer: MakeLayer | undefined, serverUrl: string, server: Server) =>
    question(server).pipe(
      Effect.provide(
        layer?.({ serverUrl, ...(server === "timeout" && { requestTimeout: 300, sendTimeout: 300 }) }) ??
          Layer.die("no such layer")
      ),
      RetryPolicy.withRetryPolicy(RetryPolicy.none),
      Effect.catchAll((error) => Effect.succeed(`${"_tag" in error ? error._tag : "ConfigError"}: ${error.message}`)),
      Effect.catchAllDefect((defect) => Effect.succeed(`defect: ${defect}`)),
      Effect.map((answer) => (typeof answer === "string" ? { text: answer } : answer))
    )
  const answers: Record<string, Answers> = {}
  for (const [name, of] of Object.entries(urls)) {
    const all = Effect.forEach(servers, (server) => answer(layers[name], of[server], server))
    answers[name] = await Effect.runPromise(all)
  }
  console.log(JSON.stringify(answers))
}
