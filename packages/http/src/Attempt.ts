/**
 * How far an attempt got, told by the HTTP engine.
 *
 * An engine that knows when its connection stands can say so, and a failed `send` whose connection never stood is then known
 * not to have been sent. An engine that says nothing is not the worse for it: the reason is read from its errors where they
 * have one. For those who write an `HttpClient`; `@mix-effect/node` does.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /**
   * `connect`: nothing was written yet. `headers`: waiting for the head of the reply; where an engine says nothing, the
   * connection may not stand either. `body`: the head has come.
   */
  phase: "connect" | "headers" | "body"
}

/**
 * Present in the environment of each request: an engine sets `phase` to `connect` when it takes the request, and to
 * `headers` when it begins to write it.
 *
 * @since 0.1.0
 * @category tags
 */
export class Attempt extends Context.Tag("@mix-effect/http/Attempt")<Attempt, Progress>() {}
