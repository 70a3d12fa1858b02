import { assert, describe, it } from "@effect/vitest"
import { FaultServer, MixServer } from "@mix-effect/testing"
import { ConfigProvider, Effect } from "effect"
import { count } from "../src/count.ts"
import * as Proxy from "../src/Proxy.ts"

const countWith = (env: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(count, ConfigProvider.fromMap(new Map(Object.entries(env))))

/** A proxy in whose network every name leads to this machine. */
const proxied = Proxy.serve(() => "127.0.0.1")

describe("http-proxy", () => {
  it.scopedLive("HTTP_PROXY: the server is reached by a name that only the proxy knows", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 1200 } })
      const proxy = yield* proxied
      const MIX_SERVER_URL = server.url.replace("127.0.0.1", "mix.invalid")
      assert.strictEqual(yield* countWith({ MIX_SERVER_URL, HTTP_PROXY: proxy.url }), 1200)
      const asked = yield* proxy.asked
      assert.isNotEmpty(asked)
      for (const line of asked) assert.strictEqual(line, `GET ${new URL(MIX_SERVER_URL).host}/api/messages/history`)
    })
  )

  it.scopedLive("HTTPS_PROXY: a tunnel, whose certificate is the server's", () =>
    Effect.gen(function* () {
      const server = yield* FaultServer.serve(FaultServer.json([]), { tls: "selfSigned" })
      const proxy = yield* proxied
      const MIX_SERVER_URL = `https://mix.invalid:${server.port}`
      const error = yield* Effect.flip(countWith({ MIX_SERVER_URL, HTTPS_PROXY: proxy.url }))
      assert.include(error.message, "certificate")
      assert.deepStrictEqual(yield* proxy.asked, [`CONNECT mix.invalid:${server.port}`])
    })
  )

  it.scopedLive("NO_PROXY: straight to the server", () =>
    Effect.gen(function* () {
      const server = yield* MixServer.serve({ seed: { messages: 3 } })
      const proxy = yield* proxied
      const env = { MIX_SERVER_URL: server.url, HTTP_PROXY: proxy.url, NO_PROXY: "<-loopback>,127.0.0.1" }
      assert.strictEqual(yield* countWith(env), 3)
      assert.deepStrictEqual(yield* proxy.asked, [])
    })
  )

  it.scopedLive("a proxy that cannot reach the server: the error names it", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied
      const MIX_SERVER_URL = (yield* FaultServer.refusedUrl).replace("http://127.0.0.1", "https://mix.invalid")
      const error = yield* Effect.flip(countWith({ MIX_SERVER_URL, HTTPS_PROXY: proxy.url }))
      assert.include(error.message, `the proxy ${new URL(proxy.url).host} (HTTPS_PROXY) answered 502`)
    })
  )
})
