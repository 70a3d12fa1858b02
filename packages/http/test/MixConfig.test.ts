import * as util from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { MessagesService } from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import { MessagesHttp, MixConfig } from "../src/index.ts"
import { environment, failure, json, scripted, withService } from "./scripted.ts"

/** What no error may repeat. */
const canary = "canary-7c41"

const make = (options: unknown, variables: Record<string, string> = {}) =>
  Effect.provide(MixConfig.make(options as MixConfig.Options), environment(variables))

/** The error names the option or the variable, and never what stood there. */
const refused = (options: unknown, variables: Record<string, string>, name: string, advice?: RegExp) =>
  Effect.gen(function* () {
    const error = yield* failure(make(options, variables))
    assert.isTrue(ConfigError.isConfigError(error))
    const text = `${error} ${util.inspect(error, { depth: Number.POSITIVE_INFINITY })} ${Cause.pretty(Cause.fail(error))}`
    assert.include(text, name)
    assert.notInclude(text, canary)
    if (advice !== undefined) assert.match(text, advice)
  })

describe("the server url", () => {
  const bad: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["19", "", /http:\/\/localhost:8088/],
    ["19", "   ", /http:\/\/localhost:8088/],
    ["19", `${canary}.example:8088`, /must begin with http:\/\/ or https:\/\//],
    ["19", "localhost:8088", /must begin with http:\/\/ or https:\/\//],
    ["19", `/api/${canary}`, /not a complete url/],
    ["19", `//${canary}.example`, /not a complete url/],
    ["20", `ftp://${canary}.example`, /must begin with http/],
    ["20", `file:///${canary}`, /must begin with http/],
    ["20", `javascript:alert("${canary}")`, /must begin with http/],
    ["20", `data:text/plain,${canary}`, /must begin with http/],
    ["20", `ws://${canary}.example`, /must begin with http/],
    ["21", `http://user:${canary}@h.example`, /must not hold credentials/],
    ["21", `https://${canary}@h.example`, /must not hold credentials/],
    ["22", `http://h.example/?token=${canary}`, /query or a fragment/],
    ["22", "http://h.example/?", /query or a fragment/],
    ["22", `http://h.example/#${canary}`, /query or a fragment/],
    ["22", "http://h.example/#", /query or a fragment/],
    ["25", "http://h.example:99999", /not a complete url/],
    ["25", "http://h.example:0", /port 0/],
    ["25", `http://[${canary}]:8088`, /not a complete url/],
    ["25", "http://", /not a complete url/],
    ["166", `http://{${canary}}`, /a brace/],
    ["166", `http://{${canary}}:8088/x`, /a brace/],
    ["166", `http://\${${canary}}`, /a brace/],
    ["166", `http://h.example/{${canary}}`, /a brace/],
    ["166", `http://h.example/<${canary}>`, /a brace/],
    ["166", `http://$${canary}:8088`, /not the name of a host/],
    ["166", `http://*.${canary}.example`, /not the name of a host/],
    ["166", `http://h.example,${canary}.example`, /not the name of a host/],
    ["166", `http://h.example/${canary} x`, /blanks, tabs or line breaks/],
    ["166", `http://h\n.${canary}.example`, /blanks, tabs or line breaks/],
    ["166", `ht\ttp://${canary}.example`, /blanks, tabs or line breaks/],
    ["166", `http://h.example/a\r\n${canary}`, /blanks, tabs or line breaks/],
    ["166", `http:\\\\${canary}.example`, /must begin with http/],
    ["166", `http://h.example\\${canary}`, /a brace/],
    ["166", `http:${canary}.example`, /must begin with http/],
    ["166", `http:///${canary}.example`, /must begin with http/],
    ["166", `http://http://${canary}.example`, /once/],
    ["166", `https://https://${canary}.example`, /once/],
    ["166", `http://@${canary}.example`, /must not hold credentials/],
    ["166", `http://:@${canary}.example`, /must not hold credentials/],
    ["19", 8088, /not a complete url/],
    ["19", null, /not a complete url/]
  ]
  for (const [number, url, advice] of bad) {
    it.effect(`${number} ${util.inspect(url)} is refused`, () => refused({ serverUrl: url }, {}, "serverUrl", advice))
    if (typeof url === "string" && url.trim() !== "") {
      it.effect(`${number} ${util.inspect(url)} in the environment is refused`, () =>
        refused({}, { MIX_SERVER_URL: url }, "MIX_SERVER_URL", advice)
      )
    }
  }

  const good: ReadonlyArray<readonly [string, string, string]> = [
    ["23", "http://h.example/root/", "http://h.example/root"],
    ["23", "http://h.example/root", "http://h.example/root"],
    ["23", "http://h.example", "http://h.example"],
    ["23", "http://h.example/", "http://h.example"],
    ["24", "http://h.example/a/../b", "http://h.example/b"],
    ["24", "http://h.example//x", "http://h.example/x"],
    ["24", "http://h.example/x//y///", "http://h.example/x/y"],
    ["24", "HTTP://H.Example:80/X", "http://h.example/X"],
    ["24", "https://h.example:443", "https://h.example"],
    ["24", " http://h.example \n", "http://h.example"],
    ["25", "http://[::1]:8088", "http://[::1]:8088"],
    ["25", "http://bücher.example", "http://xn--bcher-kva.example"],
    ["25", "http://h.example:65535/p%20q", "http://h.example:65535/p%20q"]
  ]
  for (const [number, url, normal] of good) {
    it.effect(`${number} ${JSON.stringify(url)} is ${normal}`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* make({ serverUrl: url })).serverUrl, normal)
        assert.strictEqual((yield* make({}, { MIX_SERVER_URL: url })).serverUrl, normal)
      })
    )
  }
})

