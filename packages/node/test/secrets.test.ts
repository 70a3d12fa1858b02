/** 14 Credentials and message texts show nowhere, in all the faults of the table and whatever a server repeats. */

import { assert, it } from "@effect/vitest"
import { MessagesService, SessionId } from "@mix-effect/core"
import { FaultServer } from "@mix-effect/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { draws } from "../../core/test/draws.ts"
import * as renderings from "../../http/test/renderings.ts"
import { MixNode } from "../src/index.ts"
import { limits } from "./faultRow.ts"
import { rows } from "./faultTable.ts"

const token = "canary-token-e5"
const header = "canary-header-f6"
const mark = "canary-text-07"
const password = "canary-password-18"
const text = `${mark} <b>"quoted" & 'é\u{1f600}'\n end`
const marks = [token, header, mark, password]

const options = { bearerToken: Redacted.make(token), headers: { "x-secret": header } }

const searcher = () => {
  const search = (where: string, rendered: ReadonlyArray<string>) => {
    for (const text of rendered) {
      counts.renderings += 1
      for (const mark of marks) assert.isFalse(text.includes(mark), `${mark} in ${where}: ${text.slice(0, 2000)}`)
    }
  }
  const counts = { errors: 0, renderings: 0 }
  /** Runs a program that is watched, and searches what it leaves. */
  const searched = <A, E, R>(name: string, program: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const { found, watch } = renderings.watcher()
      const exit = yield* Effect.exit(watch(program))
      search(`spans and logs of ${name}`, found)
      if (Exit.isFailure(exit)) {
        counts.errors += 1
        search(name, renderings.ofCause(exit.cause))
      }
    })
  return { counts, search, searched }
}

it.scopedLive("over the rows of the fault table", () =>
  Effect.gen(function* () {
    const { counts, search, searched } = searcher()
    // But for rows of headers of their own, and the text of 50 MB.
    const played = rows
      .filter(({ cases }) => !cases.some((number) => number === 18 || (number >= 30 && number <= 34)))
      .filter((_, index) => index % draws(20, 1) === 0)
    yield* Effect.forEach(
      played,
      (row) =>
        Effect.scoped(
          searched(
            row.name,
            Effect.flatMap(row.run({ options, secret: text }), ({ exit }) => exit)
          )
        ),
      { concurrency: 6, discard: true }
    )
    search("metrics", yield* renderings.ofMetrics)
    assert.isAbove(counts.errors, played.length / 3)
    console.log(`secrets: ${counts.errors} errors of the table, ${counts.renderings} renderings searched, 0 hits`)
  })
)

const all = [token, header, text].join(" | ")

/** Repeats what it was sent, in the body and in the headers. */
const echo =
  (status: number, type: string, write: (received: string) => string): FaultServer.Script =>
  (request) => {
    const sent = [...request.headers.values(), Buffer.from(request.body).toString(), all].join(" | ")
    return FaultServer.text(write(sent), {
      status,
      headers: [
        ["Content-Type", type],
        ["Location", `http://127.0.0.1:1/?${encodeURIComponent(all)}`],
        ["X-Echo", encodeURIComponent(all)],
        ["Set-Cookie", `a=${encodeURIComponent(token)}`]
      ]
    })
  }

it.scopedLive("over servers that repeat what they were sent", () =>
  Effect.gen(function* () {
    const { counts, search, searched } = searcher()
    // packages/http/test/secrets plays every status and body in memory; here a few, for what undici makes of them.
    const statuses = draws([200, 301, 401, 503], [200, 202, 301, 307, 400, 401, 403, 404, 409, 422, 429, 500, 503, 599])
    for (const status of statuses) {
      for (const [type, write] of [
        ["application/json", (sent: string) => JSON.stringify({ error: { code: status, message: sent, type: sent } })],
        ["application/json", (sent: string) => JSON.stringify({ detail: sent })],
        ["text/plain", (sent: string) => sent],
        [
          "text/html",
          (sent: string) => `<p>${sent.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")}`
        ]
      ] as const) {
        const server = yield* FaultServer.serve(echo(status, type, write))
        const layer = MixNode.layer({ ...limits, ...options, serverUrl: server.url })
        yield* Effect.flatMap(MessagesService, (messages) => messages.send({ id: SessionId.make("s1"), text })).pipe(
          Effect.provide(layer),
          Effect.withRandom(Random.fixed([0])),
          (program) => searched(`a send after ${status} as ${type}`, program)
        )
      }
    }
    // Credentials of the server url and of a proxy.
    for (const [name, serverUrl, variables] of [
      ["the server url", `http://user:${password}@127.0.0.1:1`, {}],
      ["a bad proxy url", "http://127.0.0.1:1", { HTTP_PROXY: `ftp://user:${password}@127.0.0.1:1` }],
      ["a proxy that is down", "http://mix.example", { HTTP_PROXY: `http://user:${password}@127.0.0.1:1` }]
    ] as const) {
      yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(
        Effect.provide(MixNode.layer({ ...limits, ...options, serverUrl })),
        Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))),
        Effect.withRandom(Random.fixed([0])),
        (program) => searched(name, program)
      )
    }
    search("metrics", yield* renderings.ofMetrics)
    assert.isAbove(counts.errors, statuses.length * 3.5)
    console.log(`secrets: ${counts.errors} errors of echoing servers, ${counts.renderings} renderings searched, 0 hits`)
  })
)
