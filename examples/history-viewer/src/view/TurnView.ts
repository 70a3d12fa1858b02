/** The turn of the open session as it is written: what is said, each tool call in a line, and what the agent waits for. */
import { printable, type SessionId } from "@mix-effect/core"
import { Action, type Dispatch } from "../Action.ts"
import type { Model } from "../Model.ts"
import { type Part, type Permission, shown, type ToolCall, type Turn } from "../Turn.ts"
import { byId, element, setText, withLineBreaks, written } from "./Dom.ts"

const statusWords: Readonly<Record<ToolCall["status"], string>> = {
  writing: "is being written",
  ready: "waits",
  running: "runs",
  completed: "done",
  failed: "failed"
}

/** A line, however long the text is. */
const clippedLine = (text: string): string => printable(text.slice(0, 500).trim())

const empty: { readonly [Tag in Part["_tag"]]: () => HTMLElement } = {
  User: () => element("div", { class: "part", "data-part": "User" }, element("h4", {}, "You"), written("", "text")),
  Thinking: () =>
    element("div", { class: "part", "data-part": "Thinking" }, element("h4", {}, "Thinking"), written("", "text")),
  Text: () => element("div", { class: "part", "data-part": "Text" }, written("", "text")),
  ToolCall: () =>
    element(
      "p",
      { class: "part tool", "data-part": "ToolCall" },
      element("bdi", { class: "tool-name" }),
      " ",
      element("bdi", { class: "tool-input" }),
      " ",
      element("span", { class: "tool-status" })
    ),
  Gap: () =>
    element(
      "p",
      { class: "part gap", "data-part": "Gap" },
      "The connection was lost here and is open again. What is missing comes with the whole answer."
    )
}

const find = (parent: HTMLElement, selector: string) => parent.querySelector(selector) as HTMLElement

/** Text grows at its end: then the rest of it is left as it is, with what a reader has selected. */
const grow = (target: HTMLElement, text: string): void => {
  const { firstChild } = target
  const before = target.textContent ?? ""
  if (text === before) return
  if (firstChild instanceof Text && text.startsWith(before)) firstChild.appendData(text.slice(before.length))
  else setText(target, text)
}

const fill = (target: HTMLElement, part: Part): void => {
  if (part._tag === "Gap") return
  if (part._tag !== "ToolCall") grow(find(target, ".text"), withLineBreaks(part.text))
  else {
    target.dataset.status = part.status
    setText(find(target, ".tool-name"), clippedLine(part.name))
    setText(find(target, ".tool-input"), clippedLine(part.input))
    setText(find(target, ".tool-status"), statusWords[part.status])
  }
}

const permissionView = ({ isMine, request }: Permission, dispatch: Dispatch, number: number): HTMLElement => {
  const { action, description, params, path, toolName } = request
  const id = `permission-${number}`
  const answer = (text: string, answer: "grant" | "deny") => {
    const button = element("button", { type: "button", class: answer, "aria-describedby": id }, text)
    button.addEventListener("click", () => dispatch(Action.Answer({ requestId: request.id, answer })))
    return button
  }
  const line = (text: string, className: string) => element("p", { class: className, dir: "auto" }, clippedLine(text))
  return element(
    "section",
    { class: "permission", "aria-labelledby": id },
    element("h4", { id }, element("bdi", {}, clippedLine(toolName)), " asks for a permission"),
    line(description, "description"),
    line(`${action} ${path}`, "where"),
    element(
      "div",
      { class: "code", role: "group", "aria-label": "Parameters", tabindex: "0" },
      printable(JSON.stringify(params) ?? "")
    ),
    isMine
      ? element("div", { class: "answers" }, answer("Grant", "grant"), answer("Deny", "deny"))
      : element("p", { class: "silent" }, "Whoever asked the agent can answer.")
  )
}

const titleOf = ({ isOver, permissions, stop }: Turn): string => {
  if (isOver) return "The agent is done"
  if (typeof stop === "object") return `The agent could not be stopped: ${stop.failed}`
  if (stop === "asked") return "The agent is being stopped…"
  return permissions.length > 0 ? "The agent waits for a permission" : "The agent is at work…"
}

export const make = (dispatch: Dispatch) => {
  const root = byId("turn", HTMLElement)
  const title = byId("turn-title", HTMLHeadingElement)
  const stop = byId("stop", HTMLButtonElement)
  const parts = byId("turn-parts", HTMLElement)
  const permissions = byId("permissions", HTMLDivElement)
  let session: SessionId | undefined
  let drawn: Turn | undefined
  let asked: ReadonlyMap<string, { readonly permission: Permission; readonly view: HTMLElement }> = new Map()
  let count = 0

  stop.addEventListener("click", () => {
    if (session !== undefined && drawn?.stop !== "asked") dispatch(Action.Stop({ id: session }))
  })

  const drawParts = (turn: Turn): void => {
    const all = shown(turn)
    for (const [index, part] of all.entries()) {
      const old = parts.children[index]
      const target = old instanceof HTMLElement && old.dataset.part === part._tag ? old : empty[part._tag]()
      fill(target, part)
      if (old === undefined) parts.append(target)
      else if (old !== target) old.replaceWith(target)
    }
    while (parts.children.length > all.length) parts.lastElementChild?.remove()
  }

  const drawPermissions = (turn: Turn): void => {
    asked = new Map(
      turn.permissions.map((permission) => {
        const known = asked.get(permission.request.id)
        const isSame = known?.permission === permission
        return [
          permission.request.id,
          isSame ? known : { permission, view: permissionView(permission, dispatch, count++) }
        ]
      })
    )
    const views = [...asked.values()].map(({ view }) => view)
    if (views.length !== permissions.children.length || views.some((view, at) => view !== permissions.children[at]))
      permissions.replaceChildren(...views)
  }

  return (model: Model): void => {
    const turn = model.opened && model.turns.get(model.opened.id)
    session = model.opened?.id
    if (turn === drawn) return
    drawn = turn
    const hadFocus = root.contains(document.activeElement)
    root.hidden = turn === undefined
    if (turn !== undefined) {
      setText(title, titleOf(turn))
      stop.hidden = turn.isOver
      stop.setAttribute("aria-disabled", String(turn.stop === "asked"))
      // Who reads further up is left there.
      const isAtEnd = parts.scrollHeight - parts.scrollTop - parts.clientHeight < 8
      drawParts(turn)
      drawPermissions(turn)
      if (isAtEnd) parts.scrollTop = parts.scrollHeight
    }
    // The button that was pressed is gone: the keyboard goes on at what is left.
    if (!hadFocus || root.contains(document.activeElement)) return
    if (turn === undefined || turn.isOver) byId("text", HTMLTextAreaElement).focus()
    else stop.focus()
  }
}