describe("what is left out", () => {
  it.effect("defaults", () =>
    Effect.gen(function* () {
      for (const options of [{}, undefined, { serverUrl: undefined, headers: undefined, bearerToken: undefined }]) {
        const { bearerToken: _, url, ...config } = { bearerToken: undefined, ...(yield* make(options)) }
        assert.strictEqual(url.href, "http://localhost:8088/")
        assert.deepStrictEqual(config, {
          serverUrl: "http://localhost:8088",
          headers: {},
          requestTimeout: Duration.seconds(30),
          sendTimeout: Duration.minutes(15),
          deadline: Duration.minutes(2),
          maxResponseBytes: 64 * 1024 * 1024,
          tracePropagation: false
        })
      }
    })
  )

  it.effect("26 a blank variable counts as unset", () =>
    Effect.gen(function* () {
      for (const blank of ["", " ", "\t\n"]) {
        const config = yield* make({}, { MIX_SERVER_URL: blank, MIX_BEARER_TOKEN: blank })
        assert.strictEqual(config.serverUrl, "http://localhost:8088")
        assert.deepStrictEqual(config.headers, {})
      }
    })
  )

  it.effect("options win over variables, and a bad variable that is not needed does no harm", () =>
    Effect.gen(function* () {
      const variables = { MIX_SERVER_URL: "nonsense", MIX_BEARER_TOKEN: "bad\n" }
      const config = yield* make({ serverUrl: "https://h.example", bearerToken: Redacted.make("mine") }, variables)
      assert.strictEqual(config.serverUrl, "https://h.example")
      assert.strictEqual(Redacted.value(config.headers.authorization as Redacted.Redacted), "Bearer mine")
    })
  )

  it.effect("166 the token of the environment goes to the server of the environment, and to no other", () =>
    Effect.gen(function* () {
      const tokenOf = (options: MixConfig.Options, variables: Record<string, string>) =>
        Effect.map(make(options, { MIX_BEARER_TOKEN: canary, ...variables }), ({ headers }) =>
          headers.authorization === undefined ? undefined : Redacted.value(headers.authorization)
        )
      const home = { MIX_SERVER_URL: "https://mix.example/prefix" }
      const bearer = `Bearer ${canary}`
      const cases: ReadonlyArray<readonly [MixConfig.Options, Record<string, string>, string | undefined]> = [
        [{}, home, bearer],
        [{ serverUrl: "https://mix.example" }, home, bearer],
        [{ serverUrl: "https://MIX.example:443/other" }, home, bearer],
        [{ serverUrl: "http://mix.example" }, home, undefined],
        [{ serverUrl: "https://mix.example:8443" }, home, undefined],
        [{ serverUrl: "https://evil.example" }, home, undefined],
        [{ serverUrl: "https://mix.example.evil.example" }, home, undefined],
        [{ serverUrl: "https://mix.example" }, {}, undefined],
        [{ serverUrl: "https://mix.example" }, { MIX_SERVER_URL: "nonsense" }, undefined],
        [{}, {}, undefined],
        [{}, { MIX_SERVER_URL: " " }, undefined],
        [{ bearerToken: null }, home, undefined],
        [{ bearerToken: Redacted.make("mine"), serverUrl: "https://evil.example" }, home, "Bearer mine"],
        [{ headers: { authorization: "Basic abc" } }, home, "Basic abc"]
      ]
      for (const [options, variables, expected] of cases) {
        assert.strictEqual(yield* tokenOf(options, variables), expected, util.inspect([options, variables]))
      }
      // A token that is not used is not checked.
      yield* make({ serverUrl: "https://h.example" }, { MIX_BEARER_TOKEN: "bad\n" })
      yield* make({ bearerToken: null }, { MIX_SERVER_URL: "https://h.example", MIX_BEARER_TOKEN: "bad\n" })
    })
  )

  it.effect("variables fill in", () =>
    Effect.gen(function* () {
      const config = yield* make({}, { MIX_SERVER_URL: "https://env.example", MIX_BEARER_TOKEN: "theirs" })
      assert.strictEqual(config.serverUrl, "https://env.example")
      assert.strictEqual(Redacted.value(config.headers.authorization as Redacted.Redacted), "Bearer theirs")
    })
  )

  it.effect("36 what Config cannot read is a ConfigError that names the variable, when the layer is built", () =>
    Effect.gen(function* () {
      const provider = ConfigProvider.fromMap(new Map([["DEADLINE", canary]]))
      for (const [config, text] of [
        [
          MessagesHttp.layerConfig({ bearerToken: Config.redacted("MISSING_TOKEN") }),
          "Missing data at MISSING_TOKEN: "
        ],
        [MessagesHttp.layerConfig({ deadline: Config.duration("DEADLINE") }), "Invalid data at DEADLINE: "],
        [
          MessagesHttp.layerConfig({ deadline: Config.nested(Config.duration("LIMIT"), "MIX") }),
          "Missing data at MIX.LIMIT: "
        ]
      ] as const) {
        const error = yield* failure(
          Effect.provide(
            MessagesService,
            config.pipe(Layer.provide(scripted(json([])).layer), Layer.provide(Layer.setConfigProvider(provider)))
          )
        )
        assert.isTrue(ConfigError.isConfigError(error))
        assert.include(String(error), text)
      }
    })
  )

  it.effect("36 a variable that a provider fails to read is no default", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make({
        load: () => Effect.fail(ConfigError.SourceUnavailable(["MIX_SERVER_URL"], "the vault is closed", Cause.empty)),
        flattened: {
          [ConfigProvider.FlatConfigProviderTypeId]: ConfigProvider.FlatConfigProviderTypeId,
          patch: { _tag: "Empty" },
          load: () =>
            Effect.fail(ConfigError.SourceUnavailable(["MIX_SERVER_URL"], "the vault is closed", Cause.empty)),
          enumerateChildren: () => Effect.succeed(new Set<string>() as never)
        } as ConfigProvider.ConfigProvider.Flat
      })
      const error = yield* failure(MixConfig.make().pipe(Effect.withConfigProvider(broken)))
      assert.include(String(error), "the vault is closed")
    })
  )

  it.effect("layerConfig reads each option by Config", () =>
    Effect.gen(function* () {
      const server = scripted(json([]))
      const provider = ConfigProvider.fromMap(
        new Map([
          ["BACKEND_URL", "https://b.example/x"],
          ["BACKEND_TOKEN", "tok"]
        ])
      )
      const layer = MessagesHttp.layerConfig({
        serverUrl: Config.string("BACKEND_URL"),
        bearerToken: Config.redacted("BACKEND_TOKEN")
      }).pipe(Layer.provide(server.layer), Layer.provide(Layer.setConfigProvider(provider)))
      yield* Effect.flatMap(MessagesService, (messages) => messages.getHistory()).pipe(Effect.provide(layer))
      assert.strictEqual(server.requests[0]?.url, "https://b.example/x/api/messages/history")
      assert.strictEqual(server.requests[0]?.headers.authorization, "Bearer tok")
    })
  )
})

