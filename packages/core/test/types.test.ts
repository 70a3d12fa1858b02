/** Types are checked by the compiler (`tsc -p tsconfig.check.json`), which reads this file; running it shows little. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Match from "effect/Match"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Core from "../src/index.ts"

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

/** Never run: it has to compile, and not to where it says so. */
const compile = (_body: (messages: Core.Service, id: Core.SessionId) => unknown) => {}

describe("types", () => {
  it("each operation fails with exactly what it can fail with", () => {
    type Walks = HttpTag | "HistoryStalled" | "HistoryDrift"
    expectTypeOf<Tag<Effect.Effect.Error<Of<"getHistory">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"listSession">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"send">>>>().toEqualTypeOf<HttpTag | "ReplyPending">()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"streamHistory">>>>().toEqualTypeOf<Walks>()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"streamHistoryPages">>>>().toEqualTypeOf<Walks>()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"followHistory">>>>().toEqualTypeOf<HttpTag | "HistoryStalled">()
    expectTypeOf<Core.MixError["_tag"]>().toEqualTypeOf<
      HttpTag | "ReplyPending" | "HistoryStalled" | "HistoryDrift" | "AgentFailed" | "AnswerTimeout"
    >()
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
    // Only a stream has a place from which to resume.
    expectTypeOf<Core.StreamHistoryError["cursor"]>().toEqualTypeOf<Core.HistoryCursor | undefined>()
    expectTypeOf<Core.FollowHistoryError["cursor"]>().toEqualTypeOf<Core.HistoryCursor | undefined>()
    expectTypeOf<Core.GetHistoryError>().not.toHaveProperty("cursor")
    expectTypeOf<Core.SendError>().not.toHaveProperty("cursor")
    expectTypeOf<Core.NotFound["status"]>().toEqualTypeOf<404>()
    expectTypeOf<Core.ServerError["method"]>().toEqualTypeOf<"GET" | "POST" | "DELETE">()
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
    expectTypeOf<Core.HistoryCursor>().not.toHaveProperty("place")
    expectTypeOf<keyof typeof Core.HistoryCursor.Encoded>().toEqualTypeOf<"version">()
    expectTypeOf<Effect.Effect.Success<Of<"currentCursor">>>().toEqualTypeOf<Core.HistoryCursor>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"currentCursor">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<{ readonly position: number }>().not.toExtend<Core.HistoryCursor>()
  })

  it("are inferred in generators and pipes", () => {
    const ask = (id: Core.SessionId) =>
      Effect.gen(function* () {
        const messages = yield* Core.MessagesService
        return (yield* messages.send({ id, text: "Hello" })).assistantResponse
      })
    expectTypeOf(ask).returns.toEqualTypeOf<Effect.Effect<string | undefined, Core.SendError, Core.MessagesService>>()
    const newest = () =>
      Stream.unwrap(Effect.map(Core.MessagesService, (messages) => messages.streamHistory())).pipe(
        Stream.map((message) => message.id),
        Stream.runCollect
      )
    expectTypeOf(newest).returns.toEqualTypeOf<
      Effect.Effect<Chunk.Chunk<Core.MessageId>, Core.StreamHistoryError, Core.MessagesService>
    >()
  })

  it("catching every tag leaves nothing to fail with", () => {
    const handled = (messages: Core.Service, id: Core.SessionId) =>
      messages.send({ id, text: "Hello" }).pipe(
        Effect.asVoid,
        Effect.catchTags({
          InvalidRequest: () => Effect.void,
          BadRequest: () => Effect.void,
          Unauthorized: () => Effect.void,
          NotFound: () => Effect.void,
          RateLimited: () => Effect.void,
          ServerError: () => Effect.void,
          UnexpectedStatus: () => Effect.void,
          ConnectionError: () => Effect.void,
          RequestTimeout: () => Effect.void,
          ResponseDecodeError: () => Effect.void,
          ReplyPending: () => Effect.void
        })
      )
    expectTypeOf(handled).returns.toEqualTypeOf<Effect.Effect<void>>()

    const pendingHandled = (messages: Core.Service, id: Core.SessionId) =>
      messages.send({ id, text: "Hello" }).pipe(Effect.catchTag("ReplyPending", () => Effect.void))
    expectTypeOf<Tag<Effect.Effect.Error<ReturnType<typeof pendingHandled>>>>().toEqualTypeOf<HttpTag>()

    compile((messages) =>
      messages.getHistory().pipe(
        // @ts-expect-error: only a send can be pending
        Effect.catchTag("ReplyPending", () => Effect.void)
      )
    )
  })

  it("a match over an error has to name every tag", () => {
    const http = {
      InvalidRequest: () => "",
      BadRequest: () => "",
      Unauthorized: () => "",
      NotFound: () => "",
      RateLimited: () => "",
      ServerError: () => "",
      UnexpectedStatus: () => "",
      ConnectionError: () => "",
      RequestTimeout: () => "",
      ResponseDecodeError: () => ""
    }
    const all = (error: Core.StreamHistoryError) =>
      Match.valueTags(error, { ...http, HistoryStalled: () => "", HistoryDrift: () => "" })
    expectTypeOf(all).returns.toEqualTypeOf<string>()
    const lacking = (error: Core.StreamHistoryError) =>
      // @ts-expect-error: HistoryDrift is left out
      Match.value(error).pipe(Match.tags({ ...http, HistoryStalled: () => "" }), Match.exhaustive)
    expectTypeOf(lacking).toBeFunction()
  })

  it("options that do not exist are refused", () => {
    compile((messages, id) => [
      messages.getHistory({ limit: 10, offset: 0 }),
      // @ts-expect-error
      messages.getHistory({ limit: 10, page: 2 }),
      // @ts-expect-error
      messages.listSession({ id, limit: 10 }),
      // @ts-expect-error: the wire's name
      messages.send({ id, text: "Hello", plan_mode: true }),
      // @ts-expect-error: of `getHistory`
      messages.streamHistory({ limit: 10 }),
      // @ts-expect-error
      messages.followHistory({ pageSize: 10 }),
      // @ts-expect-error: a cursor is not its JSON
      messages.streamHistory({ from: "{}" })
    ])
  })

  it("plain strings and other ids are refused where an id is due", () => {
    compile((messages, id) => [
      messages.listSession({ id }),
      // @ts-expect-error
      messages.listSession({ id: "s1" }),
      // @ts-expect-error
      messages.send({ id: "s1", text: "Hello" }),
      // @ts-expect-error
      messages.listSession({ id: Core.MessageId.make("m1") })
    ])
  })

  it("lists are read-only, and a page is never empty", () => {
    expectTypeOf<Core.HistoryPage["messages"]>().toEqualTypeOf<NonEmptyReadonlyArray<Core.BackendMessage>>()
    expectTypeOf<NonNullable<Core.BackendMessage["toolCalls"]>>().toEqualTypeOf<ReadonlyArray<Core.ToolCallData>>()
    expectTypeOf<Core.SendMessageRequest["media"]>().toEqualTypeOf<ReadonlyArray<string> | undefined>()
    expectTypeOf<typeof Core.BackendMessages.Type>().not.toHaveProperty("push")
    expectTypeOf<Readonly<Core.BackendMessage>>().toEqualTypeOf<Core.BackendMessage>()
  })

  it("an implementation gives the three operations, and errors of the SDK", () => {
    expectTypeOf(Core.MessagesService.make).returns.toEqualTypeOf<Core.Service>()
    expectTypeOf<keyof Core.Implementation>().toEqualTypeOf<"getHistory" | "listSession" | "send">()
    expectTypeOf<Tag<Effect.Effect.Error<ReturnType<Core.Implementation["send"]>>>>().toEqualTypeOf<
      HttpTag | "ReplyPending"
    >()
    const none = () => Effect.succeed([])
    const refuse = () => Effect.fail(new Core.NotFound({ operation: "send" }))
    compile(() => [
      Core.MessagesService.make({ getHistory: none, listSession: none, send: refuse }),
      // @ts-expect-error: no send
      Core.MessagesService.make({ getHistory: none, listSession: none }),
      // @ts-expect-error: not an error of the SDK
      Core.MessagesService.make({ getHistory: () => Effect.fail("no"), listSession: none, send: refuse })
    ])
  })
})

