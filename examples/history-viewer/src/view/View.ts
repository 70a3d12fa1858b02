/** Draws the page from the model, and turns what a person does into actions. */
import { Action, type Dispatch } from "../Action.ts"
import { type Model, type Opened, shown, trouble, unseen } from "../Model.ts"
import * as Announcer from "./Announcer.ts"
import * as Composer from "./Composer.ts"
import { byId, plural, setText, shortId } from "./Dom.ts"
import * as Feed from "./Feed.ts"
import * as SessionList from "./SessionList.ts"
import * as TurnView from "./TurnView.ts"

/** What stands below the last message. */
const tailOf = ({ history, opened, reading }: Model): string => {
  if (opened !== undefined) {
    if (opened.state === "loading") return opened.messages.length === 0 ? "Loading the session…" : ""
    if (opened.state !== "ready") return ""
    return opened.messages.length === 0 ? "This session is empty." : "Beginning of the session"
  }
  switch (reading._tag) {
    case "Loading":
      return history.length === 0 ? "Loading the history…" : "Loading more…"
    case "Idle":
      return "Scroll for more"
    case "Failed":
      return history.length === 0 ? "Nothing could be loaded." : "The rest could not be loaded."
    case "End":
      return history.length === 0
        ? "No messages yet. What users write to the server appears here."
        : `End of history: ${plural(history.length, "message")}`
  }
}

const counterOf = ({ history, requests }: Model): string =>
  `${plural(history.length, "message")} in ${plural(requests, "request")}`

/** Whether what happens in the open session is seen as it happens. */
const linkOf = (opened: Opened | undefined): string => {
  if (opened === undefined) return ""
  const { link } = opened
  if (link === "connecting") return "Connecting…"
  if ("failed" in link) return ""
  return link.drops === 0 ? "Live" : `Live again after ${plural(link.drops, "drop")}`
}

const wasPressed = (button: HTMLElement, isGone: boolean) => isGone && document.activeElement === button

export const make = (dispatch: Dispatch) => {
  const url = byId("server-url", HTMLInputElement)
  const title = byId("title", HTMLHeadingElement)
  const counter = byId("counter", HTMLParagraphElement)
  const notice = byId("notice", HTMLDivElement)
  const noticeText = byId("notice-text", HTMLParagraphElement)
  const retry = byId("retry", HTMLButtonElement)
  const pill = byId("pill", HTMLButtonElement)
  const tail = byId("tail", HTMLParagraphElement)
  const link = byId("link", HTMLParagraphElement)
  const newSession = byId("new-session", HTMLButtonElement)
  let model: Model | undefined

  const sessionList = SessionList.make((id) => dispatch(Action.Open({ id })))
  const composer = Composer.make((id, text) => dispatch(Action.Send({ id, text })))
  const turn = TurnView.make(dispatch)
  const announce = Announcer.make()
  const feed = Feed.make({
    onNearEnd: () => {
      if (model?.reading._tag === "Idle" && model.opened === undefined) dispatch(Action.More())
    },
    onOpenSession: (id) => {
      dispatch(Action.Open({ id }))
      byId("messages", HTMLElement).focus()
    }
  })

  byId("server", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault()
    dispatch(Action.Connect({ serverUrl: url.value }))
  })
  retry.addEventListener("click", () => dispatch(Action.Retry()))
  newSession.addEventListener("click", () => dispatch(Action.Make()))
  pill.addEventListener("click", () => dispatch(Action.Reveal()))

  return (next: Model): void => {
    const before = model
    model = next
    if (next.serverUrl !== before?.serverUrl) url.value = next.serverUrl
    setText(title, next.opened === undefined ? "All sessions" : `Session ${shortId(next.opened.id)}`)
    setText(link, linkOf(next.opened))
    setText(counter, counterOf(next))
    newSession.setAttribute("aria-disabled", String(next.making === "busy"))

    const wrong = trouble(next)
    const fresh = unseen(next).length
    const lostFocus = wasPressed(retry, wrong === undefined) || wasPressed(pill, fresh === 0)
    notice.hidden = wrong === undefined
    setText(noticeText, wrong ?? "")

    pill.hidden = fresh === 0
    setText(pill, `${fresh.toLocaleString("en")} new`)

    setText(tail, tailOf(next))
    tail.dataset.state = next.opened === undefined ? next.reading._tag : "Session"
    sessionList(next)
    composer(next)
    turn(next)
    feed.update({
      messages: shown(next),
      isComplete: next.opened === undefined ? next.reading._tag === "End" : next.opened.state === "ready",
      isBusy: next.opened === undefined ? next.reading._tag === "Loading" : next.opened.state === "loading",
      linksToSessions: next.opened === undefined
    })
    if (before !== undefined && next.jumps !== before.jumps) feed.toTop()
    // The button that was pressed is gone: the keyboard goes on in the list.
    if (lostFocus) feed.focusFirst()
    // Who made a session wants to write to it.
    if (before !== undefined && next.made.length > before.made.length) byId("text", HTMLTextAreaElement).focus()
    announce(next)
  }
}