describe("27 limits", () => {
  const durations = [
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 31,
    "soon",
    "-1 seconds",
    "0 millis",
    "30 days",
    {},
    "Infinity"
  ]
  for (const option of ["requestTimeout", "sendTimeout", "deadline"]) {
    for (const value of durations) {
      it.effect(`${option} of ${util.inspect(value)} is refused`, () => refused({ [option]: value }, {}, option))
    }
    it.effect(`${option} of a millisecond, and of 24.8 days`, () =>
      Effect.gen(function* () {
        for (const value of [1, 2 ** 31 - 1]) {
          const config = yield* make({ [option]: value })
          assert.strictEqual(Duration.toMillis(config[option as "deadline"]), value)
        }
      })
    )
  }
  for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "64", null, 2 ** 53]) {
    it.effect(`maxResponseBytes of ${util.inspect(value)} is refused`, () =>
      refused({ maxResponseBytes: value }, {}, "maxResponseBytes")
    )
  }
})

describe("166 an option that there is not", () => {
  for (const [name, options] of [
    ["severUrl", { severUrl: `http://${canary}` }],
    ["timeout", { serverUrl: "http://h.example", timeout: 5 }],
    ["token", { token: Redacted.make(canary) }],
    ["__proto__", JSON.parse(`{"__proto__":{"serverUrl":"http://${canary}"}}`)],
    ["constructor", { constructor: canary }],
    ["options", { [`a ${canary}`]: 1 }],
    ["options", null],
    ["options", 5]
  ] as const) {
    it.effect(`${name} is refused`, () => refused(options, {}, name, /there is no such option|must be an object/))
  }

  const throwing = {
    get "x-a"(): string {
      throw new Error(canary)
    },
    get serverUrl(): string {
      throw new Error(canary)
    }
  }
  it.effect("options that throw are refused", () => refused(throwing, {}, "options", /cannot be read/))
  it.effect("headers that throw are refused", () =>
    refused({ serverUrl: "http://h.example", headers: throwing }, {}, "headers", /cannot be read/)
  )
})

