// What has another name in Effect 4, and nothing else: each rule replaces a text wherever it stands. What cannot be said so
// simply is a patch.

/** What the edition is made of. */
export const sources = [
  "packages",
  "examples/backend",
  "examples/chat",
  "examples/compose",
  "examples/tail",
  "examples/unit-test",
  "docs/errors.md",
  "docs/observability.md",
  "LICENSE",
  "scripts/bundle.ts",
  "scripts/example.ts",
  "scripts/matrix",
  "scripts/runtimes",
  "scripts/test/snippetsProcess.ts",
  "scripts/test/editions",
  "tsconfig.base.json",
  "tsconfig.check.json",
  "tsconfig.json",
  "vitest.config.ts",
  "vitest.setup.ts"
]

/** `Module.name` of Effect 3, and what it is called in Effect 4. */
const members = {
  "Effect.async": "Effect.callback",
  "Effect.catchAll": "Effect.catch",
  "Effect.catchAllCause": "Effect.catchCause",
  "Effect.catchAllDefect": "Effect.catchDefect",
  "Effect.either": "Effect.result",
  "Effect.fork": "Effect.forkChild",
  "Effect.forkDaemon": "Effect.forkDetach",
  "Effect.ignoreLogged": "Effect.ignore",
  "Effect.intoDeferred": "Deferred.into",
  "Effect.zipRight": "Effect.andThen",
  "Effect.consoleWith": "Console.consoleWith",
  "Effect.tapErrorCause": "Effect.tapCause",
  "Effect.unsafeMakeSemaphore": "Semaphore.makeUnsafe",
  "Effect.withFiberRuntime": "Effect.withFiber",
  "Effect.Semaphore": "Semaphore.Semaphore",
  "Arr.isNonEmptyReadonlyArray": "Arr.isReadonlyArrayNonEmpty",
  "Metric.incrementBy": "Metric.update",
  "Either.Either": "Result.Result",
  "Either.isRight": "Result.isSuccess",
  "Either.isLeft": "Result.isFailure",
  "Either.right": "Result.succeed",
  "Either.left": "Result.fail",
  "Either.flip": "Result.flip",
  "Either.map": "Result.map",
  "Either.getOrThrow": "Result.getOrThrow",
  "Fiber.RuntimeFiber": "Fiber.Fiber",
  "Cause.failureOption": "Cause.findErrorOption",
  "Cause.isInterruptedOnly": "Cause.hasInterruptsOnly",
  "Cause.isDie": "Cause.hasDies",
  "Exit.isInterrupted": "Exit.hasInterrupts",
  "DateTime.unsafeFromDate": "DateTime.fromDateUnsafe",
  "DateTime.unsafeMake": "DateTime.makeUnsafe",
  "Deferred.unsafeDone": "Deferred.doneUnsafe",
  "Duration.DurationInput": "Duration.Input",
  "Duration.decodeUnknown": "Duration.fromInput",
  "Duration.decode": "Duration.fromInputUnsafe",
  "Duration.greaterThan": "Duration.isGreaterThan",
  "Duration.greaterThanOrEqualTo": "Duration.isGreaterThanOrEqualTo",
  "Duration.lessThan": "Duration.isLessThan",
  "Duration.lessThanOrEqualTo": "Duration.isLessThanOrEqualTo",
  "Duration.unsafeDivide": "Duration.divideUnsafe",
  "ConfigError.ConfigError": "Config.ConfigError",
  "Config.Config.Wrap": "Config.Wrap",
  "ConfigProvider.fromJson": "ConfigProvider.fromUnknown",
  "Config.boolean": "Config.Boolean",
  "Config.duration": "Config.Duration",
  "Config.integer": "Config.Int",
  "Config.redacted": "Config.Redacted",
  "Config.string": "Config.String",
  "LogLevel.greaterThanEqual": "LogLevel.isGreaterThanOrEqualTo",
  "LogLevel.greaterThan": "LogLevel.isGreaterThan",
  "Inspectable.toJSON": "Inspectable.toJson",
  "Layer.scoped": "Layer.effect",
  "Layer.scopedContext": "Layer.effectContext",
  "Layer.setConfigProvider": "ConfigProvider.layer",
  "Layer.unwrapEffect": "Layer.unwrap",
  "Layer.unwrapScoped": "Layer.unwrap",
  "Metric.tagged": "Metric.withAttributes",
  "Option.flatMapNullable": "Option.flatMapNullishOr",
  "Option.fromNullable": "Option.fromNullishOr",
  "Logger.logfmtLogger": "Logger.formatLogFmt",
  "NodeHttpClient.layer": "NodeHttpClient.layerNodeHttp",
  "Effect.runtime": "Effect.context",
  "Runtime.runPromise": "Effect.runPromiseWith",
  "Schedule.modifyDelayEffect": "Schedule.modifyDelay",
  "Schedule.tapInput": "Schedule.tap",
  "Schedule.tapOutput": "Schedule.tap",
  "Schema.annotations": "Schema.annotate",
  "Schema.encodedSchema": "Schema.toEncoded",
  "Schema.typeSchema": "Schema.toType",
  "Schema.parseJson": "Schema.fromJsonString",
  "Schema.decodeUnknownEither": "Schema.decodeUnknownResult",
  "Schema.decodeUnknown": "Schema.decodeUnknownEffect",
  "Schema.decode": "Schema.decodeEffect",
  "Schema.encode": "Schema.encodeEffect",
  "Scope.CloseableScope": "Scope.Closeable",
  "Scope.extend": "Scope.provide",
  "Stream.catchAll": "Stream.catch",
  "Stream.repeatEffect": "Stream.fromEffectRepeat",
  "Stream.provideLayer": "Stream.provide",
  "Stream.provideSomeLayer": "Stream.provide",
  "Stream.provideSomeContext": "Stream.provide",
  "Stream.unwrapScoped": "Stream.unwrap",
  "Queue.unsafeOffer": "Queue.offerUnsafe"
}

