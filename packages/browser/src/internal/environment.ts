/** What a page or a worker can tell of the machine and of itself. Everything is looked up when it is asked for. */
import * as MixConfig from "@mix-effect/http/MixConfig"
import * as Effect from "effect/Effect"

/** What calls itself online may still reach nothing; what calls itself offline reaches this machine at most. */
export const isOffline = (): boolean => globalThis.navigator?.onLine === false

/** Completes when the browser is online; at once if it is. */
export const awaitOnline: Effect.Effect<void> = Effect.async((resume) => {
  const stop = () => globalThis.removeEventListener("online", online)
  const online = () => {
    stop()
    resume(Effect.void)
  }
  globalThis.addEventListener("online", online)
  if (!isOffline()) online()
  return Effect.sync(stop)
})

/** Calls `listener` whenever the page becomes visible, until it is called off. Workers and other runtimes are no pages. */
export const onVisible = (listener: () => void): (() => void) => {
  const { document } = globalThis as { readonly document?: Document }
  const changed = () => {
    if (document?.visibilityState === "visible") listener()
  }
  document?.addEventListener("visibilitychange", changed)
  return () => document?.removeEventListener("visibilitychange", changed)
}

/** Whether an origin matters: pages and workers have a location, other runtimes have none. */
export const hasOrigin = (): boolean => globalThis.location !== undefined

/** Workers made of a blob have its url as their location, and still the origin of their page. */
const origin = (): URL | undefined => {
  try {
    return new URL(globalThis.origin)
  } catch {
    return undefined
  }
}

/** Whether browsers keep this page from that server because it is not encrypted. This machine is exempt. */
export const isMixedContent = (url: URL): boolean =>
  url.protocol === "http:" && !MixConfig.isLoopback(url) && origin()?.protocol === "https:"

/** Whether that server is this machine, and the page comes from elsewhere: Chromium asks the user before. */
export const isLocalNetwork = (url: URL): boolean => {
  const page = origin()
  return page !== undefined && MixConfig.isLoopback(url) && !MixConfig.isLoopback(page)
}
