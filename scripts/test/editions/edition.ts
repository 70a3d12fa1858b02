/** One edition as a process: does what the arguments say, and prints what came of it as JSON. By its rules it is Effect 4's too. */
import { readFileSync } from "node:fs"
import { FetchHttpClient } from "@effect/platform"
import * as Browser from "@mix-effect/browser"
import * as Core from "@mix-effect/core"
import * as Http from "@mix-effect/http"
import * as Node from "@mix-effect/node"
import * as Testing from "@mix-effect/testing"
import { ConfigProvider, Duration, Effect, Layer, Redacted, Schema, Stream } from "effect"
import * as Proxy from "../../../packages/node/src/internal/proxy.ts"

const CursorText = Schema.parseJson(Core.HistoryCursor)
const ErrorText = Schema.parseJson(Core.MixError)

const cursorText = Schema.encodeSync(CursorText)
const errorText = Schema.encodeSync(ErrorText)

const cursorOf = (text: string | undefined) => (text === undefined ? undefined : Schema.decodeSync(CursorText)(text))

/** What modules export, and the keys of tags and references. esbuild makes getters of what a namespace exports. */
const names = (module: object): unknown =>
  Object.fromEntries(
    Object.entries(module)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => {
        const descriptors = Object.values(Object.getOwnPropertyDescriptors(value))
        if (descriptors.length > 0 && descriptors.every(({ get }) => get !== undefined)) return [name, names(value)]
        return [name, typeof value.key === "string" ? value.key : true]
      })
  )

/** The tags under which errors are thrown, and what they say. */
const about = (error: Core.MixError) => ({
  tag: error._tag,
  json: JSON.parse(errorText(error)),
  message: error.message,
  printed: String(error),
  name: error.name,
  isRetryable: error.isRetryable,
  retryAfter: error.retryAfter && Duration.toMillis(error.retryAfter),
  outcome: error.outcome
})

/** Errors of every class, with what they must have and with all that they can have. */
const errors = (cursor: Core.HistoryCursor): ReadonlyArray<Core.MixError> => {
  const stats = { requests: 3, duplicatesDropped: 1, stepBacks: 0, jumps: 2, tiesReordered: 0, unreadable: 1 }
  const needed = {
    operation: "getHistory",
    parameter: "limit",
    expected: "an integer",
    actual: "NaN",
    status: 503,
    cursor,
    stats,
    code: "ECONNRESET",
    phase: "headers",
    address: "mix:8088",
    scope: "engine",
    limit: Duration.millis(1500.25)
  }
  const more = {
    outcome: "unknown",
    attempts: 4,
    elapsed: Duration.millis(1234.5),
    budgetExhausted: true,
    hint: "a proxy",
    retryAfter: Duration.seconds(90),
    error: { code: 500, message: "no “room” \u2028", type: "server" },
    bodyKind: "html",
    body: "<html>",
    transient: false,
    path: "[3].id",
    detail: "why",
    eventsMissed: true
  }
  const message = { id: "m", sessionId: "s", role: "user", userInput: "Hello", toolCalls: [], media: ["a"] }
  const own = {
    InvalidRequest: { outcome: "notSent" },
    BadRequest: {},
    Unauthorized: {},
    NotFound: {},
    RateLimited: {},
    ServerError: {},
    UnexpectedStatus: {},
    ConnectionError: {},
    RequestTimeout: {},
    ResponseDecodeError: { reason: "schema" },
    ReplyPending: { operation: "send", outcome: "accepted" },
    HistoryStalled: { operation: "streamHistory", reason: "anchorLost" },
    HistoryDrift: { operation: "streamHistory" },
    AgentFailed: { operation: "ask", outcome: "accepted", reason: "failed", messages: [message] },
    AnswerTimeout: { operation: "ask", outcome: "accepted" }
  } satisfies Record<Core.MixError["_tag"], object>
  return Object.entries(own).flatMap(([tag, fields]) => {
    // Of each class the fields are another type; what a class lacks it drops.
    // biome-ignore lint/performance/noDynamicNamespaceImportAccess: the names of all errors
    const Class = Core[tag as keyof typeof own] as new (fields: object) => Core.MixError
    return [new Class({ ...needed, ...fields }), new Class({ ...needed, ...more, ...fields })]
  })
}

