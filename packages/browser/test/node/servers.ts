/** The servers of the tests, which run in Node.js, and the calls by which tests in the browser reach them. */
import { FaultServer, MixServer } from "@mix-effect/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** Which fault the nth request meets, counted from 0. `OPTIONS` requests count. */
export interface MixOptions extends Pick<MixServer.Options, "generation" | "seed"> {
  readonly faults?: Readonly<Record<number, MixServer.Fault>>
}

/** What a fault server answers, one after the other; the last one is repeated. All but `bare` ones admit every origin. */
export type FaultReply =
  | { readonly kind: "json"; readonly value: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "status"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "redirect"; readonly status: 301 | 302 | 303 | 307 | 308; readonly location?: string }
  | { readonly kind: "preflight" | "stall" | "stallMidBody" | "truncated" | "reset" | "bare" }
  | { readonly kind: "large"; readonly bytes: number }

const cors = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Allow-Headers", "Content-Type, Authorization"]
] as const

const row = { id: "m1", sessionId: "s1", role: "user", userInput: "x".repeat(500) }

const toReply = (reply: FaultReply): FaultServer.Reply => {
  const extra = "headers" in reply ? Object.entries(reply.headers ?? {}) : []
  const headers = [...cors, ...extra]
  switch (reply.kind) {
    case "json":
      return FaultServer.json(reply.value, { headers })
    case "bare":
      return FaultServer.json([])
    case "status":
      return FaultServer.status(reply.status, headers)
    case "preflight":
      return FaultServer.status(204, cors)
    case "redirect":
      return FaultServer.status(reply.status, [
        ...cors,
        ...(reply.location === undefined ? [] : [["Location", reply.location] as const])
      ])
    case "stall":
      return FaultServer.stallBeforeHead
    case "stallMidBody":
      return FaultServer.stallMidBody(JSON.stringify([row]), { headers: cors })
    case "truncated":
      return FaultServer.truncated(JSON.stringify([row]), undefined, { headers: cors })
    case "reset":
      return FaultServer.resetWithoutReply
    case "large": {
      const empty = JSON.stringify([{ ...row, userInput: "" }])
      const value = [{ ...row, userInput: "y".repeat(reply.bytes - empty.length) }]
      return FaultServer.json(value, { headers: cors })
    }
  }
}

const fault = (server: FaultServer.Running) => ({
  requests: Effect.map(server.requests, (requests) =>
    requests.map(({ headers, method, target }) => ({ method, target, headers: Object.fromEntries(headers) }))
  ),
  requestCount: server.requestCount,
  awaitRequests: server.awaitRequests,
  awaitClientClose: server.awaitClientClose
})

const mix = ({ append, messages, requests, sessions }: MixServer.Running) => ({ append, messages, requests, sessions })

type Members = Readonly<Record<string, unknown>>

/** Servers live until `close`, or until the tests are over. */
export const make = () => {
  const running = new Map<string, { readonly members: Members; readonly close: Effect.Effect<void> }>()

  const start = <S extends { readonly url: string }, E>(
    server: Effect.Effect<S, E, Scope.Scope>,
    members: (server: S) => Members
  ) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const started = yield* Scope.extend(server, scope)
      running.set(started.url, { members: members(started), close: Scope.close(scope, Exit.void) })
      return started.url
    })

  const close = (url: string) =>
    Effect.suspend(() => {
      const server = running.get(url)
      running.delete(url)
      return server?.close ?? Effect.void
    })

  /** Calls a member of a server: an effect, or a function that gives one. */
  const call = (url: string, member: string, args: ReadonlyArray<unknown>): Effect.Effect<unknown, unknown> => {
    const found = running.get(url)?.members[member]
    return typeof found === "function" ? found(...args) : (found as Effect.Effect<unknown>)
  }

  return {
    startMix: ({ faults = {}, ...options }: MixOptions) =>
      start(MixServer.serve({ ...options, faults: ({ index }) => Effect.succeed(faults[index]) }), mix),
    startFault: (replies: readonly [FaultReply, ...ReadonlyArray<FaultReply>], port = 0) => {
      const [first, ...rest] = replies
      return start(FaultServer.serve([toReply(first), ...rest.map(toReply)], { port }), fault)
    },
    refusedUrl: () => FaultServer.refusedUrl,
    call,
    close,
    closeAll: Effect.suspend(() => Effect.forEach([...running.keys()], close, { discard: true }))
  }
}
