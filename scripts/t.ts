import { RetryPolicy } from "@mix-effect/http"
import { MixNode } from "@mix-effect/node"
import { MessagesService, SessionId } from "@mix-effect/core"
import { MixServer, FaultServer } from "@mix-effect/testing"
import { Effect, Layer, Stream } from "effect"
const show = (name: string, e: Effect.Effect<any, any, any>) => e.pipe(Effect.exit, Effect.map(x => console.log(name, x._tag === "Success" ? ["ok", JSON.stringify(x.value)?.slice(0,100)] : (x.cause as any).error ? [(x.cause as any).error.message, (x.cause as any).error.attempts, (x.cause as any).error.outcome] : x.cause)))
const program = Effect.gen(function*(){
  const server = yield* MixServer.serve({ seed: { sessions: 40, messages: 5000 } })
  yield* Effect.gen(function*(){
    const m = yield* MessagesService
    for (const o of [{}, {prefetch: 4}, {pageSize: 1000}, {pageSize: 1000, prefetch: 2}]) {
    const t = Date.now()
    const n = yield* m.streamHistory(o).pipe(Stream.runCount)
    console.log(n, yield* server.requestCount, yield* server.connectionCount, Date.now()-t)
    }
    yield* show("nope", m.send({ id: SessionId.make("nope"), text: "hello" }))
    yield* show("bad", m.getHistory({ limit: 0 }))
  }).pipe(Effect.provide(MixNode.layer({ serverUrl: server.url })))
  const faults: Record<string, any> = {
    gzip: FaultServer.gzip("[]"), gzipTruncated: FaultServer.gzipTruncated("[" + "1,".repeat(1000) + "1]"), corrupt: FaultServer.gzipCorrupt("[1,2,3,4,5,1,1,1,1,1,1,1,1,1,1]"), bomb: FaultServer.gzipBomb({bytes: 100e6}),
    brotli: FaultServer.brotli("null"), trunc: FaultServer.truncated("[]                     ", 5), chunked: FaultServer.truncatedChunked("[1,2"), garbage: FaultServer.garbage, over: FaultServer.oversizedHeaders(200000),
    reset: FaultServer.resetWithoutReply, close: FaultServer.closeWithoutReply, redirect: FaultServer.redirect(302, "http://127.0.0.1:1/"), html: FaultServer.text("<html>hi", { headers: [["content-type","text/html"]] } as any), e404: FaultServer.status(404, [["content-type","text/html"]] as any, "<html>nope"), e401: FaultServer.status(401), stall: FaultServer.stallBeforeHead, stallBody: FaultServer.stallMidBody("[            ]", 4), early: FaultServer.earlyHints(FaultServer.json([])), s204: FaultServer.status(204),
    resetMid: FaultServer.resetMidBody("[       ]", 4), flood: FaultServer.reply(FaultServer.head({status:200, headers:[["content-type","application/json"]]} as any), FaultServer.flood({bytes: 1e9}), FaultServer.end)
  }
  for (const [name, f] of Object.entries(faults)) {
    const fs = yield* FaultServer.serve(f)
    const t = Date.now()
    yield* show(name, Effect.flatMap(MessagesService, m => m.getHistory()).pipe(Effect.provide(MixNode.layer({ serverUrl: fs.url, requestTimeout: 300, deadline: 2000 })), RetryPolicy.withRetryPolicy(RetryPolicy.none)))
    if (Date.now()-t > 400) console.log("  ^ took", Date.now()-t)
  }
  const u = yield* FaultServer.refusedUrl
  yield* show("refused", Effect.flatMap(MessagesService, m => m.getHistory()).pipe(Effect.provide(MixNode.layer({ serverUrl: u }))))
  yield* show("refused send", Effect.flatMap(MessagesService, m => m.send({id: SessionId.make("a"), text:"x"})).pipe(Effect.provide(MixNode.layer({ serverUrl: u }))))
  const b = yield* FaultServer.blackHoleUrl
  yield* show("black", Effect.flatMap(MessagesService, m => m.getHistory()).pipe(Effect.provide(MixNode.layer({ serverUrl: b, requestTimeout: 500, deadline: 900 }))))
  const tls = yield* FaultServer.serve(FaultServer.json([]), { tls: "selfSigned" })
  yield* show("tls", Effect.flatMap(MessagesService, m => m.getHistory()).pipe(Effect.provide(MixNode.layer({ serverUrl: tls.url }))))
  yield* show("dns", Effect.flatMap(MessagesService, m => m.getHistory()).pipe(Effect.provide(MixNode.layer({ serverUrl: "http://nope.invalid" }))))
}).pipe(Effect.scoped)
Effect.runPromise(program)
