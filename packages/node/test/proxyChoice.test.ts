/** Which proxy a server url is reached by: the table, and what holds for any input. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { draws } from "../../core/test/draws.ts"
import * as Proxy from "../src/internal/proxy.ts"

type Variables = Readonly<Record<string, string>>

/** The choice, and the variables that were read for it. */
const choose = (url: string, variables: Variables) => {
  const read: Array<string> = []
  const choice = Effect.runSync(
    Effect.either(
      Proxy.choose(new URL(url), (name) =>
        Effect.sync(() => {
          read.push(name)
          return variables[name] ?? ""
        })
      )
    )
  )
  return { choice, read }
}

/** `direct`, the way that the proxy is used, or what the error says. */
const way = (url: string, variables: Variables): string =>
  Either.match(choose(url, variables).choice, {
    onLeft: (error) => String(error),
    onRight: (proxy) =>
      proxy === undefined ? "direct" : `${proxy.tunnel ? "tunnel" : "forward"} ${proxy.origin} ${proxy.variable}`
  })

const http = "http://mix.example.com"
const https = "https://mix.example.com"
const a = "http://a.proxy:3128"
const b = "http://b.proxy:8080"

describe("166 the variable", () => {
  const rows: ReadonlyArray<readonly [url: string, variables: Variables, way: string, read: ReadonlyArray<string>]> = [
    [http, {}, "direct", ["HTTP_PROXY"]],
    [https, {}, "direct", ["HTTPS_PROXY", "HTTP_PROXY"]],
    [http, { HTTP_PROXY: a }, `forward ${a} HTTP_PROXY`, ["HTTP_PROXY", "NO_PROXY"]],
    [http, { HTTPS_PROXY: a }, "direct", ["HTTP_PROXY"]],
    [http, { HTTPS_PROXY: "nonsense", HTTP_PROXY: a }, `forward ${a} HTTP_PROXY`, ["HTTP_PROXY", "NO_PROXY"]],
    [https, { HTTPS_PROXY: a, HTTP_PROXY: b }, `tunnel ${a} HTTPS_PROXY`, ["HTTPS_PROXY", "NO_PROXY"]],
    [https, { HTTPS_PROXY: a, HTTP_PROXY: "nonsense" }, `tunnel ${a} HTTPS_PROXY`, ["HTTPS_PROXY", "NO_PROXY"]],
    [https, { HTTP_PROXY: b }, `tunnel ${b} HTTP_PROXY`, ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"]],
    [http, { HTTP_PROXY: "nonsense", NO_PROXY: "*" }, "direct", ["HTTP_PROXY", "NO_PROXY"]]
  ]
  for (const [url, variables, expected, read] of rows) {
    it(`${url} with ${JSON.stringify(variables)}: ${expected}`, () => {
      assert.strictEqual(way(url, variables), expected)
      assert.deepStrictEqual(choose(url, variables).read, read)
    })
  }
})

describe("166 the proxy's url", () => {
  const rows: ReadonlyArray<readonly [value: string, origin: string, authorization?: string]> = [
    ["http://p:3128", "http://p:3128"],
    ["HTTP://P:3128/", "http://p:3128"],
    ["https://p", "https://p"],
    ["p:3128", "http://p:3128"],
    ["127.0.0.1:3128/", "http://127.0.0.1:3128"],
    ["localhost:3128", "http://localhost:3128"],
    ["[::1]:3128", "http://[::1]:3128"],
    ["http://u:p@p:1", "http://p:1", "u:p"],
    ["u:p@p:1", "http://p:1", "u:p"],
    ["http://u%40corp:p%3Aw%25%C3%A9@p:1", "http://p:1", "u@corp:p:w%\u00e9"],
    ["http://token@p:1", "http://p:1", "token:"],
    ["http://:password@p:1", "http://p:1", ":password"]
  ]
  for (const [value, origin, credentials] of rows) {
    it(`${value} is ${origin}${credentials === undefined ? "" : " with credentials"}`, () => {
      const proxy = Either.getOrThrow(choose(http, { HTTP_PROXY: value }).choice)
      assert.strictEqual(proxy?.origin, origin)
      const authorization = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`
      assert.strictEqual(proxy?.authorization, authorization)
    })
  }

  for (const [value, says] of [
    ["nonsense", /looks like http:\/\/proxy/],
    ["ftp://canary:21", /looks like http:\/\/proxy/],
    ["http://", /looks like http:\/\/proxy/],
    ["canary:99999", /looks like http:\/\/proxy/],
    ["http://canary:0", /looks like http:\/\/proxy/],
    ["http://canary:1/path", /looks like http:\/\/proxy/],
    ["http://canary:1/?query", /looks like http:\/\/proxy/],
    ["http://canary:1#fragment", /looks like http:\/\/proxy/],
    ["http://{canary}:3128", /looks like http:\/\/proxy/],
    ["socks://canary:1080", /SOCKS proxies are not supported/],
    ["socks4a://canary:1080", /SOCKS proxies are not supported/],
    ["SOCKS5h://canary:1080", /SOCKS proxies are not supported/],
    ["http://canary:50%off@p:1", /must be written as %25/]
  ] as const) {
    it(`${value} is a ConfigError that does not repeat it`, () => {
      for (const [url, variable] of [
        [http, "HTTP_PROXY"],
        [https, "HTTPS_PROXY"]
      ] as const) {
        const error = Either.getOrThrow(Either.flip(choose(url, { [variable]: value }).choice))
        assert.isTrue(ConfigError.isConfigError(error))
        assert.match(String(error), says)
        assert.include(String(error), variable)
        assert.notMatch(String(error), /canary|nonsense|%off/)
      }
    })
  }
})

describe("166 NO_PROXY", () => {
  const direct: ReadonlyArray<readonly [noProxy: string, ...urls: ReadonlyArray<string>]> = [
    ["*", http, https, "http://10.0.0.1", "http://[2001:db8::1]"],
    ["a.example, * ,b.example", http],
    ["mix.example.com", http, https, "http://MIX.example.com", "http://mix.example.com.", "http://a.mix.example.com"],
    ["MIX.Example.COM.", http],
    ["example.com", http],
    [".example.com", http, "http://example.com"],
    ["*.example.com", http, "http://example.com"],
    ["x;mix.example.com;y", http],
    ["x mix.example.com\ty", http],
    [" , ;; mix.example.com ", http],
    ["mix.example.com:80", http],
    ["mix.example.com:443", https],
    ["example.com:8088", "http://mix.example.com:8088"],
    ["b\u00fccher.example", "http://b\u00fccher.example", "http://xn--bcher-kva.example"],
    ["10.0.0.1", "http://10.0.0.1", "http://10.0.0.1:8088"],
    ["10.0.0.0/8", "http://10.255.0.1", "https://10.0.0.0"],
    ["192.168.4.0/22", "http://192.168.7.255"],
    ["10.1.2.3/32", "http://10.1.2.3"],
    ["0.0.0.0/0", "http://8.8.8.8"],
    ["2001:db8::1", "http://[2001:db8::1]", "http://[2001:DB8:0::1]:8088"],
    ["2001:DB8:0:0:0:0:0:1", "http://[2001:db8::1]"],
    ["[2001:db8::1]", "http://[2001:db8::1]:8088"],
    ["[2001:db8::1]:8088", "http://[2001:db8::1]:8088"],
    ["2001:db8::/32", "http://[2001:db8:ffff::1]"],
    ["[2001:db8::]/32", "http://[2001:db8:ffff::1]"]
  ]
  for (const [noProxy, ...urls] of direct) {
    it(`${JSON.stringify(noProxy)} is about ${urls.join(" and ")}`, () => {
      for (const url of urls) {
        assert.strictEqual(way(url, { HTTP_PROXY: a, HTTPS_PROXY: a, NO_PROXY: noProxy }), "direct", url)
      }
    })
  }

  const proxied: ReadonlyArray<readonly [noProxy: string, ...urls: ReadonlyArray<string>]> = [
    ["", http, https],
    [" ,; ", http],
    ["ix.example.com", http],
    ["com.", "http://example.comm"],
    ["mix.example.com:443", http],
    ["mix.example.com:80", https, "http://mix.example.com:8088"],
    ["0.0.1", "http://10.0.0.1"],
    ["1", "http://10.0.0.1"],
    ["10.0.0.0/8", "http://11.0.0.1", http, "http://10.example.com", "http://[2001:db8::1]"],
    ["10.0.0.0/33", "http://10.0.0.1"],
    ["10.0.0/8", "http://10.0.0.1"],
    ["/8", "http://10.0.0.1"],
    ["2001:db8::/32", "http://[2001:db9::1]", "http://10.0.0.1", http],
    ["2001:db8::/129", "http://[2001:db8::1]"],
    ["[2001:db8::1]:8088", "http://[2001:db8::1]"],
    ["2001:db8::1", "http://[2001:db8::2]"],
    [".", http],
    ["*.", http],
    ["<-loopback>", http, "http://localhost", "http://127.0.0.1:8088", "http://[::1]:8088", "https://localhost"]
  ]
  for (const [noProxy, ...urls] of proxied) {
    it(`${JSON.stringify(noProxy)} is not about ${urls.join(" and ")}`, () => {
      for (const url of urls) {
        assert.match(way(url, { HTTP_PROXY: a, HTTPS_PROXY: a, NO_PROXY: noProxy }), /^(forward|tunnel) /, url)
      }
    })
  }

  it("this machine is reached directly, unless NO_PROXY says <-loopback> and does not name it besides", () => {
    const urls = [
      "http://localhost:8088",
      "http://mix.localhost",
      "http://127.8.9.10",
      "http://127.1",
      "http://[::1]:1"
    ]
    for (const url of [...urls, "https://localhost"]) {
      assert.strictEqual(way(url, { HTTP_PROXY: a }), "direct", url)
      assert.strictEqual(way(url, { HTTP_PROXY: a, NO_PROXY: "example.com" }), "direct", url)
      assert.match(way(url, { HTTP_PROXY: a, NO_PROXY: "example.com,<-loopback>" }), /^(forward|tunnel) /, url)
      assert.strictEqual(way(url, { HTTP_PROXY: a, NO_PROXY: `<-loopback>,${new URL(url).host}` }), "direct", url)
    }
    assert.match(way("http://127.0.0.1.example.com", { HTTP_PROXY: a }), /^forward /)
    assert.match(way("http://localhost.example.com", { HTTP_PROXY: a }), /^forward /)
  })
})

describe("166 for any input", () => {
  const numRuns = draws(100, 5000)
  const label = FastCheck.stringMatching(/^[a-z][a-z0-9]{0,6}$/)
  const name = FastCheck.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join("."))
  const separator = FastCheck.constantFrom(",", ";", " ", ", ", "\t", " ; ")
  const noise = FastCheck.oneof(
    FastCheck.string({ maxLength: 12 }),
    FastCheck.constantFrom("::1", "[::1]:80", "10.0.0.0/8", "fe80::/10", "*.", ".", "a:b:c", "/", "[", "%", "1.2.3.4:x")
  ).filter((entry) => !entry.includes("*"))

  it("nothing throws, and an entry is never undone by what stands beside it", () => {
    FastCheck.assert(
      FastCheck.property(name, separator, FastCheck.array(noise), FastCheck.array(noise), (host, by, before, after) => {
        const NO_PROXY = [...before, host, ...after].join(by)
        assert.strictEqual(way(`http://${host}`, { HTTP_PROXY: a, NO_PROXY }), "direct")
      }),
      { numRuns }
    )
  })

  it("a port holds for that port alone; case and leading dots change nothing; other hosts are not meant", () => {
    FastCheck.assert(
      FastCheck.property(name, name, FastCheck.integer({ min: 1, max: 65535 }), (host, other, port) => {
        const is = (url: string, NO_PROXY: string) => way(url, { HTTP_PROXY: a, NO_PROXY }) === "direct"
        assert.strictEqual(is(`http://${host}:${port}`, `${host}:${port}`), true)
        assert.strictEqual(is(`http://${host}:${port === 1 ? 2 : 1}`, `${host}:${port}`), false)
        assert.strictEqual(is(`http://${host}`, host.toUpperCase()), true)
        assert.strictEqual(is(`http://x.${host}`, `.${host}`), true)
        assert.strictEqual(is(`http://x${host}`, host), false)
        assert.strictEqual(is(`http://${other}`, host), other === host || other.endsWith(`.${host}`))
      }),
      { numRuns }
    )
  })

  it("a subnet holds exactly the addresses whose first bits are its own", () => {
    const address = FastCheck.integer({ min: 0, max: 0xffffffff })
    const show = (bits: number) => [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".")
    FastCheck.assert(
      FastCheck.property(address, address, FastCheck.integer({ min: 0, max: 32 }), (network, host, prefix) => {
        const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
        const near = ((network & mask) | (host & ~mask)) >>> 0
        const is = (bits: number) =>
          way(`http://${show(bits)}`, { HTTP_PROXY: a, NO_PROXY: `<-loopback> ${show(network)}/${prefix}` }) ===
          "direct"
        assert.isTrue(is(near))
        assert.strictEqual(is(host), (host & mask) === (network & mask))
      }),
      { numRuns }
    )
  })

  it("any value of a variable is a choice or a ConfigError", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string(), FastCheck.string(), (HTTP_PROXY, NO_PROXY) => {
        const { choice } = choose(http, { HTTP_PROXY, NO_PROXY })
        if (Either.isLeft(choice)) assert.isTrue(ConfigError.isConfigError(choice.left))
      }),
      { numRuns }
    )
  })
})
