/** What to look at first where a browser says only that `fetch` failed. */
import { ConnectionError } from "@mix-effect/core"
import type * as MixConfig from "@mix-effect/http/MixConfig"
import * as Environment from "./environment.ts"

export const offline = "OFFLINE"
export const mixedContent = "MIXED_CONTENT"
export const noResponse = "NO_RESPONSE"
export const silent = "SILENT"

const hints: Readonly<Record<string, string>> = {
  [offline]: "this browser is offline",
  [mixedContent]: "the page is https and the server url http, which browsers block (mixed content)",
  [noResponse]: "`fetch` was replaced by something that gives no Response",
  OPAQUE_RESPONSE: "the reply is hidden from scripts: the fetch option mode must not be no-cors"
}

/** Headers that Mix's CORS admits, those of which browsers ask nothing, and one that they set themselves whatever is asked. */
const admitted = /^(authorization|x-requested-with|accept|accept-encoding|accept-language|content-language)$/i

const maybe = "the server may be down, or refuse this origin (CORS)"

/** The options that make a preflight fail. Errors show no more than 149 characters of a hint. */
const preflight = ({ headers = {}, tracePropagation }: MixConfig.Options): string | undefined => {
  const option = Object.keys(headers).some((name) => !admitted.test(name))
    ? "headers"
    : tracePropagation === true && "tracePropagation"
  return option
    ? `${maybe}, or the preflight (option ${option}): Mix admits only Authorization and X-Requested-With`
    : undefined
}

export const make = (options: MixConfig.Options) => {
  const failed = (address: string): string => {
    const refused = preflight(options)
    if (refused !== undefined) return refused
    return Environment.isLocalNetwork(new URL(`http://${address}`))
      ? `${maybe}, or the page may lack the permission for local network access`
      : `${maybe}; the browser does not say which`
  }
  return <E>(error: E): E => {
    if (!(error instanceof ConnectionError)) return error
    const { address, code } = error
    const hint = code === "FETCH_FAILED" && Environment.hasOrigin() ? failed(address) : hints[code]
    if (hint === undefined) return error
    const transient = error.transient && code !== mixedContent
    return new ConnectionError({ ...error, hint, transient }) as E & ConnectionError
  }
}
