/** What a page or a worker can tell of the machine and of itself. Everything is looked up when it is asked for. */
import * as Effect from "effect/Effect"

/** What calls itself online may still reach nothing; what calls itself offline reaches this machine at most. */
export const isOffline = (): boolean => globalThis.navigator?.onLine === false

/** Completes when the browser is online; at once if it is. */
export const awaitOnline: Effect.Effect<void> = Effect.async((resume) => {
  const online = () => resume(Effect.void)
  globalThis.addEventListener("online", online)
  if (!isOffline()) online()
  return Effect.sync(() => globalThis.removeEventListener("online", online))
})

/** This machine itself, which is reached without a network. `URL` has brought numeric addresses into their usual form. */
export const isLoopback = ({ hostname }: URL): boolean =>
  /^(.+\.)?localhost$/.test(hostname) || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname)

/** Workers made of a blob have its url as their location, and still the origin of their page. */
export const isMixedContent = (url: URL): boolean =>
  url.protocol === "http:" && !isLoopback(url) && /^https:/.test(globalThis.origin ?? "")
