/**
 * How to reach a Mix backend: the options of every layer.
 *
 * Options that you leave out come from the environment (through `Config`, so a `ConfigProvider` can replace it), then
 * from defaults. All are checked once, when the layer is built.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

/**
 * Where the backend is, what requests carry, and how long they may take. All are optional.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * The url of the backend, such as `https://mix.example.com` or, with a prefix, `https://example.com/mix`. `http` or
   * `https`, without credentials, query and fragment. Default: `MIX_SERVER_URL`, then `http://localhost:8088`.
   */
  readonly serverUrl?: string | undefined
  /**
   * Headers to send with every request. In browsers, Mix's CORS preflight allows `Authorization` and
   * `X-Requested-With`, and fails for every other header that needs a preflight.
   */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /**
   * Sent as `Authorization: Bearer …`. Mix ignores it; a proxy may require it. `null` means no token. Default:
   * `MIX_BEARER_TOKEN` if the server url is that of `MIX_SERVER_URL` or has the same origin, else none.
   */
  readonly bearerToken?: Redacted.Redacted<string> | null | undefined
  /** One attempt of a read, from the request to the decoded reply. Default: 30 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** A `send` with its retries. The server may take minutes to answer. Default: 15 minutes. */
  readonly sendTimeout?: Duration.DurationInput | undefined
  /** A read with its retries. Default: 2 minutes. */
  readonly deadline?: Duration.DurationInput | undefined
  /** The longest body of a reply, in bytes after decompression. Default: 64 MiB. */
  readonly maxResponseBytes?: number | undefined
  /**
   * Whether requests carry `traceparent` and `b3`. In browsers, Mix's CORS preflight refuses them. Default: `false`.
   */
  readonly tracePropagation?: boolean | undefined
}

/**
 * Checked options, with all defaults filled in.
 *
 * @since 0.1.0
 * @category models
 */
export interface MixConfig {
  /** Origin and prefix, without a slash at the end. */
  readonly serverUrl: string
  readonly url: URL
  /** Lower-case names; `authorization` included. */
  readonly headers: Readonly<Record<string, Redacted.Redacted<string>>>
  readonly requestTimeout: Duration.Duration
  readonly sendTimeout: Duration.Duration
  readonly deadline: Duration.Duration
  readonly maxResponseBytes: number
  readonly tracePropagation: boolean
}

/** The longest time that a timer can wait. With a longer one it fires at once. */
const maxTimer = 2 ** 31 - 1

const nonBlank = (name: string) =>
  read(Config.string(name).pipe(Config.option, Config.map(Option.filter((s) => s.trim() !== ""))))

const parseUrl = (input: string): URL | undefined => {
  try {
    return new URL(input.trim())
  } catch {
    return undefined
  }
}

const refuse = (name: string, message: string) => Effect.fail(invalid(name, message))

