/** The server's url, remembered in the page's own: `?server=http://localhost:8088`. Nothing else is kept anywhere. */

const fallback = "http://localhost:8088"

export const current = (): string => new URLSearchParams(location.search).get("server") ?? fallback

let inUse = current()

export const remember = (serverUrl: string): void => {
  if (serverUrl !== inUse) history.pushState(null, "", `?${new URLSearchParams({ server: serverUrl })}`)
  inUse = serverUrl
}

/** The browser's back and forward buttons. A link within the page comes as the same event, and changes nothing. */
export const onBack = (use: (serverUrl: string) => void): void => {
  addEventListener("popstate", () => {
    if (current() === inUse) return
    inUse = current()
    use(inUse)
  })
}