/** Pages from a place, and the place after them; or the error that ended them, with its own. */
const walk = (serverUrl: string, from: string | undefined, pages: number, pageSize = 10) =>
  Effect.gen(function* () {
    const messages = yield* Core.MessagesService
    const seen: Array<Core.HistoryPage> = []
    const error = yield* messages.streamHistoryPages({ pageSize, from: cursorOf(from) }).pipe(
      Stream.take(pages),
      Stream.runForEach((page) => Effect.sync(() => seen.push(page))),
      Effect.match({ onFailure: errorText, onSuccess: () => undefined })
    )
    const last = seen.at(-1)
    return {
      ids: seen.flatMap((page) => page.messages.map(({ id }) => id)),
      cursor: last && cursorText(last.cursor),
      error
    }
  }).pipe(
    Effect.provide(Node.MixNode.layerMessages({ serverUrl })),
    Effect.provide(Http.RetryPolicy.layer(Http.RetryPolicy.none))
  )

const now = (serverUrl: string) =>
  Core.MessagesService.pipe(
    Effect.flatMap((messages) => messages.currentCursor()),
    Effect.map(cursorText),
    Effect.provide(Node.MixNode.layerMessages({ serverUrl }))
  )

const follow = (serverUrl: string, from: string, count: number) =>
  Core.MessagesService.pipe(
    Effect.flatMap((messages) =>
      Stream.runCollect(Stream.take(messages.followHistory({ from: cursorOf(from) }), count))
    ),
    Effect.map((rows) => Array.from(rows).map(({ id }) => id)),
    Effect.provide(Node.MixNode.layerMessages({ serverUrl }))
  )

/** What servers of the first days refuse, and later ones want. */
const added = {
  session: { browserMode: "local-browser-service", customSystemPrompt: "Be “brief”", promptMode: "append" },
  message: { thinkingLevel: "high", maxSteps: 3 }
}

/** Every operation, with every option that a request shows. */
const operations = (isNew: boolean) =>
  Effect.gen(function* () {
    const messages = yield* Core.MessagesService
    const sessions = yield* Core.SessionsService
    const { id } = yield* sessions.create({ title: "Sales “2026”", ...(isNew ? added.session : {}) })
    yield* messages.getHistory()
    yield* messages.getHistory({ limit: 7, offset: 3 })
    yield* messages.listSession({ id })
    yield* Stream.runDrain(messages.streamHistory({ pageSize: 10 }))
    yield* messages.currentCursor()
    yield* sessions.list()
    yield* sessions.list({ includeSubagents: true })
    yield* sessions.get({ id })
    yield* Stream.runDrain(Stream.take(sessions.events({ id }), 1))
    yield* Effect.exit(messages.send({ id, text: "Hello “you”", planMode: true, ...(isNew ? added.message : {}) }))
    yield* sessions.ask({ id, text: "Remove it" }, { onPermission: () => Effect.succeed("grant") })
    yield* Effect.exit(sessions.ask({ id, text: "Remove it again" }))
    yield* sessions.cancel({ id })
    yield* sessions.delete({ id })
    yield* Effect.exit(sessions.get({ id: Core.SessionId.make("not there/%") }))
  })

/** The operations by each layer, one after the other. */
const calls = (serverUrl: string, isNew: boolean) => {
  const options = {
    serverUrl,
    bearerToken: Redacted.make("token"),
    headers: { "X-Team": "sales", "x-key": Redacted.make("key") }
  }
  const layers = [
    Node.MixNode.layer(options),
    Browser.MixBrowser.layer(options),
    Layer.provide(Http.SessionsHttp.layer({ ...options, tracePropagation: false }), FetchHttpClient.layer)
  ]
  return Effect.forEach(layers, (layer) => Effect.provide(operations(isNew), layer), { discard: true })
}