describe("types of SessionsService", () => {
  type Of<Name extends keyof Core.Sessions> = ReturnType<Core.Sessions[Name]>
  type AskTag = HttpTag | "AgentFailed" | "AnswerTimeout"

  it("each operation fails with exactly what it can fail with", () => {
    expectTypeOf<Tag<Effect.Effect.Error<Of<"create">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"createScoped">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"list">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"get">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"delete">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"cancel">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"events">>>>().toEqualTypeOf<HttpTag>()
    expectTypeOf<Tag<Effect.Effect.Error<Of<"ask">>>>().toEqualTypeOf<AskTag>()
    expectTypeOf<Tag<Stream.Stream.Error<Of<"askStream">>>>().toEqualTypeOf<AskTag>()
    expectTypeOf<Effect.Effect.Error<Of<"ask">>>().toEqualTypeOf<Core.AskError>()
  })

  it("every failure of ask and create says what became of it", () => {
    expectTypeOf<Core.AskError["outcome"]>().toEqualTypeOf<Core.Outcome>()
    expectTypeOf<Core.CreateSessionError["outcome"]>().toEqualTypeOf<Core.Outcome>()
    expectTypeOf<Core.AgentFailed["outcome"]>().toEqualTypeOf<"accepted">()
    expectTypeOf<Core.AgentFailed["operation"]>().toEqualTypeOf<"ask">()
    expectTypeOf<Core.AgentFailed["reason"]>().toEqualTypeOf<"failed" | "cancelled" | "permissionDenied" | "unknown">()
    expectTypeOf<Core.AnswerTimeout["outcome"]>().toEqualTypeOf<"notSent" | "unknown" | "accepted">()
  })

  it("needs nothing from its caller's environment, but a scope for what is deleted with it", () => {
    expectTypeOf<Effect.Effect.Context<Of<"create">>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Effect.Context<Of<"createScoped">>>().toEqualTypeOf<Scope.Scope>()
    expectTypeOf<Effect.Effect.Context<Of<"ask">>>().toEqualTypeOf<never>()
    expectTypeOf<Stream.Stream.Context<Of<"events">>>().toEqualTypeOf<never>()
    expectTypeOf<Stream.Stream.Context<Of<"askStream">>>().toEqualTypeOf<never>()
  })

  it("succeeds with what it says", () => {
    expectTypeOf<Effect.Effect.Success<Of<"create">>>().toEqualTypeOf<Core.Session>()
    expectTypeOf<Effect.Effect.Success<Of<"list">>>().toEqualTypeOf<ReadonlyArray<Core.Session>>()
    expectTypeOf<Effect.Effect.Success<Of<"ask">>>().toEqualTypeOf<Core.Answer>()
    expectTypeOf<Stream.Stream.Success<Of<"events">>>().toEqualTypeOf<Core.SessionEvent>()
    expectTypeOf<Stream.Stream.Success<Of<"askStream">>>().toEqualTypeOf<Core.SessionEvent | Core.Answered>()
    expectTypeOf<Core.Answer["messages"]>().toEqualTypeOf<NonEmptyReadonlyArray<Core.BackendMessage>>()
    expectTypeOf<Core.SessionEvent["_tag"]>().toEqualTypeOf<
      | "Connected"
      | "Reconnected"
      | "MessageCreated"
      | "Thinking"
      | "Text"
      | "ToolCall"
      | "PermissionRequested"
      | "Completed"
      | "Failed"
      | "Other"
    >()
    expectTypeOf<Core.PermissionRequested["toolName"]>().toEqualTypeOf<string>()
  })

  it("schemas give the interfaces of their names", () => {
    expectTypeOf<typeof Core.Session.Type>().toExtend<Core.Session>()
    expectTypeOf<Core.Session>().toExtend<typeof Core.Session.Type>()
    expectTypeOf<keyof typeof Core.Session.Type>().toEqualTypeOf<keyof Core.Session>()
    expectTypeOf<typeof Core.NewSession.Type>().toExtend<Core.NewSession>()
    expectTypeOf<Core.NewSession>().toExtend<typeof Core.NewSession.Type>()
    expectTypeOf<typeof Core.SessionExport.Type>().toExtend<Core.SessionExport>()
    expectTypeOf<Schema.Schema.Context<typeof Core.Session>>().toEqualTypeOf<never>()
  })

  it("an implementation gives raw connections; a test double may leave the route of Sept 25 out", () => {
    expectTypeOf(Core.SessionsService.make).returns.toEqualTypeOf<Core.Sessions>()
    expectTypeOf<keyof Core.SessionsImplementation>().toEqualTypeOf<
      | "create"
      | "list"
      | "get"
      | "delete"
      | "cancel"
      | "events"
      | "export"
      | "answerPermission"
      | "scrub"
      | "around"
      | "streamRoute"
    >()
    expectTypeOf<Core.SessionsImplementation>().pick("streamRoute").toExtend<{ readonly streamRoute?: unknown }>()
  })
})
