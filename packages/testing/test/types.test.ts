/** Types are checked by the compiler (`tsc -p tsconfig.check.json`), which reads this file; running it shows little. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { type MessagesService, NotFound, ReplyPending, type SendMessageRequest, type SessionId } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { FaultServer, MessagesTest, MixAgent, MixServer } from "../src/index.ts"

/** Never run: it has to compile, and not to where it says so. */
const compile = (_body: () => unknown) => {}

describe("types", () => {
  it("the in-memory layer is complete, and cannot fail", () => {
    expectTypeOf(MessagesTest.layer).returns.toEqualTypeOf<Layer.Layer<MessagesService | MessagesTest.MessagesTest>>()
    expectTypeOf(MessagesTest.sent).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<SendMessageRequest>, never, MessagesTest.MessagesTest>
    >()
    expectTypeOf(MessagesTest.append).returns.toEqualTypeOf<Effect.Effect<void, never, MessagesTest.MessagesTest>>()
    expectTypeOf(MessagesTest.deleteSession).parameter(0).toEqualTypeOf<SessionId>()
  })

  it("an operation of it is failed with what that operation can fail with", () => {
    const notFound = new NotFound({ operation: "send" })
    compile(() => [
      MessagesTest.layer({
        fail: { getHistory: notFound, listSession: [null, notFound], send: new ReplyPending({ operation: "send" }) }
      }),
      // @ts-expect-error: only a send can be pending
      MessagesTest.layer({ fail: { listSession: new ReplyPending({ operation: "send" }) } }),
      // @ts-expect-error: streams fail by their pages
      MessagesTest.layer({ fail: { streamHistory: notFound } }),
      // @ts-expect-error
      MessagesTest.layer({ message: [] })
    ])
  })

  it("servers live as long as a scope, or a layer", () => {
    expectTypeOf(MixServer.serve).returns.toEqualTypeOf<
      Effect.Effect<MixServer.Running, MixServer.ListenError, Scope.Scope>
    >()
    expectTypeOf(MixServer.layer).returns.toEqualTypeOf<Layer.Layer<MixServer.MixServer, MixServer.ListenError>>()
    expectTypeOf(FaultServer.serve).returns.toEqualTypeOf<
      Effect.Effect<FaultServer.Running, FaultServer.ListenError, Scope.Scope>
    >()
    expectTypeOf(FaultServer.layer).returns.toEqualTypeOf<
      Layer.Layer<FaultServer.FaultServer, FaultServer.ListenError>
    >()
    compile(() => [
      MixServer.serve({ generation: "2025-10-10", seed: { messages: 3 } }),
      // @ts-expect-error: no such generation
      MixServer.serve({ generation: "2025-01-01" }),
      // @ts-expect-error
      MixServer.serve({ messages: 3 }),
      FaultServer.serve([FaultServer.stallBeforeHead, FaultServer.json([])]),
      // @ts-expect-error: a reply is made, not written
      FaultServer.serve(["HTTP/1.1 200 OK"])
    ])
  })

  it("a match over the faults has to name every one", () => {
    const cases = {
      Respond: () => "",
      Truncate: () => "",
      Reset: () => "",
      Stall: () => "",
      ClampLimit: () => "",
      IgnoreOffset: () => ""
    }
    const match = MixServer.Fault.$match({ ...cases, IgnoreLimit: () => "" })
    expectTypeOf(match).returns.toEqualTypeOf<string>()
    expectTypeOf<MixServer.Fault>().toExtend<Parameters<typeof match>[0]>()
    // @ts-expect-error: IgnoreLimit is left out
    compile(() => MixServer.Fault.$match(cases))
  })

  it("an agent is a function of the request, or a list of scripts", () => {
    expectTypeOf(MixAgent.echo).toEqualTypeOf<MixAgent.Agent>()
    expectTypeOf(MixAgent.say("a")).toExtend<MixAgent.Step>()
    expectTypeOf<MixServer.Options["streamFaults"]>().toEqualTypeOf<
      ((frame: MixServer.StreamFrame) => MixServer.StreamFault | undefined) | undefined
    >()
    compile(() => [
      MixServer.serve({
        generation: "2026-02",
        agent: ({ text }, server) => [MixAgent.perform(server.closeStreams()), MixAgent.say(text)]
      }),
      MixServer.serve({ agent: [[MixAgent.say("a")], [MixAgent.fail("b")]] }),
      MixServer.serve({ streamFaults: () => MixServer.StreamFault.Drop({ bytes: 3 }) }),
      // @ts-expect-error: a script is a list of steps
      MixServer.serve({ agent: ["Hello"] }),
      // @ts-expect-error: an effect of a script cannot fail
      MixAgent.perform(Effect.fail("no")),
      // @ts-expect-error: a status of Go's router
      MixServer.serve({ redirectStatus: 302 })
    ])
  })

  it("what a running server shows cannot be changed", () => {
    expectTypeOf<Readonly<MixServer.Running>>().toEqualTypeOf<MixServer.Running>()
    expectTypeOf<Effect.Effect.Success<MixServer.Running["requests"]>>().toEqualTypeOf<
      ReadonlyArray<MixServer.RequestRecord>
    >()
    expectTypeOf<Readonly<FaultServer.Running>>().toEqualTypeOf<FaultServer.Running>()
  })
})
