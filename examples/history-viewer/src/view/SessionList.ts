/** The sessions found so far. One Tab stop; the arrow keys move among them. */
import type { SessionId } from "@mix-effect/core"
import { type Model, sessions } from "../Model.ts"
import { byId, element, plural, setText, shortId } from "./Dom.ts"

interface Item {
  readonly root: HTMLElement
  readonly button: HTMLButtonElement
  readonly title: HTMLElement
  readonly detail: HTMLElement
  readonly count: HTMLElement
}

const makeItem = (open: () => void): Item => {
  const title = element("span", { class: "session-title", dir: "auto" })
  const detail = element("span", { class: "session-id" })
  const count = element("span", { class: "count" })
  const button = element("button", { type: "button", class: "session-button" }, title, detail, count)
  button.addEventListener("click", open)
  return { root: element("li", {}, button), button, title, detail, count }
}

const fill = (item: Item, title: string, detail: string, count: number): void => {
  setText(item.title, title)
  setText(item.detail, detail)
  setText(item.count, count.toLocaleString("en"))
  item.count.title = plural(count, "message")
}

export const make = (onOpen: (id: SessionId | undefined) => void) => {
  const list = byId("sessions", HTMLUListElement)
  const all = makeItem(() => onOpen(undefined))
  list.append(all.root)
  const items = new Map<SessionId, Item>()
  let drawn: Model | undefined

  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")]
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    const to = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: buttons.length - 1
    }[event.key]
    const target = to === undefined ? undefined : buttons[to]
    if (target === undefined || at < 0) return
    event.preventDefault()
    target.focus()
  })

  return (model: Model): void => {
    const before = drawn
    drawn = model
    const opened = model.opened?.id
    if (
      model.history !== before?.history ||
      model.firstTexts !== before.firstTexts ||
      model.made !== before.made ||
      model.reading._tag !== before.reading._tag
    ) {
      const found = sessions(model)
      fill(all, "All sessions", `${found.length} found`, model.history.length)
      const gone = new Set(items.keys())
      for (const [position, { count, id, title }] of found.entries()) {
        gone.delete(id)
        const item = items.get(id) ?? makeItem(() => onOpen(id))
        items.set(id, item)
        fill(item, title.replace(/\s+/g, " ").slice(0, 80), shortId(id), count)
        if (list.children[position + 1] !== item.root) list.insertBefore(item.root, list.children[position + 1] ?? null)
      }
      for (const id of gone) {
        items.get(id)?.root.remove()
        items.delete(id)
      }
    }
    for (const [id, { button }] of [[undefined, all] as const, ...items]) {
      if (id === opened) button.setAttribute("aria-current", "true")
      else button.removeAttribute("aria-current")
      button.tabIndex = id === opened ? 0 : -1
    }
    // A session that is open without being in the history so far leaves the way in at the top.
    if (opened !== undefined && !items.has(opened)) all.button.tabIndex = 0
    if (before !== undefined && opened !== before.opened?.id) {
      const item = opened === undefined ? all : items.get(opened)
      item?.root.scrollIntoView({ block: "nearest", inline: "nearest" })
    }
  }
}