for (const value of ["yes", "false", 1, null, {}]) {
  it.effect(`tracePropagation of ${util.inspect(value)} is refused`, () =>
    refused({ tracePropagation: value }, {}, "tracePropagation", /true or false/)
  )
}

describe("headers", () => {
  const bad: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["30 CR and LF", { "x-a": `${canary}\r\nx-b: 1` }, /x-a/],
    ["30 NUL", { "x-a": `${canary}\0` }, /x-a/],
    ["30 LF in the middle of a secret", { "x-a": Redacted.make(`${canary}\n1`) }, /x-a/],
    ["31 a newline at the end", { "x-a": `${canary}\n` }, /x-a has a trailing newline/],
    ["32 not Latin-1", { "x-a": `${canary}€` }, /x-a/],
    ["32 a lone surrogate", { "x-a": `${canary}\ud800` }, /x-a/],
    ["30 DEL", { "x-a": `${canary}\x7f` }, /x-a/],
    ["a number", { "x-a": 5 }, /must be a string/],
    ["undefined", { "x-a": undefined }, /must be a string/],
    ["a secret that is no string", { "x-a": Redacted.make(5) }, /must be a string/],
    ["33 a name with a space", { [`a ${canary}`]: "1" }, /not a token/],
    ["33 an empty name", { "": canary }, /not a token/],
    ["33 a name with a line break", { [`a\r\n${canary}`]: "1" }, /not a token/],
    ["33 a name with a colon", { "a:b": canary }, /not a token/],
    ["33 a name beyond ASCII", { "x-ä": canary }, /not a token/],
    ...[
      ...["content-length", "Host", "TRANSFER-ENCODING", "connection", "keep-alive", "upgrade", "te", "trailer"],
      ...["expect", "content-type", "proxy-authorization"]
    ].map((name): readonly [string, unknown, RegExp] => [
      `33 ${name}`,
      { [name]: canary },
      new RegExp(`${name} cannot be set`)
    ]),
    ["166 a name of __proto__", JSON.parse(`{"__proto__":"${canary}"}`), /__proto__/],
    ["166 __proto__ in a literal", { __proto__: { "x-a": canary } }, /__proto__/],
    ["166 headers of the platform", new Headers({ "x-a": canary }), /an object of names and values/],
    ["166 a map", new Map([["x-a", canary]]), /an object of names and values/],
    ["166 a list", [["x-a", canary]], /an object of names and values/],
    ["166 a scheme that comes twice", { Authorization: `Bearer Bearer ${canary}` }, /scheme twice/],
    ["no object", null, /headers/],
    ["a text", canary, /headers/]
  ]
  for (const [name, headers, advice] of bad) {
    it.effect(`${name} is refused`, () => refused({ headers }, {}, "headers", advice))
  }

  it.effect("34 names that differ by case are one header: the last wins, over the token too", () =>
    Effect.gen(function* () {
      const config = yield* make({
        bearerToken: Redacted.make("token"),
        headers: { "X-A": "1", "x-a": "2", AUTHORIZATION: "Basic abc" }
      })
      assert.deepStrictEqual(Object.keys(config.headers).sort(), ["authorization", "x-a"])
      assert.strictEqual(Redacted.value(config.headers["x-a"] as Redacted.Redacted), "2")
      assert.strictEqual(Redacted.value(config.headers.authorization as Redacted.Redacted), "Basic abc")
    })
  )

  it.effect("values are Redacted from then on", () =>
    Effect.gen(function* () {
      const config = yield* make({
        bearerToken: Redacted.make(canary),
        headers: { "x-a": canary, "x-b": Redacted.make(canary) }
      })
      assert.strictEqual(Object.keys(config.headers).length, 3)
      assert.notInclude(util.inspect(config, { depth: Number.POSITIVE_INFINITY }) + JSON.stringify(config), canary)
    })
  )
})

