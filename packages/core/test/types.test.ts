/** Types are checked by the compiler (`tsc -p tsconfig.check.json`), which reads this file; running it shows little. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Core from "../src/index.ts"

type HttpTag =
  | "InvalidRequest"
  | "BadRequest"
  | "Unauthorized"
  | "NotFound"
  | "RateLimited"
  | "ServerError"
  | "UnexpectedStatus"
  | "ConnectionError"
  | "RequestTimeout"
  | "ResponseDecodeError"

type Service = Core.Service
type Of<Name extends keyof Service> = ReturnType<Service[Name]>
type Tag<E> = E extends { readonly _tag: infer Name } ? Name : never

describe("types", () => {
  it("each operation fails with exactly what it can fail with", () => {
    type Walks = HttpTag | "HistoryStalled" | "HistoryDrift"
    expectTypeOf<Tag<Effect.Effect.Error<Of<"getHistory">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"listSession">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"send">>>>().toEqualTypeOf<HttpTag | "ReplyPending">()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"streamHistory">>>>().toEqualTypeOf<Walks>()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"streamHistoryPages">>>>().toEqualTypeOf<Walks>()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"followHistory">>>>().toEqualTypeOf<HttpTag | "HistoryStalled">()
    expectTypeOf<Core.MixError["_tag"]>().toEqualTypeOf<HttpTag | "ReplyPending" | "HistoryStalled" | "HistoryDrift">()
  })

  it("needs nothing from its caller's environment", () => {
    expectTypeOf<Effect.Effect.Context<Of<"getHistory">>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Effect.Context<Of<"listSession">>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Effect.Context<Of<"send">>>().toEqualTypeOf<never>()
    expectTypeOf<Stream.Stream.Context<Of<"streamHistory">>>().toEqualTypeOf<never>()
    expectTypeOf<Stream.Stream.Context<Of<"streamHistoryPages">>>().toEqualTypeOf<never>()
    expectTypeOf<Stream.Stream.Context<Of<"followHistory">>>().toEqualTypeOf<never>()
  })

  it("succeeds with what it says", () => {
    expectTypeOf<Effect.Effect.Success<Of<"getHistory">>>().toEqualTypeOf<ReadonlyArray<Core.BackendMessage>>()
    expectTypeOf<Effect.Effect.Success<Of<"listSession">>>().toEqualTypeOf<ReadonlyArray<Core.BackendMessage>>()
    expectTypeOf<Effect.Effect.Success<Of<"send">>>().toEqualTypeOf<Core.BackendMessage>()
    expectTypeOf<Stream.Stream.Success<Of<"streamHistory">>>().toEqualTypeOf<Core.BackendMessage>()
    expectTypeOf<Stream.Stream.Success<Of<"streamHistoryPages">>>().toEqualTypeOf<Core.HistoryPage>()
    expectTypeOf<Stream.Stream.Success<Of<"followHistory">>>().toEqualTypeOf<Core.BackendMessage>()
  })

  it("every failure of send says what became of the message", () => {
    expectTypeOf<Core.SendError["outcome"]>().toEqualTypeOf<Core.Outcome>()
    expectTypeOf<Core.GetHistoryError["outcome"]>().toEqualTypeOf<Core.Outcome | undefined>()
    expectTypeOf<Core.Outcome>().toEqualTypeOf<"notSent" | "refused" | "unknown" | "accepted">()
    expectTypeOf<Extract<Core.SendError, { readonly _tag: "ReplyPending" }>["outcome"]>().toEqualTypeOf<"accepted">()
    expectTypeOf<Extract<Core.SendError, { readonly _tag: "InvalidRequest" }>["outcome"]>().toEqualTypeOf<"notSent">()
  })

  it("every error says enough to act on", () => {
    expectTypeOf<Core.MixError["isRetryable"]>().toEqualTypeOf<boolean>()
    expectTypeOf<Core.MixError["operation"]>().toEqualTypeOf<Core.Operation>()
    expectTypeOf<Core.MixError["retryAfter"]>().toEqualTypeOf<Duration.Duration | undefined>()
    expectTypeOf<Core.MixError["message"]>().toEqualTypeOf<string>()
    expectTypeOf<Core.MixError>().toExtend<Error>()
    expectTypeOf<Core.HistoryStalled["cursor"]>().toEqualTypeOf<Core.HistoryCursor>()
    expectTypeOf<Core.HistoryDrift["cursor"]>().toEqualTypeOf<Core.HistoryCursor>()
    expectTypeOf<Core.NotFound["status"]>().toEqualTypeOf<404>()
    expectTypeOf<Core.ServerError["method"]>().toEqualTypeOf<"GET" | "POST">()
    expectTypeOf<Core.ServerError["attempts"]>().toEqualTypeOf<number>()
  })

  it("schemas give the interfaces of their names", () => {
    expectTypeOf<typeof Core.BackendMessage.Type>().toExtend<Core.BackendMessage>()
    expectTypeOf<Core.BackendMessage>().toExtend<typeof Core.BackendMessage.Type>()
    expectTypeOf<keyof typeof Core.BackendMessage.Type>().toEqualTypeOf<keyof Core.BackendMessage>()
    expectTypeOf<typeof Core.ToolCallData.Type>().toExtend<Core.ToolCallData>()
    expectTypeOf<keyof typeof Core.ToolCallData.Type>().toEqualTypeOf<keyof Core.ToolCallData>()
    expectTypeOf<typeof Core.CallbackResultData.Type>().toExtend<Core.CallbackResultData>()
    expectTypeOf<keyof typeof Core.CallbackResultData.Type>().toEqualTypeOf<keyof Core.CallbackResultData>()
    expectTypeOf<typeof Core.SendMessageRequest.Type>().toEqualTypeOf<Core.SendMessageRequest>()
    expectTypeOf<typeof Core.HistoryCursor.Type>().toEqualTypeOf<Core.HistoryCursor>()
    expectTypeOf<typeof Core.HistoryStats.Type>().toEqualTypeOf<Core.HistoryStats>()
    expectTypeOf<typeof Core.MixError.Type>().toEqualTypeOf<Core.MixError>()
    expectTypeOf<Schema.Schema.Context<typeof Core.MixError>>().toEqualTypeOf<never>()
    expectTypeOf<Schema.Schema.Context<typeof Core.BackendMessages>>().toEqualTypeOf<never>()
  })

  it("ids do not stand for each other, and words of the server are open", () => {
    expectTypeOf<Core.SessionId>().toExtend<string>()
    expectTypeOf<string>().not.toExtend<Core.SessionId>()
    expectTypeOf<Core.MessageId>().not.toExtend<Core.SessionId>()
    expectTypeOf<string>().toExtend<Core.BackendMessage["role"]>()
    expectTypeOf<"user">().toExtend<Core.BackendMessage["role"]>()
    expectTypeOf<string>().toExtend<Core.ToolCallData["type"]>()
  })

  it("a cursor shows nothing of what is in it", () => {
    expectTypeOf<Core.HistoryCursor>().not.toHaveProperty("walk")
    expectTypeOf<{ readonly position: number }>().not.toExtend<Core.HistoryCursor>()
  })
})
