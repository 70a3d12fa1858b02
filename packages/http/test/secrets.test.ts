/** 14 Credentials, message texts and replies show nowhere, whatever an engine throws and a server repeats. */

import { assert, it } from "@effect/vitest"
import { type MixError, type Service, SessionsService } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { draws } from "../../core/test/draws.ts"
import { SessionsHttp } from "../src/index.ts"
import * as renderings from "./renderings.ts"
import {
  type Answer,
  environment,
  json,
  jsonType,
  noJitter,
  row,
  scripted,
  sessionId,
  withService
} from "./scripted.ts"

/** The part of each secret that no escaping changes. */
const marks = ["canary-token-a1", "canary-header-b2", "canary-text-c3", "canary-basic-d4"]
const [token, header, mark, basic] = marks as [string, string, string, string]
const text = `  ${mark} "quoted" <b>&'é\u{1f600}\u2028\n end `

const options = {
  bearerToken: Redacted.make(token),
  headers: { "x-secret": header, "x-other": Redacted.make(`Basic ${basic}`) }
}

const secrets = [token, `Bearer ${token}`, header, `Basic ${basic}`, basic, text, text.trim()]

const ascii = (text: string) =>
  text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)

const goJson = (value: unknown) =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)

const html = (text: string) =>
  text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" })[c] ?? c)

const all = secrets.join(" | ")

/** A server that repeats all it knows, in whatever form. */
const bodies: ReadonlyArray<readonly [type: string, body: string]> = [
  ["application/json", JSON.stringify({ error: { code: 400, message: all, type: all } })],
  ["application/json", goJson({ error: { code: 400, message: all, type: all } })],
  ["application/json", ascii(goJson({ error: all }))],
  ["application/json", JSON.stringify({ message: all })],
  ["application/json", JSON.stringify({ detail: [{ input: all }] })],
  ["application/json", goJson({ detail: [{ input: all }] })],
  ["application/json", ascii(JSON.stringify({ detail: [{ input: all }] }))],
  ["application/json", JSON.stringify([{ id: "m1", [all]: all }])],
  ["application/json", JSON.stringify(all)],
  ["application/json", `{"broken": ${JSON.stringify(all)}`],
  ["text/plain", all],
  ["text/html", `<html><pre>${html(all)}</pre>`],
  ["text/html", `<html><pre>${html(all).replaceAll("&#34;", "&quot;")}</pre>`],
  ["text/plain", secrets.map(encodeURIComponent).join("&")],
  ["application/octet-stream", all]
]

const echoed = {
  location: `http://other.example/?t=${encodeURIComponent(all)}`,
  "x-echo": encodeURIComponent(all),
  "set-cookie": `t=${encodeURIComponent(all)}`,
  "www-authenticate": `Bearer realm="${token} ${header}"`
}

const statuses = [
  200, 202, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 405, 408, 409, 413, 418, 422, 429, 500, 501, 502, 503, 599
]

const request = {
  headers: { authorization: `Bearer ${token}`, "x-secret": header },
  body: text,
  url: `http://${token}@h`
}

const causes: ReadonlyArray<unknown> = [
  Object.assign(new Error(all), { code: "ECONNRESET", request, options: request }),
  Object.assign(new Error(all), { code: all }),
  Object.assign(new TypeError(all), { cause: Object.assign(new Error(all), { code: "ENOTFOUND", hostname: all }) }),
  new AggregateError([new Error(all)], all),
  { code: "SELF_SIGNED_CERT_IN_CHAIN", message: all, toString: () => all },
  all,
  { request, toJSON: () => all }
]

/** Every status and every body by default; every status with every body in the long run. */
const replies = statuses
  .flatMap((status) =>
    bodies.map(([type, body]): Answer => ({ status, headers: { ...echoed, "content-type": type }, body }))
  )
  .filter((_, index) => index % draws(14, 1) === 0)

const answers = [
  ...replies,
  ...causes.map((cause): Answer => ({ cause })),
  ...causes.map((cause): Answer => ({ headers: jsonType, body: Stream.fail(cause) })),
  json([{ ...row, userInput: text, assistantResponse: all }]),
  json({ ...row, userInput: text, assistantResponse: all })
]

const operations = ["getHistory", "listSession", "send"] as const
type Operation = (typeof operations)[number]

/** Calls an operation with all its secrets. */
const call = (operation: Operation) => (messages: Service) => {
  switch (operation) {
    case "getHistory":
      return Effect.asVoid(messages.getHistory())
    case "listSession":
      return Effect.asVoid(messages.listSession({ id: sessionId }))
    case "send":
      return Effect.asVoid(messages.send({ id: sessionId, text })) as Effect.Effect<void, MixError>
  }
}

it.effect("over statuses, bodies and engine failures", () =>
  Effect.gen(function* () {
    let searched = 0
    const search = (where: string, rendered: ReadonlyArray<string>, secrets = marks) => {
      for (const text of rendered) {
        searched += 1
        for (const secret of secrets) {
          assert.isFalse(text.includes(secret), `${secret} in ${where}: ${text.slice(0, 2000)}`)
        }
      }
    }
    let failures = 0
    let calls = 0
    for (const [index, answer] of answers.entries()) {
      // One operation for each status and body, in turn; all of them for what an engine does.
      const turn = index + Math.floor(index / bodies.length)
      for (const operation of index < replies.length
        ? [operations[turn % operations.length] as Operation]
        : operations) {
        calls += 1
        // A read does not know the text of a message, and no server repeats one to it.
        const secrets = operation === "send" ? marks : marks.filter((secret) => secret !== mark)
        const { found, watch } = renderings.watcher()
        const exit = yield* withService(scripted(answer), call(operation), options).pipe(watch, noJitter, Effect.exit)
        const what = `${operation} after ${answer.status ?? 200} ${String(answer.body).slice(0, 40)}`
        if (Exit.isFailure(exit)) {
          failures += 1
          search(what, renderings.ofCause(exit.cause), secrets)
        }
        search(`spans and logs of ${what}`, found, secrets)
      }
    }
    search("metrics", yield* renderings.ofMetrics)
    assert.isAbove(failures, 0.83 * calls)
    assert.isAbove(searched, 40 * calls)
    console.log(`secrets: ${failures} errors, ${searched} renderings searched for ${marks.length} secrets, 0 hits`)
  })
)

it.effect("14 what a session is made with shows in no error, whole or in part", () =>
  Effect.gen(function* () {
    const title = 'Why "Jane" leaves in April'
    const customSystemPrompt = 'Answer "in rhyme", whatever happens'
    const cdpUrl = "wss://browser.example/devtools?token=canary-cdp-e5"
    const message = `no session with ${JSON.stringify({ title, customSystemPrompt, cdpUrl })}, no title ${title}, no token=canary-cdp-e5 and no ${token}`
    const server = scripted(json({ error: { code: 400, message } }, { status: 400 }))
    const error = yield* Effect.flatMap(SessionsService, (sessions) =>
      sessions.create({ title, customSystemPrompt, browserMode: "remote-cdp-websocket", cdpUrl })
    ).pipe(
      Effect.provide(SessionsHttp.layer(options)),
      Effect.provide(server.layer),
      Effect.provide(environment()),
      Effect.flip
    )
    assert.strictEqual(error._tag, "BadRequest")
    assert.include(error.message, "no session with")
    const rendered = JSON.stringify(error) + error.message
    for (const secret of ["Jane", "in April", "in rhyme", "browser.example", "canary-cdp-e5", token])
      assert.notInclude(rendered, secret)
  })
)