describe("the token", () => {
  for (const [name, value, advice] of [
    ["31 a newline at the end", `${canary}\n`, /trailing newline/],
    ["31 CRLF at the end", `${canary}\r\n`, /trailing newline/],
    ["30 a line break inside", `${canary}\nx`, /no header may hold/],
    ["32 not Latin-1", `${canary}€`, /no header may hold/],
    ["166 with its scheme", `Bearer ${canary}`, /the token alone/],
    ["166 with its scheme in small letters", `bearer  ${canary}`, /the token alone/],
    ["166 with another scheme", `Basic ${canary}`, /the token alone/],
    ["166 nothing but its scheme", "Bearer ", /the token alone/]
  ] as const) {
    it.effect(`${name} is refused`, () => refused({ bearerToken: Redacted.make(value) }, {}, "bearerToken", advice))
    it.effect(`${name} in the environment is refused`, () =>
      refused({}, { MIX_SERVER_URL: "https://h.example", MIX_BEARER_TOKEN: value }, "MIX_BEARER_TOKEN", advice)
    )
  }
  it.effect("blank is refused", () => refused({ bearerToken: Redacted.make("  ") }, {}, "bearerToken", /blank/))
  it.effect("a plain string is refused", () => refused({ bearerToken: canary }, {}, "bearerToken", /Redacted/))
  it.effect("a secret that is no string is refused", () =>
    refused({ bearerToken: Redacted.make(5) }, {}, "bearerToken", /string/)
  )
})