const misspelt: object = { baseUrl: "" }

/** The options with what the environment and the defaults give them, and the names of all options. */
const config = Effect.gen(function* () {
  const { headers, url: _, ...rest } = yield* Http.MixConfig.make()
  const millis = (value: unknown) => (Duration.isDuration(value) ? Duration.toMillis(value) : value)
  return {
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, millis(value)])),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Redacted.value(value)])),
    options: /there are ([\w, ]+)/.exec(
      String(yield* Effect.flip(Http.MixConfig.make({ deadline: "1 minute", ...misspelt })))
    )?.[1]
  }
})

/** What `cases.ts` wrote. JSON has neither all numbers nor bigints. */
const readCases = (path: string): ReadonlyArray<never> =>
  JSON.parse(readFileSync(path, "utf8"), (_, value) => {
    if (typeof value?.number === "string") return Number(value.number)
    return typeof value?.bigint === "string" ? BigInt(value.bigint) : value
  })

const variables = (record: Readonly<Record<string, string>>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(record))))

/** Which way requests go, or why that cannot be decided. */
const proxies = (cases: ReadonlyArray<readonly [url: string, variables: Readonly<Record<string, string>>]>) =>
  Effect.forEach(cases, ([url, record]) =>
    Proxy.choose(new URL(url), Proxy.variable).pipe(
      Effect.match({ onFailure: String, onSuccess: (proxy) => proxy ?? "direct" }),
      Effect.provide(variables(record))
    )
  )

/** What is said of options, or `null` where nothing is wrong with them. */
const options = (cases: ReadonlyArray<Http.MixConfig.Options>) =>
  Effect.forEach(cases, (given) =>
    Http.MixConfig.make(given).pipe(
      Effect.match({ onFailure: String, onSuccess: () => null }),
      Effect.provide(variables({}))
    )
  )

const thrown = (run: () => unknown) => {
  try {
    run()
    return null
  } catch (error) {
    return String(error)
  }
}

const sdk = { Browser, Core, Http, Node, Testing }

const commands: Readonly<Record<string, (...args: ReadonlyArray<string>) => Effect.Effect<unknown, unknown>>> = {
  names: () => Effect.sync(() => names(sdk)),
  config: () => config,
  errors: (cursor = "") => Effect.sync(() => errors(Schema.decodeSync(CursorText)(cursor)).map(about)),
  read: (...texts) => Effect.sync(() => texts.map((text) => about(Schema.decodeSync(ErrorText)(text)))),
  walk: (url = "", pages = "", from) => walk(url, from, Number(pages)),
  walks: (path = "") =>
    Effect.forEach(
      readCases(path) as ReadonlyArray<{ url: string; pages: number; pageSize: number; from?: string }>,
      ({ from, pages, pageSize, url }) => walk(url, from, pages, pageSize)
    ),
  proxies: (path = "") => proxies(readCases(path)),
  options: (path = "") => options(readCases(path)),
  policies: (path = "") =>
    Effect.sync(() => readCases(path).map((config) => thrown(() => Http.RetryPolicy.fromConfig(config)))),
  deadlines: (path = "") =>
    Effect.sync(() => readCases(path).map((limit) => thrown(() => Http.MixConfig.withDeadline(limit)(Effect.void)))),
  now: (url = "") => now(url),
  follow: (url = "", count = "", from = "") => follow(url, from, Number(count)),
  calls: (url = "", generation = "") => calls(url, generation.startsWith("2026"))
}

const [command = "", ...args] = process.argv.slice(2)
const printed = await Effect.runPromise(commands[command]?.(...args) ?? Effect.die(`no command ${command}`))
console.log(JSON.stringify(printed ?? null))
