/** What to look at first where a browser says only that `fetch` failed. */
import { ConnectionError } from "@mix-effect/core"
import type { MixConfig } from "@mix-effect/http"

export const offline = "OFFLINE"
export const mixedContent = "MIXED_CONTENT"
export const noResponse = "NO_RESPONSE"

const hints: Readonly<Record<string, string>> = {
  [offline]: "this browser is offline",
  [mixedContent]: "the page is https and the server url http, which browsers block (mixed content)",
  [noResponse]: "`fetch` was replaced by something that gives no Response",
  OPAQUE_RESPONSE: "the reply is hidden from scripts: the fetch option mode must not be no-cors"
}

/** Headers of which Mix's CORS admits, or browsers ask, nothing. */
const admitted = /^(authorization|accept|accept-language|content-language)$/i

const down = "the server may be down, or refuse this origin (CORS)"

const failedHint = ({ headers = {}, tracePropagation }: MixConfig.Options): string => {
  const because = Object.keys(headers).some((name) => !admitted.test(name))
    ? "the option headers"
    : tracePropagation === true
      ? "the option tracePropagation"
      : undefined
  return because === undefined
    ? `${down}; the browser does not say which`
    : `${down}, or the preflight that ${because} needs: Mix admits no header but Authorization`
}

export const make = (options: MixConfig.Options) => {
  const failed = failedHint(options)
  return <E>(error: E): E => {
    if (!(error instanceof ConnectionError)) return error
    const hint = error.code === "FETCH_FAILED" ? failed : hints[error.code]
    if (hint === undefined) return error
    const transient = error.transient && error.code !== mixedContent
    return new ConnectionError({ ...error, hint, transient }) as E & ConnectionError
  }
}