describe("29 credentials without encryption", () => {
  const warnings = (options: MixConfig.Options, proxy?: URL) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel.label} ${String(message)}`)
      })
      yield* make(options).pipe(
        Effect.flatMap((config) => MixConfig.warnOfPlainText(config, proxy)),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All)
      )
      return lines
    })
  const bearerToken = Redacted.make(canary)

  for (const serverUrl of [
    "http://mix.example",
    "http://10.0.0.1:8088",
    "http://127.example.com",
    "http://localhost.example"
  ]) {
    it.effect(`${serverUrl}: one warning, without the token`, () =>
      Effect.gen(function* () {
        const lines = yield* warnings({ serverUrl, bearerToken })
        assert.strictEqual(lines.length, 1)
        assert.match(lines[0] as string, /^WARN .*without encryption/)
        assert.notInclude(lines[0] as string, canary)
        assert.strictEqual((yield* warnings({ serverUrl, headers: { authorization: `Basic ${canary}` } })).length, 1)
        assert.deepStrictEqual(yield* warnings({ serverUrl }), [])
      })
    )
  }
  for (const serverUrl of [
    "https://mix.example",
    "http://localhost:8088",
    "http://127.0.0.1:1",
    "http://127.8.9.1",
    "http://localhost.:8088",
    "http://mix.localhost",
    "http://[::1]"
  ]) {
    it.effect(`${serverUrl}: none`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* warnings({ serverUrl, bearerToken }), [])
      })
    )
  }

  it.effect("166 a layer warns once", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => {
        lines.push(String(message))
      })
      const server = scripted(json([]))
      yield* withService(server, (messages) => Effect.repeatN(messages.getHistory(), 3), {
        serverUrl: "http://mix.example",
        bearerToken
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.lengthOf(lines, 1)
    })
  )

  it.effect("166 other headers that hold credentials by their name", () =>
    Effect.gen(function* () {
      for (const name of ["Cookie", "X-API-Key", "x-auth-token", "client_secret"]) {
        assert.lengthOf(yield* warnings({ serverUrl: "http://mix.example", headers: { [name]: canary } }), 1)
      }
      assert.lengthOf(yield* warnings({ serverUrl: "http://mix.example", headers: { "x-request-id": "1" } }), 0)
    })
  )

  it.effect("166 a proxy is warned of where the server is not", () =>
    Effect.gen(function* () {
      const proxy = new URL("http://user:canary-7c41@proxy.example:3128")
      const lines = yield* warnings({ serverUrl: "http://localhost:8088", bearerToken }, proxy)
      assert.deepStrictEqual(lines, [
        "WARN Credentials go to the proxy proxy.example:3128 without encryption: the server url begins with http://"
      ])
      assert.deepStrictEqual(yield* warnings({ serverUrl: "http://mix.example", bearerToken }, proxy), [])
      assert.deepStrictEqual(yield* warnings({ serverUrl: "https://mix.example", bearerToken }, proxy), [])
      assert.deepStrictEqual(yield* warnings({ serverUrl: "http://localhost:8088" }, proxy), [])
      // Wherever it runs, it may send them on.
      const near = new URL("http://127.0.0.1:3128")
      assert.lengthOf(yield* warnings({ serverUrl: "http://localhost:8088", bearerToken }, near), 1)
    })
  )

  it.effect("148 a logger that throws keeps no layer from being built", () =>
    Effect.gen(function* () {
      const logger = Logger.make(() => {
        throw new Error("the logger is broken")
      })
      const config = yield* make({ serverUrl: "http://mix.example", bearerToken })
      yield* MixConfig.warnOfPlainText(config).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
    })
  )
})
