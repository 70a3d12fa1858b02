/** What a person reads when it does not work, to the letter. */
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@mix-effect/testing/FaultServer"
import * as MixServer from "@mix-effect/testing/MixServer"
import * as Effect from "effect/Effect"
import { run, withoutPorts } from "./Tool.ts"

const answering = (script: FaultServer.Script) => Effect.map(FaultServer.serve(script), (server) => server.url)

const mixError = (code: number, message: string, type: string) =>
  FaultServer.json({ error: { code, message, type } }, { status: code })

const html = FaultServer.text("<!doctype html><title>Welcome</title>", { headers: [["Content-Type", "text/html"]] })

const cases = [
  {
    name: "nothing listens",
    url: FaultServer.refusedUrl,
    message:
      "getHistory: cannot reach 127.0.0.1:PORT (ECONNREFUSED): nothing listens there; is the Mix backend running, and is the server url right?"
  },
  {
    name: "the url lacks its protocol",
    url: Effect.succeed("localhost:8088"),
    code: 2,
    message: "--server: the server url must begin with http:// or https://; it looks like http://localhost:8088"
  },
  {
    name: "the url is none",
    url: Effect.succeed("my server"),
    code: 2,
    message: "--server: the server url is not a complete url; it looks like http://localhost:8088"
  },
  {
    name: "the url has a path that is not there",
    url: Effect.map(MixServer.serve(), (server) => `${server.url}/api/v2`),
    message: "getHistory: not found (404): is the server url that of a Mix backend?"
  },
  {
    name: "a page of HTML instead of JSON",
    url: answering(html),
    message:
      "getHistory: cannot read the reply (200, contentType): expected application/json in UTF-8, got html: is the server url that of a Mix backend?"
  },
  {
    name: "a redirect",
    url: answering(FaultServer.redirect(302, "/login")),
    message: "getHistory: a redirect, which is never followed (302): is the server url right, to the letter?"
  },
  {
    name: "401 of a proxy",
    url: answering(FaultServer.status(401)),
    message: "getHistory: not authenticated (401): is bearerToken (MIX_BEARER_TOKEN) set and valid?"
  },
  {
    name: "401 of the server",
    url: answering(mixError(401, "Authentication required", "unauthorized")),
    message: "getHistory: not authenticated (401, Authentication required)"
  },
  {
    name: "404 of the server",
    url: answering(mixError(404, "Session not found", "not_found")),
    message: "getHistory: not found (404, Session not found)"
  },
  {
    name: "500 of the server",
    url: answering(mixError(500, "Failed to list messages", "internal_error")),
    message: "getHistory: the server failed (500, Failed to list messages)"
  },
  {
    name: "a body that breaks off",
    url: answering(
      FaultServer.truncated(JSON.stringify([{ id: "m1", sessionId: "s1", role: "user", userInput: "Hi" }]))
    ),
    message: "getHistory: cannot read the reply (200, truncated)"
  },
  {
    name: "JSON of another service",
    url: answering(FaultServer.json({ items: [] })),
    message: "getHistory: cannot read the reply (200, schema): expected an array or null, got an object"
  },
  {
    name: "text that is no JSON",
    url: answering(FaultServer.text("[{", { headers: [["Content-Type", "application/json"]] })),
    message: "getHistory: cannot read the reply (200, malformed): expected JSON, got something else"
  }
]

describe("the error a person sees", () => {
  for (const { code = 1, message, name, url } of cases) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const result = yield* run(["--server", yield* url])
        assert.strictEqual(withoutPorts(result.stderr), `error: ${message}\n`)
        assert.strictEqual(result.stdout, "")
        assert.strictEqual(result.code, code)
      })
    )
  }

  it.scopedLive("a failed send says what became of the message", () =>
    Effect.gen(function* () {
      const lost = yield* answering(FaultServer.closeWithoutReply)
      const unknown = yield* run(["--server", lost, "--send", "s1", "Hello"])
      assert.strictEqual(
        withoutPorts(unknown.stderr),
        "error: send: lost the connection to 127.0.0.1:PORT (UND_ERR_SOCKET); the message may have reached the agent: the server or a proxy closed it\n"
      )
      assert.strictEqual(unknown.code, 1)

      const refused = yield* run(["--server", yield* FaultServer.refusedUrl, "--send", "s1", "Hello"])
      assert.match(refused.stderr, /^error: send: cannot reach 127.0.0.1:\d+ \(ECONNREFUSED\): nothing listens there;/)
    })
  )

  it.scopedLive("a variable that is wrong is named", () =>
    Effect.gen(function* () {
      const result = yield* run([], { env: { MIX_SERVER_URL: "mix.example.com" } })
      assert.strictEqual(
        result.stderr,
        "error: MIX_SERVER_URL: the server url is not a complete url; it looks like http://localhost:8088\n"
      )
      assert.strictEqual(result.code, 2)
    })
  )
})

describe("bad usage", () => {
  const usage = [
    [["--bogus"], "--bogus is no flag, or lacks its value (--help shows all flags)"],
    [["--limit"], "--limit is no flag, or lacks its value (--help shows all flags)"],
    [["--send", "s1", "Hello", "--sever", "x"], "--sever is no flag, or lacks its value (--help shows all flags)"],
    [["history"], 'what is "history"? One text may follow --send ID, in quotes (--help shows all flags)'],
    [
      ["--send", "s1", "Hello", "world"],
      'what is "world"? One text may follow --send ID, in quotes (--help shows all flags)'
    ],
    [["--send", "s1"], "--send needs a text: --send ID TEXT (--help shows all flags)"],
    [["--send", "s1", "Hello", "--limit", "1"], "--send goes with --server only (--help shows all flags)"],
    [["--limit", "0"], "--limit must be 1 or more"],
    [["--page-size", "1001"], "--page-size must be from 1 to 1000"],
    [["--prefetch", "65"], "--prefetch must be from 0 to 64"],
    [["--resume"], "--resume and --force need --out FILE (--help shows all flags)"],
    [["--out", "x", "--resume", "--force"], "--resume and --force exclude each other (--help shows all flags)"],
    [
      ["--session", "s1", "--page-size", "5"],
      "--session is one request: --page-size, --prefetch and --resume do not go with it (--help shows all flags)"
    ]
  ] as const

  it.live("is told in one line, and exits with 2", () =>
    Effect.forEach(usage, ([args, message]) =>
      Effect.map(run(args), (result) =>
        assert.deepStrictEqual(result, { code: 2, stdout: "", stderr: `error: ${message}\n` })
      )
    )
  )

  it.live("an id that no server can have is bad usage too", () =>
    Effect.gen(function* () {
      const result = yield* run(["--server", "http://127.0.0.1:9", "--session", ".."])
      assert.match(result.stderr, /^error: listSession: id must be 1 to 512 characters/)
      assert.strictEqual(result.code, 2)
    })
  )

  it.live("--help shows all flags, without colours where there is no terminal", () =>
    Effect.gen(function* () {
      const result = yield* run(["--help"])
      assert.strictEqual(result.code, 0)
      assert.strictEqual(result.stderr, "")
      const flags = ["server URL", "out FILE", "resume", "force", "limit N", "page-size N", "prefetch N"]
      for (const flag of [...flags, "session ID", "send ID"]) assert.include(result.stdout, `\n--${flag}\n`)
      assert.notInclude(result.stdout, "\u001b")
      assert.include((yield* run(["--help"], { columns: 80 })).stdout, "\u001b")
    })
  )
})
