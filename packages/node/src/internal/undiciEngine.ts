/** An engine over an undici dispatcher, without what a client for every purpose brings along. */

import * as Engine from "@mix-effect/http/Engine"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"
import { Body } from "./body.ts"

/** undici has a code for a proxy whose certificate is bad, and none for one that refuses a tunnel or wants credentials. */
const failureOf = (error: unknown): Engine.EngineError =>
  Engine.failure(
    error instanceof Error && /^Proxy (response \(|Authentication Required)/.test(error.message)
      ? { code: "UND_ERR_PRX_RESPONSE" }
      : error
  )

const joined = (value: string | Array<string> | undefined): string | undefined =>
  typeof value === "object" ? value.join(", ") : value

/** Why a request ends that is given up. */
const abandoned = new Error("not wanted any more")

/** The engine lives as long as its dispatcher. */
export const make =
  (dispatcher: Dispatcher): Engine.Engine =>
  ({ body = null, headers, method, signal, url }, progress) =>
    Effect.async((resume) => {
      let controller: Dispatcher.DispatchController | undefined
      let received: Body | undefined
      const fail = (error: unknown) => resume(Effect.fail(failureOf(error)))
      signal.addEventListener("abort", () => {
        if (received !== undefined) return received.abort(abandoned)
        controller?.abort(abandoned)
        fail(abandoned)
      })
      progress.phase = "connect"
      try {
        const { origin, pathname, search } = new URL(url)
        // The SDK's own limits rule, which know a slow `send` from a slow read. The engine's are five minutes each.
        const limits = { headersTimeout: 0, bodyTimeout: 0 }
        dispatcher.dispatch(
          { origin, path: pathname + search, method, headers, body, ...limits },
          {
            onRequestStart(started) {
              controller = started
              if (signal.aborted) return started.abort(abandoned)
              progress.phase = "headers"
            },
            onResponseStart(started, status, headers) {
              if (status < 200) return
              progress.phase = "body"
              const body = new Body(started, joined(headers["content-encoding"]))
              received = body
              const header = (name: string) => joined(headers[name])
              resume(Effect.succeed({ status, header, body: (maxBytes) => body.read(maxBytes) }))
            },
            onResponseData(_, chunk) {
              received?.write(chunk)
            },
            onResponseEnd() {
              received?.close({})
            },
            onResponseError(_, error) {
              if (received === undefined) fail(error)
              else received.close({ error: failureOf(error) })
            }
          }
        )
      } catch (error) {
        fail(error)
      }
    })
