/**
 * The list of messages as a feed of which only the part near the screen is in the document. Rows stand at absolute
 * places, which follow from their heights; heights are measured when rows are drawn. Whatever changes, the first message
 * on the screen keeps its place, unless the list stands at its top.
 */
import type { BackendMessage, SessionId } from "@mix-effect/core"
import { byId } from "./Dom.ts"
import * as MessageView from "./MessageView.ts"
import { Rows } from "./Rows.ts"

/** How far beyond the screen rows are drawn, and how near the end more is asked for, in heights of the screen. */
const overscan = 1

export interface Options {
  /** The end of the list is near. */
  readonly onNearEnd: () => void
  readonly onOpenSession: (id: SessionId) => void
}

export interface State {
  readonly messages: ReadonlyArray<BackendMessage>
  readonly isComplete: boolean
  readonly isBusy: boolean
  readonly linksToSessions: boolean
}

export const make = ({ onNearEnd, onOpenSession }: Options) => {
  const scroller = byId("scroller", HTMLDivElement)
  const feed = byId("feed", HTMLDivElement)
  const rows = new Rows()
  const unfolded = new Set<string>()
  const drawn = new Map<string, HTMLElement>()
  let state: State = { messages: [], isComplete: false, isBusy: true, linksToSessions: true }
  let index = new Map<string, number>()
  /** The one article that Tab reaches. */
  let current: string | undefined

  const indexOf = (id: string): number => index.get(id) ?? -1

  const draw = (position: number): void => {
    const message = state.messages[position]
    if (message === undefined) return
    let row = drawn.get(message.id)
    if (row === undefined) {
      const openSession = state.linksToSessions ? () => onOpenSession(message.sessionId) : undefined
      row = MessageView.make(message, { unfolded, openSession })
      row.dataset.id = message.id
      drawn.set(message.id, row)
      const next = [...feed.children].find((other) => indexOf((other as HTMLElement).dataset.id ?? "") > position)
      feed.insertBefore(row, next ?? null)
      resizes.observe(row)
    }
    row.tabIndex = message.id === current ? 0 : -1
    MessageView.setPlace(row, { position: position + 1, total: state.isComplete ? state.messages.length : -1 })
  }

  const erase = (id: string, row: HTMLElement): void => {
    resizes.unobserve(row)
    row.remove()
    drawn.delete(id)
  }

  /** Takes the heights of what is drawn, and keeps what is on the screen where it is. */
  const settle = (): void => {
    const first = rows.at(scroller.scrollTop)
    const into = scroller.scrollTop - rows.top(first)
    let changed = false
    for (const [id, row] of drawn) changed = rows.setHeight(id, row.offsetHeight) || changed
    if (changed && scroller.scrollTop > 0) scroller.scrollTop = rows.top(first) + into
    feed.style.height = `${rows.top(state.messages.length)}px`
    for (const [id, row] of drawn) row.style.transform = `translateY(${rows.top(indexOf(id))}px)`
  }

  const show = (): void => {
    const { clientHeight, scrollTop } = scroller
    const from = rows.at(scrollTop - clientHeight * overscan)
    const to = rows.at(scrollTop + clientHeight * (1 + overscan))
    for (const [id, row] of drawn) {
      const position = indexOf(id)
      // A row that holds the focus stays, or the focus would be lost.
      const isKept = position >= 0 && row.contains(document.activeElement)
      if (!isKept && (position < from || position > to)) erase(id, row)
    }
    if (current === undefined || indexOf(current) < 0) current = state.messages[from]?.id
    for (let position = from; position <= to; position++) draw(position)
    settle()
    if (rows.top(state.messages.length) - scroller.scrollTop < scroller.clientHeight * (1 + overscan)) onNearEnd()
  }

  // Before the next paint, so that nothing overlaps; what comes into view by it is drawn in the frame after.
  const resizes = new ResizeObserver(() => {
    settle()
    requestAnimationFrame(show)
  })
  resizes.observe(scroller)
  scroller.addEventListener("scroll", show, { passive: true })

  const setCurrent = (id: string): void => {
    const before = current === undefined ? undefined : drawn.get(current)
    if (before !== undefined) before.tabIndex = -1
    current = id
    const row = drawn.get(id)
    if (row !== undefined) row.tabIndex = 0
  }

  const focus = (position: number): void => {
    const message = state.messages[position]
    if (message === undefined) return
    const top = rows.top(position)
    const bottom = rows.top(position + 1)
    if (top < scroller.scrollTop || bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top
    show()
    setCurrent(message.id)
    drawn.get(message.id)?.focus({ preventScroll: true })
  }

  feed.addEventListener("focusin", (event) => {
    const row = (event.target as HTMLElement).closest("article")
    if (row?.dataset.id !== undefined) setCurrent(row.dataset.id)
  })
  // As the authoring practices for a feed have it.
  feed.addEventListener("keydown", (event) => {
    const position = current === undefined ? -1 : indexOf(current)
    const target = { PageDown: position + 1, PageUp: position - 1, Home: 0, End: state.messages.length - 1 }[event.key]
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    focus(target)
  })

  return {
    update: (next: State): void => {
      const anchor = state.messages[rows.at(scroller.scrollTop)]
      const into = anchor === undefined ? 0 : scroller.scrollTop - rows.top(indexOf(anchor.id))
      const isAtTop = scroller.scrollTop <= 0
      if (next.messages !== state.messages) {
        // A row is drawn anew only if its message came with another content.
        const before = index
        index = new Map(next.messages.map(({ id }, position) => [id, position]))
        for (const [id, row] of drawn) {
          const message = next.messages[indexOf(id)]
          const old = state.messages[before.get(id) ?? -1]
          const isSame = message === old || JSON.stringify(message) === JSON.stringify(old)
          if (!isSame || next.linksToSessions !== state.linksToSessions) erase(id, row)
        }
        rows.setIds(next.messages.map(({ id }) => id))
      }
      state = next
      // A feed without articles is none.
      feed.hidden = next.messages.length === 0
      feed.setAttribute("aria-busy", String(next.isBusy))
      feed.style.height = `${rows.top(next.messages.length)}px`
      if (!isAtTop && anchor !== undefined && indexOf(anchor.id) >= 0) {
        scroller.scrollTop = rows.top(indexOf(anchor.id)) + into
      }
      show()
    },
    toTop: (): void => {
      scroller.scrollTop = 0
      show()
    },
    /** Where the keyboard goes on when what it was at has gone. */
    focusFirst: (): void => focus(rows.at(scroller.scrollTop))
  }
}
