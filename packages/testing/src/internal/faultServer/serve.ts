import type { Socket } from "node:net"
import { TLSSocket } from "node:tls"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Certificate from "./certificate.ts"
import * as Connection from "./connection.ts"
import * as Ledger from "./ledger.ts"
import * as Listen from "./listen.ts"
import type { ListenError, Options, Running, Script } from "./model.ts"
import * as Plan from "./plan.ts"

/**
 * Starts a server that answers by the script, until the scope closes: then every connection is closed and every delay
 * ended.
 *
 * Delays go by the real clock whatever clock the caller has, so a client may be tested under `TestClock`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve: (script: Script, options?: Options) => Effect.Effect<Running, ListenError, Scope.Scope> =
  Effect.fnUntraced(function* (script, options = {}) {
    const { host = "127.0.0.1", port: wanted = 0, record = true, tls } = options
    const identity = tls === undefined ? undefined : Certificate.make(tls)
    const ledger = yield* Ledger.make({ record })
    const shared: Connection.Shared = {
      ledger,
      plan: Plan.make(script),
      secure: (socket) => (identity === undefined ? socket : new TLSSocket(socket, { ...identity, isServer: true }))
    }
    const clock = Clock.make()
    const accept: (socket: Socket) => void = (socket) => {
      // Interruptible, even if the caller is not: or else its scope could not close.
      run(Connection.serve(socket, shared).pipe(Effect.withClock(clock), Effect.interruptible))
    }
    // The fibers come after the server, so that they end before it waits for its connections.
    const server = yield* Listen.make((socket) => accept(socket))
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const port = yield* Listen.listen(server, { host, port: wanted })
    return {
      ...ledger.view,
      url: Listen.originOf(tls === undefined ? "http" : "https", host, port),
      port,
      certificate: identity?.cert
    }
  })
