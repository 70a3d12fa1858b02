import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { MixServer } from "@mix-effect/testing"
import { type HrTime, SpanKind, SpanStatusCode } from "@opentelemetry/api"
import { ConfigProvider, Effect } from "effect"
import { MessagesLive, newest } from "../src/newest.ts"
import * as Telemetry from "../src/Telemetry.ts"
import * as Waterfall from "../src/Waterfall.ts"

let runs = 0

/** A call that fails once, and what is exported of it. */
const run = Effect.gen(function* () {
  const server = yield* MixServer.serve({
    seed: { messages: 30 },
    faults: ({ index }) => Effect.succeed(index === 0 ? MixServer.Fault.Respond({ status: 503 }) : undefined)
  })
  const name = String(++runs)
  // Metrics are those of the process, in which a test before may have had the same port.
  const recorded = yield* Telemetry.record(newest).pipe(
    Effect.tagMetrics("run", name),
    Effect.provide(MessagesLive),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["MIX_SERVER_URL", server.url]])))
  )
  return { ...recorded, name, server, spans: [...recorded.spans].sort((a, b) => compare(a.startTime, b.startTime)) }
})

const compare = (a: HrTime, b: HrTime) => a[0] - b[0] || a[1] - b[1]

/** The bars of a picture: where each begins, and where it ends. */
const barsOf = (svg: string) =>
  [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)"/g)].map(([, x, width]) => ({
    from: Number(x),
    to: Number(x) + Number(width)
  }))

describe("opentelemetry", () => {
  it.scopedLive("a call is one span, and each of its requests one below it", () =>
    Effect.gen(function* () {
      const { server, spans, value } = yield* run
      assert.lengthOf(value, 20)
      assert.deepStrictEqual(
        spans.map(({ attributes, kind, name, status }) => [
          name,
          kind,
          status.code,
          attributes["http.response.status_code"],
          attributes["http.request.resend_count"]
        ]),
        [
          ["newest messages", SpanKind.INTERNAL, SpanStatusCode.OK, undefined, undefined],
          ["MessagesService.getHistory", SpanKind.INTERNAL, SpanStatusCode.OK, undefined, undefined],
          ["GET /api/messages/history", SpanKind.CLIENT, SpanStatusCode.ERROR, 503, undefined],
          ["GET /api/messages/history", SpanKind.CLIENT, SpanStatusCode.OK, 200, 1]
        ]
      )
      const ids = spans.map((span) => span.spanContext().spanId)
      assert.deepStrictEqual(
        spans.map(({ parentSpanContext }) => parentSpanContext?.spanId),
        [undefined, ids[0], ids[1], ids[1]]
      )
      // The server could go on with the trace.
      const trace = spans[0]?.spanContext().traceId
      assert.deepStrictEqual(
        (yield* server.requests).map(({ headers }) => headers.traceparent),
        [`00-${trace}-${ids[2]}-01`, `00-${trace}-${ids[3]}-01`]
      )
    })
  )

  it.scopedLive("the durations of requests are a histogram, by outcome", () =>
    Effect.gen(function* () {
      const { durations, name, server } = yield* run
      const labels = {
        run: name,
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": new URL(server.url).port
      }
      const own = durations.filter(({ attributes }) => attributes.run === name)
      assert.sameDeepMembers(
        own.map(({ attributes, value }) => [attributes, value.count]),
        [
          [{ ...labels, "http.response.status_code": "503", "error.type": "503" }, 1],
          [{ ...labels, "http.response.status_code": "200" }, 1]
        ]
      )
      for (const { value } of own) assert.isTrue(value.sum !== undefined && value.sum > 0 && value.sum < 20, "seconds")
    })
  )

  it.scopedLive("a picture shows every span where it was", () =>
    Effect.gen(function* () {
      const { spans } = yield* run
      const committed = readFileSync(new URL("../trace.svg", import.meta.url), "utf8")
      for (const svg of [Waterfall.toSvg(spans), committed]) {
        for (const text of ["newest messages", "MessagesService.getHistory", "CLIENT  503", "CLIENT  200"]) {
          assert.include(svg, text)
        }
        const [whole, call, first, second, ...more] = barsOf(svg)
        assert.isEmpty(more)
        assert.deepStrictEqual(whole, { from: 20, to: 840 })
        if (call === undefined || first === undefined || second === undefined) return assert.fail("a bar is missing")
        assert.isTrue(20 <= call.from && call.from <= first.from && first.to <= second.from && second.to <= 842)
      }
      assert.match(
        Waterfall.toText(spans),
        /^newest messages {2}INTERNAL .*\n {2}MessagesService.getHistory .*\n {4}GET .* 503 .* failed\n {4}GET .* 200 .*$/
      )
    })
  )
})
