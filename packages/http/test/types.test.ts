/** Types are checked by the compiler (`tsc -p tsconfig.check.json`), which reads this file; running it shows little. */
import type * as HttpClient from "@effect/platform/HttpClient"
import { describe, expectTypeOf, it } from "@effect/vitest"
import type {
  BackendMessage,
  GetHistoryError,
  MessagesService,
  Service,
  SessionsService,
  StreamHistoryError
} from "@mix-effect/core"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import { MessagesHttp, MixConfig, RetryPolicy, SessionsHttp } from "../src/index.ts"

/** Never run: it has to compile, and not to where it says so. */
const compile = (_body: (messages: Service) => unknown) => {}

describe("types", () => {
  it("a layer gives the service, fails by its configuration alone, and needs a client", () => {
    type Live = Layer.Layer<MessagesService, ConfigError.ConfigError, HttpClient.HttpClient>
    expectTypeOf(MessagesHttp.layer).returns.toEqualTypeOf<Live>()
    expectTypeOf(MessagesHttp.layerConfig).returns.toEqualTypeOf<Live>()
    type Both = MessagesService | SessionsService
    type LiveBoth = Layer.Layer<Both, ConfigError.ConfigError, HttpClient.HttpClient>
    expectTypeOf(SessionsHttp.layer).returns.toEqualTypeOf<LiveBoth>()
    expectTypeOf(SessionsHttp.layerConfig).returns.toEqualTypeOf<LiveBoth>()
    expectTypeOf(MessagesHttp.make).returns.toEqualTypeOf<
      Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient>
    >()
    expectTypeOf(MixConfig.make).returns.toEqualTypeOf<Effect.Effect<MixConfig.MixConfig, ConfigError.ConfigError>>()
  })

  it("options may be left out, and unknown ones are refused", () => {
    expectTypeOf<Record<never, never>>().toExtend<MixConfig.Options>()
    expectTypeOf<Readonly<MixConfig.Options>>().toEqualTypeOf<MixConfig.Options>()
    expectTypeOf<Readonly<MixConfig.MixConfig>>().toEqualTypeOf<MixConfig.MixConfig>()
    compile(() => [
      MessagesHttp.layer(),
      MessagesHttp.layer({ serverUrl: undefined, deadline: "1 minute", headers: { "x-key": Redacted.make("k") } }),
      // @ts-expect-error
      MessagesHttp.layer({ baseUrl: "http://localhost:8088" }),
      // @ts-expect-error: a duration says its unit
      MessagesHttp.layer({ deadline: "60" }),
      // @ts-expect-error: a secret is redacted from the first moment
      MessagesHttp.layer({ bearerToken: "secret" })
    ])
  })

  it("layerConfig takes every option as a Config, one by one or all at once", () => {
    expectTypeOf(MessagesHttp.layerConfig).parameter(0).toEqualTypeOf<Config.Config.Wrap<MixConfig.Options>>()
    compile(() => [
      MessagesHttp.layerConfig({
        serverUrl: Config.string("URL"),
        headers: { "x-key": Config.redacted("KEY"), "x-name": Config.string("NAME") },
        bearerToken: Config.redacted("TOKEN"),
        requestTimeout: Config.duration("TIMEOUT"),
        sendTimeout: Config.duration("SEND_TIMEOUT"),
        deadline: Config.duration("DEADLINE"),
        maxResponseBytes: Config.integer("BYTES"),
        tracePropagation: Config.boolean("TRACE")
      }),
      MessagesHttp.layerConfig(Config.all({ serverUrl: Config.string("URL"), deadline: Config.duration("DEADLINE") })),
      // @ts-expect-error
      MessagesHttp.layerConfig({ baseUrl: Config.string("URL") }),
      // @ts-expect-error
      MessagesHttp.layerConfig({ maxResponseBytes: Config.string("BYTES") }),
      // @ts-expect-error: a secret is redacted from the first moment
      MessagesHttp.layerConfig({ bearerToken: Config.string("TOKEN") }),
      // @ts-expect-error: not a Config
      MessagesHttp.layerConfig({ serverUrl: "http://localhost:8088" })
    ])
  })

  it("a policy leaves the type of what it is for as it was", () => {
    const call = (messages: Service) => messages.getHistory().pipe(RetryPolicy.withRetryPolicy(RetryPolicy.none))
    expectTypeOf(call).returns.toEqualTypeOf<Effect.Effect<ReadonlyArray<BackendMessage>, GetHistoryError>>()
    const walk = (messages: Service) => RetryPolicy.withRetryPolicy(messages.streamHistory(), RetryPolicy.standard)
    expectTypeOf(walk).returns.toEqualTypeOf<Stream.Stream<BackendMessage, StreamHistoryError>>()
    expectTypeOf(RetryPolicy.layer).returns.toEqualTypeOf<Layer.Layer<never>>()
    compile((messages) => [
      // @ts-expect-error: neither an effect nor a stream
      RetryPolicy.withRetryPolicy([messages], RetryPolicy.none)
    ])
  })

  it("any schedule that needs nothing is a policy", () => {
    expectTypeOf<Schedule.Schedule<number>>().toExtend<RetryPolicy.Policy>()
    expectTypeOf<Schedule.Schedule<number, GetHistoryError>>().not.toExtend<RetryPolicy.Policy>()
    expectTypeOf<Schedule.Schedule<number, unknown, MessagesService>>().not.toExtend<RetryPolicy.Policy>()
    expectTypeOf(RetryPolicy.fromConfig).returns.toEqualTypeOf<RetryPolicy.Policy>()
    compile(() => [
      RetryPolicy.layer(Schedule.exponential("1 second")),
      // @ts-expect-error: as the official SDKs spell it, a number without a unit and another name
      RetryPolicy.fromConfig({ backoff: { initialInterval: 500 } })
    ])
  })
})
