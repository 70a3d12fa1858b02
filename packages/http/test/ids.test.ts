/** 2 A hostile id cannot change the route: by the url that the client was given. Rows of the fault table do the same on sockets. */

import { assert, it } from "@effect/vitest"
import { SessionId } from "@mix-effect/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { draws } from "../../core/test/draws.ts"
import { json, scripted, withService } from "./scripted.ts"

const seed = 20_260_717
const count = draws(150, 3000)

const hostile = FastCheck.constantFrom(
  ...["/", "\\", ".", "..", "%2e", "%2F", "%", "%00", "%zz", "?", "#", "&", "=", ";", ":", "@", "//", "/../", "..%2f"],
  ...[
    "\r\n",
    "\r",
    "\n",
    "\0",
    "\t",
    "\u007f",
    "\u0085",
    "\u2028",
    "\ud800",
    "\udfff",
    "\u{1f600}",
    "e\u0301",
    "\ufeff"
  ],
  ...[
    " ",
    "\u00a0",
    "\u3000",
    "HTTP/1.1",
    "Host: x",
    "messages",
    "api",
    "sessions",
    "history",
    "*",
    "~",
    "^",
    "`",
    "|",
    '"'
  ]
)

const id = FastCheck.oneof(
  FastCheck.array(hostile, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("")),
  FastCheck.array(FastCheck.oneof(hostile, FastCheck.string({ maxLength: 5 })), { maxLength: 5 }).map((parts) =>
    parts.join("")
  ),
  FastCheck.string({ unit: "binary", maxLength: 20 }),
  FastCheck.string({ unit: "grapheme", maxLength: 20 }),
  FastCheck.string({ maxLength: 600, minLength: 480 }),
  FastCheck.webUrl({ withQueryParameters: true, withFragments: true })
)

it.effect(`${count} generated ids: refused before anything is sent, or one segment that decodes to the id`, () =>
  Effect.gen(function* () {
    const server = scripted(json([]))
    const ids = [...new Set(FastCheck.sample(id, { numRuns: count * 1.3, seed }))].slice(0, count)
    assert.strictEqual(ids.length, count)
    const accepted: Array<string> = []
    yield* withService(
      server,
      (messages) =>
        Effect.forEach(ids, (id) =>
          Effect.map(Effect.exit(messages.listSession({ id: SessionId.make(id) })), (exit) => {
            if (Exit.isSuccess(exit)) return void accepted.push(id)
            const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
            const failed = error?._tag ?? Cause.pretty(exit.cause)
            assert.strictEqual(failed, "InvalidRequest", `seed ${seed}: ${JSON.stringify(id)}`)
          })
        ),
      { serverUrl: "http://mix.example/prefix" }
    )

    // What was refused was not sent.
    assert.strictEqual(server.requests.length, accepted.length)
    const decoded = server.requests.map(({ method, url }) => {
      const match = /^http:\/\/mix\.example\/prefix\/api\/sessions\/([^/?#\\ ]+)\/messages$/.exec(url)
      assert.isNotNull(match, `seed ${seed}: ${url}`)
      assert.strictEqual(method, "GET")
      return decodeURIComponent(match?.[1] ?? "")
    })
    assert.deepStrictEqual(decoded.sort(), accepted.sort())
    assert.isAbove(accepted.length, count / 4)
    assert.isAbove(count - accepted.length, count / 10)
    console.log(`ids: ${count} generated (seed ${seed}), ${accepted.length} sent, ${count - accepted.length} refused`)
  })
)