const checkUrl = (name: string, input: string): Effect.Effect<URL, ConfigError.ConfigError> => {
  const refuseUrl = (why: string) => refuse(name, `the server url${why}; it looks like http://localhost:8088`)
  const url = parseUrl(input)
  if (url === undefined) return refuseUrl(" is not a complete url")
  if (url.protocol !== "http:" && url.protocol !== "https:") return refuseUrl(" must begin with http:// or https://")
  // `URL` drops line breaks and tabs, takes backslashes for slashes, and adds slashes that are missing.
  if (/[\s\p{Cc}]/u.test(input.trim())) return refuseUrl(" must not hold blanks, tabs or line breaks")
  if (!/^https?:\/\/[^/\\]/i.test(input.trim())) return refuseUrl(" must begin with http:// or https://")
  if (input.split("://").length > 2) return refuseUrl(" must name http:// or https:// once")
  if (/[\\{}<>|^`"]/.test(input)) return refuseUrl(" holds a character that no url has, such as a brace")
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/?#]*@/i.test(input.trim())) {
    return refuseUrl(" must not hold credentials (use bearerToken or headers)")
  }
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(input))
    return refuseUrl(" must not hold a query or a fragment")
  if (!/^(\[[\da-f:.]+\]|[\w.-]+)$/.test(url.hostname)) return refuseUrl("'s host is not the name of a host")
  if (url.port === "0") return refuseUrl(" must not name port 0")
  // Doubled slashes would be answered with a redirect.
  url.pathname = url.pathname.replace(/\/{2,}/g, "/").replace(/\/$/, "")
  return Effect.succeed(url)
}

const parseLimit = (input: Duration.DurationInput): Option.Option<Duration.Duration> =>
  Option.filter(Duration.decodeUnknown(input), (duration) => {
    const millis = Duration.toMillis(duration)
    return millis > 0 && millis <= maxTimer
  })

const noLimit = 'must be a duration greater than 0 and at most 24.8 days, such as "30 seconds"'

const checkDuration = (name: string, input: Duration.DurationInput | undefined, fallback: Duration.DurationInput) => {
  const limit = parseLimit(input ?? fallback)
  return Option.isSome(limit) ? Effect.succeed(limit.value) : refuse(name, noLimit)
}

/** Headers that the engine writes itself, or that say how the body is framed. */
const forbidden = new Set([
  "host",
  "connection",
  "keep-alive",
  "content-length",
  "content-type",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "expect",
  "proxy-authorization"
])

const checkHeader = (option: string, name: string, value: Redacted.Redacted<string>) => {
  const text = Redacted.value(value)
  if (typeof text !== "string") return refuse(option, `the value of ${name} must be a string`)
  if (/[\r\n]$/.test(text)) return refuse(option, `the value of ${name} has a trailing newline`)
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) {
    return refuse(option, `the value of ${name} holds a character that no header may hold`)
  }
  return Effect.void
}

/** The token, and whether it is an option or a variable. */
type Token = readonly [name: "bearerToken" | "MIX_BEARER_TOKEN", value: Redacted.Redacted<string>]

const checkToken = ([name, token]: Token) =>
  Effect.gen(function* () {
    if (!Redacted.isRedacted(token)) return yield* refuse(name, "must be Redacted, as by Redacted.make")
    yield* checkHeader(name, "the token", token)
    const value = Redacted.value(token).trim()
    if (value === "") return yield* refuse(name, "must not be blank")
    if (/^(bearer|basic)(\s|$)/i.test(value)) {
      return yield* refuse(name, "must be the token alone: the client writes Bearer before it")
    }
  })

/** An error that a getter throws may hold secrets. */
const readable = <A>(option: string, read: () => A) =>
  Effect.try({ try: read, catch: () => invalid(option, "cannot be read") })

/** Arrays, maps and `Headers` of the platform have no properties of these names: nothing of them would be sent. */
const isRecord = (headers: unknown): headers is object =>
  typeof headers === "object" && headers !== null && !(Symbol.iterator in headers)

const checkHeaders = (headers: Options["headers"] = {}, token: Token | undefined) =>
  Effect.gen(function* () {
    const checked: Record<string, Redacted.Redacted<string>> = {}
    if (token !== undefined) {
      yield* checkToken(token)
      checked.authorization = Redacted.make(`Bearer ${Redacted.value(token[1])}`)
    }
    if (!isRecord(headers)) return yield* refuse("headers", "must be an object of names and values")
    const entries = yield* readable("headers", () => Object.entries(headers))
    for (const name in headers) {
      // In a literal, `__proto__` is no property but what the object inherits from.
      if (!Object.hasOwn(headers, name) || name === "__proto__") {
        return yield* refuse("headers", "__proto__ is no name of a header")
      }
    }
    for (const [name, value] of entries) {
      const shown = /^[\w-]{1,64}$/.test(name) ? `header ${name}` : "a header"
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return yield* refuse("headers", "a header name is not a token")
      if (forbidden.has(name.toLowerCase())) return yield* refuse("headers", `${shown} cannot be set`)
      const redacted = Redacted.isRedacted(value) ? value : Redacted.make(value)
      yield* checkHeader("headers", shown, redacted)
      if (name.toLowerCase() === "authorization" && /^bearer\s+(bearer|basic)\s/i.test(Redacted.value(redacted))) {
        return yield* refuse("headers", `${shown} names its scheme twice`)
      }
      checked[name.toLowerCase()] = redacted
    }
    return checked
  })

const names: Readonly<Record<keyof Options, true>> = {
  serverUrl: true,
  headers: true,
  bearerToken: true,
  requestTimeout: true,
  sendTimeout: true,
  deadline: true,
  maxResponseBytes: true,
  tracePropagation: true
}

const checkNames = (options: Options) =>
  Effect.gen(function* () {
    const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name))
    if (unknown === undefined) return
    const shown = /^[\w-]{1,64}$/.test(unknown) ? unknown : "options"
    return yield* refuse(shown, `there is no such option; there are ${Object.keys(names).join(", ")}`)
  })

/**
 * The token of the environment is only for the server of the environment. A server that is set as an option needs its
 * token as an option too.
 */
const tokenOf = (
  { bearerToken, serverUrl }: Options,
  url: URL,
  environmentUrl: Option.Option<string>
): Effect.Effect<Token | undefined, ConfigError.ConfigError> => {
  if (bearerToken === null) return Effect.succeed(undefined)
  if (bearerToken !== undefined) return Effect.succeed(["bearerToken", bearerToken])
  const home = Option.getOrUndefined(Option.map(environmentUrl, parseUrl))
  if (home === undefined || (serverUrl !== undefined && home.origin !== url.origin)) return Effect.succeed(undefined)
  return Effect.map(nonBlank("MIX_BEARER_TOKEN"), (token) =>
    Option.getOrUndefined(Option.map(token, (value): Token => ["MIX_BEARER_TOKEN", Redacted.make(value)]))
  )
}

/**
 * Whether a url names this machine: `localhost` and names below it (RFC 6761), 127.0.0.0/8 and `[::1]`.
 *
 * @since 0.2.0
 * @category predicates
 */
export const isLoopback = ({ hostname }: URL): boolean =>
  // `URL` has brought numeric addresses into their usual form; other names may begin with `127.` too.
  /^(.+\.)?localhost\.?$/.test(hostname) || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname)

/** Whether there is a header whose name says that it holds credentials. Other headers may hold some too. */
const carriesCredentials = ({ headers }: MixConfig) =>
  Object.keys(headers).some((name) => /^(authorization|cookie|(.*[-_])?(api-?key|token|secret))$/.test(name))

/**
 * Logs a warning if credentials go unencrypted over the network or to a proxy. `Services.make` calls it once for the
 * server of a layer. A layer that chooses a proxy calls it again with the proxy's url. This second call warns only if
 * the server is loopback, because the first call has warned about every other server.
 *
 * @since 0.2.0
 * @category logging
 */
export const warnOfPlainText = (config: MixConfig, proxy?: URL): Effect.Effect<void> => {
  const { host, protocol } = config.url
  // What goes to https through a proxy is encrypted all the way.
  const isPlain = protocol === "http:" && isLoopback(config.url) === (proxy !== undefined)
  if (!isPlain || !carriesCredentials(config)) return Effect.void
  const warning = `Credentials go to ${proxy === undefined ? host : `the proxy ${proxy.host}`} without encryption`
  return Effect.logWarning(`${warning}: the server url begins with http://`).pipe(
    Effect.catchAllDefect(() => Effect.void) // of a logger that throws
  )
}

/** Deno's message names the variable and the permission; other messages may hold values. */
const unreadable = (defect: unknown): string =>
  defect instanceof Error && /^(NotCapable|PermissionDenied)$/.test(defect.name)
    ? defect.message
    : "the source of the configuration cannot be read"

/**
 * Reads a `Config`, and fails with a `ConfigError` if its source throws. In Deno, the environment throws unless the
 * program has permission to read it.
 *
 * @since 0.2.0
 * @category constructors
 */
export const read = <A>(config: Config.Config<A>): Effect.Effect<A, ConfigError.ConfigError> =>
  Effect.catchAllDefect(config, (defect) =>
    Effect.fail(ConfigError.SourceUnavailable([], unreadable(defect), Cause.die(defect)))
  )

/**
 * The error of an option or a variable, by its name. For layers that have options of their own.
 *
 * @since 0.2.0
 * @category constructors
 */
export const invalid = (name: string, message: string): ConfigError.ConfigError =>
  ConfigError.InvalidData([name], message)

/**
 * Copies the options of a layer that adds its own. Fails with a `ConfigError` if they are not an object, or if
 * reading them throws.
 *
 * @since 0.2.0
 * @category constructors
 */
export const copyOptions = <A extends Options>(
  options: Partial<A> = {}
): Effect.Effect<Partial<A>, ConfigError.ConfigError> =>
  typeof options === "object" && options !== null
    ? readable("options", () => ({ ...options }))
    : refuse("options", "must be an object")

/**
 * Checks options and fills in the missing ones.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (given?: Options): Effect.Effect<MixConfig, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const options = yield* copyOptions(given)
    yield* checkNames(options)
    const namesServer = options.serverUrl !== undefined
    const needed = !namesServer || options.bearerToken === undefined
    const environmentUrl = needed ? yield* nonBlank("MIX_SERVER_URL") : Option.none()
    const url = yield* namesServer
      ? checkUrl("serverUrl", options.serverUrl)
      : checkUrl(
          "MIX_SERVER_URL",
          Option.getOrElse(environmentUrl, () => "http://localhost:8088")
        )
    const headers = yield* checkHeaders(options.headers, yield* tokenOf(options, url, environmentUrl))
    const { maxResponseBytes = 64 * 1024 * 1024, tracePropagation = false } = options
    if (!Number.isSafeInteger(maxResponseBytes) || maxResponseBytes < 1) {
      return yield* refuse("maxResponseBytes", "must be a positive integer")
    }
    if (typeof tracePropagation !== "boolean") {
      return yield* refuse("tracePropagation", "must be true or false")
    }
    return {
      serverUrl: url.origin + (url.pathname === "/" ? "" : url.pathname),
      url,
      headers,
      requestTimeout: yield* checkDuration("requestTimeout", options.requestTimeout, "30 seconds"),
      sendTimeout: yield* checkDuration("sendTimeout", options.sendTimeout, "15 minutes"),
      deadline: yield* checkDuration("deadline", options.deadline, "2 minutes"),
      maxResponseBytes,
      tracePropagation
    }
  })

/**
 * The time limit of the calls that it surrounds, including their retries. It replaces the options `deadline` and
 * `sendTimeout`. Set it with `withDeadline`.
 *
 * @since 0.2.0
 * @category references
 */
export class Deadline extends Context.Reference<Deadline>()("@mix-effect/http/Deadline", {
  defaultValue: (): Duration.Duration | undefined => undefined
}) {}

type Limited = Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>

/**
 * Limits one call with its retries, or every page of one stream. It replaces `deadline` for reads and `sendTimeout`
 * for a `send`, and may be longer. A call that takes longer fails with a `RequestTimeout` whose `outcome` says what
 * became of the message; `Effect.timeout` does not tell you that. The innermost limit applies, and `requestTimeout`
 * also limits each attempt of a read.
 *
 * If `self` makes several calls, each has the whole time. Throws a `RangeError` for a duration that cannot be a
 * limit.
 *
 * @example
 * import { MessagesService, type SendMessageRequest } from "@mix-effect/core"
 * import { MixConfig } from "@mix-effect/http"
 * import { Effect } from "effect"
 *
 * export const sendWithin = (request: SendMessageRequest) =>
 *   Effect.flatMap(MessagesService, (messages) =>
 *     messages.send(request).pipe(
 *       MixConfig.withDeadline("20 seconds"),
 *       Effect.tapErrorTag("RequestTimeout", (error) => Effect.log(error.outcome)) // notSent or unknown
 *     )
 *   )
 *
 * @since 0.2.0
 * @category combinators
 */
export const withDeadline: {
  (deadline: Duration.DurationInput): <Self extends Limited>(self: Self) => Self
  <Self extends Limited>(self: Self, deadline: Duration.DurationInput): Self
} = dual(2, (self: Limited, deadline: Duration.DurationInput) => {
  const limit = Option.getOrThrowWith(parseLimit(deadline), () => new RangeError(`MixConfig.withDeadline: ${noLimit}`))
  return Effect.isEffect(self)
    ? Effect.provideService(self, Deadline, limit)
    : Stream.provideService(self, Deadline, limit)
})
