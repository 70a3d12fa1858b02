/** The box to write to the open session. */
import type { SessionId } from "@mix-effect/core"
import { type Model, Sending } from "../Model.ts"
import { byId, setText, shortId } from "./Dom.ts"

/** How the last message stands, for the eye and for screen readers. */
export const describe: (sending: Sending) => string = Sending.$match({
  Sending: () => "Sending…",
  Working: () => "The agent is at work.",
  Answered: ({ aside }) => aside ?? "Answered.",
  Stopped: () => "Stopped.",
  Failed: ({ message }) => message
})

const isBusy = (sending: Sending | undefined) => sending?._tag === "Sending" || sending?._tag === "Working"

const isRefused = (sending: Sending | undefined) => sending?._tag === "Failed" && !sending.isTaken

const isTaken = (sending: Sending | undefined) =>
  sending !== undefined && sending._tag !== "Sending" && !isRefused(sending)

export const make = (onSend: (id: SessionId, text: string) => void) => {
  const form = byId("composer", HTMLFormElement)
  const label = byId("composer-label", HTMLLabelElement)
  const text = byId("text", HTMLTextAreaElement)
  const status = byId("send-status", HTMLParagraphElement)
  const button = form.querySelector("button") as HTMLButtonElement
  let session: SessionId | undefined
  let sending: Sending | undefined
  let isListed = false
  /** What was written last. */
  let sent = ""
  /** What was written to other sessions and not sent yet. */
  const drafts = new Map<SessionId, string>()

  form.addEventListener("submit", (event) => {
    event.preventDefault()
    const written = text.value.trim()
    if (session === undefined || written === "" || !isListed || isBusy(sending)) return
    sent = written
    onSend(session, written)
  })
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    form.requestSubmit()
  })

  return (model: Model): void => {
    const opened = model.opened?.id
    if (opened !== session) {
      if (session !== undefined) drafts.set(session, text.value)
      text.value = (opened === undefined ? undefined : drafts.get(opened)) ?? ""
      session = opened
      sending = undefined
      sent = ""
    }
    const next = opened === undefined ? undefined : model.sending.get(opened)
    // The text stays until the server has it: nobody wants to type it again.
    if (sending?._tag === "Sending" && isTaken(next)) text.value = ""
    // It seemed to have it, by an event that came late of the turn before.
    if (sending?._tag === "Working" && isRefused(next) && text.value === "") text.value = sent
    sending = next
    isListed = model.opened?.rows !== undefined
    setText(label, opened === undefined ? "Open a session to write to it" : `Message to session ${shortId(opened)}`)
    text.disabled = opened === undefined
    text.readOnly = sending?._tag === "Sending"
    button.disabled = opened === undefined
    button.setAttribute("aria-disabled", String(!isListed || isBusy(sending)))
    form.dataset.state = sending?._tag ?? "Idle"
    setText(status, sending === undefined ? "" : describe(sending))
  }
}