/** A module of Effect 3, and where it is in Effect 4. */
const modules = {
  "effect/Either": "effect/Result",
  "effect/FastCheck": "fast-check",
  "effect/TestClock": "effect/testing/TestClock",
  "@effect/platform/FetchHttpClient": "effect/http/FetchHttpClient",
  "@effect/platform/Headers": "effect/http/Headers",
  "@effect/platform/HttpBody": "effect/http/HttpBody",
  "@effect/platform/HttpClient": "effect/http/HttpClient",
  "@effect/platform/HttpClientError": "effect/http/HttpClientError",
  "@effect/platform/HttpClientRequest": "effect/http/HttpClientRequest",
  "@effect/platform/HttpClientResponse": "effect/http/HttpClientResponse",
  "@effect/platform/HttpRouter": "effect/http/HttpRouter",
  "@effect/platform/HttpServerRequest": "effect/http/HttpServerRequest",
  "@effect/platform/HttpServerResponse": "effect/http/HttpServerResponse",
  "@effect/platform/HttpTraceContext": "effect/http/HttpTraceContext",
  "@effect/platform": "effect/http"
}

const escape = (text) => text.replace(/[.$/]/g, "\\$&")

/** A text or pattern, and what takes its place. */
const texts = [
  [/\bimport \* as Either from/g, "import * as Result from"],
  [/\bimport type \* as Either from/g, "import type * as Result from"],
  [/\.unsafeCurrentTimeNanos\(\)/g, ".monotonicTimeNanosUnsafe()"],
  [/\bunsafeCurrentTimeMillis\b/g, "currentTimeMillisUnsafe"],
  [/\.unsafeInterruptAsFork\((?:\w+\.id\(\)|FiberId\.none)\)/g, ".interruptUnsafe()"],
  [/\bFiberId\.none\b/g, "-1"],
  [/\bfiber\.currentTracer\b/g, "fiber.getRef(Tracer.Tracer)"],
  [/\bfiber\.getFiberRef\(FiberRef\.currentTracerEnabled\)/g, "fiber.getRef(References.TracerEnabled)"],
  [/\bfiber\.getFiberRef\(FiberRef\.currentMinimumLogLevel\)/g, "fiber.getRef(References.MinimumLogLevel)"],
  [
    /\bEffect\.withUnhandledErrorLogLevel\(Option\.none\(\)\)/g,
    "Effect.provideService(References.UnhandledLogLevel, undefined)"
  ],
  [/\bDefaultServices\.liveServices\b/g, "Context.empty()"],
  [/\bunsafeMap\b/g, "mapUnsafe"],
  // What the tests' own clocks say is what our timers look at.
  [/\bunsafeCurrentTimeNanos(?=: |\(\) \{)/g, "monotonicTimeNanosUnsafe"],
  [/\bTestClock\.testClock\(\)/g, "TestClock.testClockWith(Effect.succeed)"],
  [/\bLogger\.make\(\(\{ annotations\b/g, "Logger.make(({ fiber"],
  [/\bObject\.fromEntries\(annotations\)/g, "fiber.getRef(References.CurrentLogAnnotations)"],
  [/\blogLevel\.label\b/g, "logLevel.toUpperCase()"],
  [/,\s*context: \(f\) => f\(\)/g, ""],
  [/\bmode: "either"/g, 'mode: "result"'],
  [
    /\bnew HttpClientError\.RequestError\(\{ (request(?:: \w+)?), reason: "Transport"(, cause(?:: [\w.]+)?)? \}\)/g,
    "new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ $1$2 }) })"
  ],
  [
    /\bnew HttpClientError\.ResponseError\(\{ request, response, reason: "Decode", cause \}\)/g,
    "new HttpClientError.HttpClientError({ reason: new HttpClientError.DecodeError({ request, response, cause }) })"
  ],
  [/\bMetric\.increment\((\w+)\)/g, "Metric.update($1, 1)"],
  [/\b(\w+)\.unsafeOffer\(/g, "Queue.offerUnsafe($1, "],
  [/\b(Effect|Stream|Layer)\.\1\.(Error|Success)<(?=[^<>]*(?:<[^<>]*>)*[^<>]*>)/g, "$1.$2<"],
  [/\b(Effect|Stream|Layer)\.\1\.Context</g, "$1.Services<"],
  [/\bSchema\.Schema\.Context<([^<>]+)>/g, '$1["DecodingServices"]'],
  [/\.unsafePoll\(\) ([!=]==) null/g, ".pollUnsafe() $1 undefined"],
  [/\._tag ([!=]==) "Right"/g, '._tag $1 "Success"'],
  [/\._tag ([!=]==) "Left"/g, '._tag $1 "Failure"'],
  [/\bEither\b(?= from|\.)/g, "Result"],
  [/\bOption\.isNone\(yield\* Fiber\.poll\((\w+)\)\)/g, "$1.pollUnsafe() === undefined"],
  [/\bTimeoutException\b/g, "TimeoutError"],
  [/\bonRight: /g, "onSuccess: "],
  [/\bonLeft: /g, "onFailure: "],
  [/\{ right: /g, "{ success: "],
  [/\{ left: /g, "{ failure: "],
  [/\.right\b/g, ".success"],
  [/\.left\b/g, ".failure"],
  [/\bSchema\.TaggedError<(\w+)>\(\s*("[^"]+"|`[^`]+`)\s*\)/g, "Schema.TaggedError<$1>()"],
  [
    /\bexport class (\w+) extends Context\.Reference<\1>\(\)\(([\s\S]*?)\) \{\}/g,
    "export const $1 = Context.Reference($2)"
  ],
  [/\bEffect\.yieldNow\(\)/g, "Effect.yieldNow"],
  [/\bParseResult\.ParseError\b/g, "Schema.SchemaError"],
  [/\bEffect\.gen\(this, /g, "Effect.gen({ self: this }, "],
  [/\bLogger\.withMinimumLogLevel\(/g, "Effect.provideService(References.MinimumLogLevel, "],
  [/\bLogger\.remove\(Logger\.defaultLogger\)/g, "Logger.layer([])"],
  [
    /\bLogLevel\.(All|Trace|Debug|Info|Warning|Error|Fatal|None)\b/g,
    (_, level) => `"${level === "Warning" ? "Warn" : level}"`
  ],
  [/\bChunk\.Chunk</g, "ReadonlyArray<"],
  [/\bChunk\.toReadonlyArray\(/g, "Array.from("],
  [/\bChunk\.toReadonlyArray\b/g, "(chunk) => Array.from(chunk)"],
  [/\bSchedule\.stop\b/g, "Schedule.recurs(0)"],
  [/\bit\.scopedLive\b/g, "it.live"],
  [/\bit\.scoped\b/g, "it.effect"],
  [/\.annotations\(/g, ".annotate("],
  [/\bSchema\.Schema<(?=[^<>]*,)/g, "Schema.Codec<"],
  [/\bSchema\.NonNegativeInt\b/g, "Schema.Natural"],
  [/\bSchema\.Record\(\{ key: ([^,]+), value: ([^}]+) \}\)/g, "Schema.Record($1, $2)"],
  [/Context\.Tag\((\n?\s*"[^"]+"\s*)\)<([^>]*(?:<[^>]*>)?[^>]*)>\(\)/g, "Context.Service<$2>()($1)"]
]

/** `self`, where a call names what it is applied to: `Effect.repeatN(self, 2)`, or `Effect.repeatN(2)` in a pipe. */
const service = (tag) => (args) => {
  const [value, self] = [...args].reverse()
  return `Effect.provideService(${self === undefined ? "" : `${self}, `}${tag}, ${value})`
}

/** Calls that take their arguments in another way: `Schema.Union(A, B)` becomes `Schema.Union([A, B])`. */
const calls = {
  "Schema.Union": (args) => `Schema.Union([${args}])`,
  "Schema.Tuple": (args) => `Schema.Tuple([${args}])`,
  // One literal stays as it is.
  "Schema.Literal": (args) => (args.length > 1 ? `Schema.Literals([${args}])` : `Schema.Literal(${args})`),
  "Schema.filter": (args) => `Schema.check(Schema.makeFilter(${args}))`,
  "Effect.dieMessage": (args) => `Effect.die(new Error(${args}))`,
  "Effect.repeatN": ([...args]) => `Effect.repeat(${[...args.slice(0, -1), `{ times: ${args.at(-1)} }`]})`,
  "Layer.setTracer": ([tracer]) => `Layer.succeed(Tracer.Tracer, ${tracer})`,
  "Logger.replace": ([, logger]) => `Logger.layer([${logger}])`,
  "Effect.withClock": service("Clock.Clock"),
  "Effect.withConfigProvider": service("ConfigProvider.ConfigProvider"),
  "Effect.withConsole": service("Console.Console"),
  "Effect.withRandom": service("Random.Random"),
  // Nobody asks for the integer.
  "Random.fixed": ([values]) => `{ nextDoubleUnsafe: () => ${values.slice(1, -1)}, nextIntUnsafe: () => 0 }`,
  "ConfigError.SourceUnavailable": ([, message, cause]) =>
    `new Config.ConfigError(new ConfigProvider.SourceError({ message: ${message}, cause: ${cause} }))`,
  "ConfigError.isConfigError": ([value]) => `(${value} instanceof Config.ConfigError)`,
  "ConfigProvider.fromMap": ([map]) => {
    const [, record] = /^new Map\((?:Object\.entries\(([\s\S]*)\))?\)$/.exec(map) ?? [map, `Object.fromEntries(${map})`]
    return `ConfigProvider.fromEnvRecord(${record ?? "{}"})`
  }
}

/** The arguments of the call whose parenthesis opens before `start`, and where it ends. */
const argumentsAt = (text, start) => {
  const args = []
  let depth = 0
  let from = start
  for (let end = start; ; end++) {
    const char = text[end]
    if (char === undefined) throw new Error(`unbalanced: ${text.slice(start - 20, start + 80)}`)
    if (char === '"') end += /^(\\.|[^"\\\n])*"/.exec(text.slice(end + 1))?.[0].length ?? 0
    if ("([{".includes(char)) depth++
    if (depth === 0 && ",)".includes(char)) {
      args.push(text.slice(from, end).trim())
      from = end + 1
      if (char === ")") return { args: args.filter((arg) => arg !== ""), end: from }
    }
    if (")]}".includes(char)) depth--
  }
}

const rewriteCalls = (text) => {
  let result = text
  for (const [name, write] of Object.entries(calls)) {
    const call = new RegExp(`(?<![\\w.])${escape(name)}\\(`, "g")
    for (let match = call.exec(result); match !== null; match = call.exec(result)) {
      const { args, end } = argumentsAt(result, call.lastIndex)
      // What was renamed before stays.
      if (name.startsWith("Schema.") && args[0]?.startsWith("[")) continue
      result = result.slice(0, match.index) + write(args) + result.slice(end)
    }
  }
  return result
}

/** The editions have versions of their own: 0.2.1 becomes 0.402.1 and 1.2.1 becomes 401.2.1, so `^` of one never accepts another. */
const version = [
  /(?<=^## |"version": "|@mix-effect\/\w+@|\bversion = ")(0\.)?([1-9]\d?)(?=\.\d)/gm,
  (_, zero = "", number) => `${zero}${400 + Number(number)}`
]

const manifest = [
  version,
  [/ *"@effect\/platform": "[^"]*",?\n?/g, ""],
  [/"\^3[^"+]*\+on-Effect-4-install-the-dist-tag-effect-4"/g, '"^4.1.0+on-Effect-3-install-the-dist-tag-effect-3"'],
  [/"node": ">=20\.19"/g, '"node": ">=22.19"'],
  [/"@effect\/platform-node": "[^"]*"/g, '"@effect/platform-node": "catalog:"']
]

/** `effect/http` may break in minor versions of Effect. */
const manifestWithHttp = [...manifest, [/"\^(4[^"]*\+)/g, '"~$1']]

const readme = [
  [/\beffect@\^3\.22( @effect\/platform@\^0\.97)?/g, "effect@^4.1"],
  [/@effect-3\b/g, "@effect-4"],
  [/`@effect\/platform`/g, "`effect/http`"],
  [/Effect 3, 3\.22 or newer\. Effect 4 (.*)`effect-4`/g, "Effect 4, 4.1 or newer. Effect 3 $1`effect-3`"]
]

const rules = [
  ...Object.entries(modules).map(([from, to]) => [new RegExp(`"${escape(from)}"`, "g"), `"${to}"`]),
  ...Object.entries(members).map(([from, to]) => [new RegExp(`\\b${escape(from)}\\b(?!\\.[a-z])`, "g"), to]),
  ...texts
]

/** Modules that the rules bring in, or leave without a use. */
const modulesUsed = [
  "Chunk",
  "Clock",
  "Config",
  "ConfigError",
  "ConfigProvider",
  "Console",
  "DefaultServices",
  "Deferred",
  "FiberId",
  "FiberRef",
  "Layer",
  "LogLevel",
  "Logger",
  "Option",
  "ParseResult",
  "Queue",
  "Random",
  "References",
  "Runtime",
  "Schema",
  "SchemaIssue",
  "Semaphore"
]

/** What `import { .. } from "effect"` does not give any more, and what it gives instead. */
const named = { Either: "Result" }
const moved = { FastCheck: "fast-check", TestClock: "effect/testing/TestClock" }

const mendNames = (text) =>
  text.replace(/^([ *]*)import (type )?\{([^}]*)\} from "effect"\n/gm, (line, margin, type = "", list) => {
    const rest = text.replace(line, "")
    const names = list.split(",").map((name) => name.trim())
    const kept = names
      .filter((name) => name !== "" && !Object.hasOwn(moved, name))
      .map((name) => named[name] ?? name)
      .filter((name) => !modulesUsed.includes(name) || new RegExp(`(?<![\\w.])${name}\\.`).test(rest))
    const others = names
      .filter((name) => Object.hasOwn(moved, name))
      .map((name) => `${margin}import ${type}* as ${name} from "${moved[name]}"\n`)
    return others.join("") + (kept.length === 0 ? "" : `${margin}import ${type}{ ${kept.join(", ")} } from "effect"\n`)
  })

const mendImports = (text) =>
  modulesUsed.reduce((result, name) => {
    const line = new RegExp(`^import (type )?\\* as ${name} from "effect/${name}"\n`, "m")
    const uses = new RegExp(`(?<![\\w.])${name}\\.`)
    if (line.test(result)) return uses.test(result.replace(line, "")) ? result : result.replace(line, "")
    const isKnown = new RegExp(`^ *import [^"]*\\b${name}\\b[^"]*"`, "m").test(result)
    return isKnown || !uses.test(result.replace(/\/\*[\s\S]*?\*\//g, ""))
      ? result
      : result.replace(/^import /m, `import * as ${name} from "effect/${name}"\nimport `)
  }, mendNames(text))

const tableOf = (path) => {
  if (path === "packages/http/package.json") return manifestWithHttp
  if (path.endsWith("package.json")) return manifest
  if (/\/(CHANGELOG\.md|internal\/version\.ts)$/.test(path)) return [version]
  if (/^packages\/\w+\/README\.md$/.test(path)) return [...readme, ...rules]
  return /\.(ts|md)$/.test(path) ? rules : []
}

export const rename = (path, text) => {
  const result = tableOf(path).reduce((text, [from, to]) => text.replace(from, to), text)
  return /\.(ts|md)$/.test(path) ? mendImports(rewriteCalls(result)) : result
}
