/** One message as an article. */
import type { BackendMessage, CallbackResultData, ToolCallData } from "@mix-effect/core"
import { element, shortId, withLineBreaks, written } from "./Dom.ts"

/** What the list knows of a message besides the message. */
export interface Place {
  /** 1 is the newest. */
  readonly position: number
  /** How many there are, or -1 while that is not known. */
  readonly total: number
}

export interface Options {
  /** Which parts were opened by hand: they stay open when the message leaves the screen and comes back. */
  readonly unfolded: Set<string>
  /** Called by the link to the session; without it there is none. */
  readonly openSession: (() => void) | undefined
}

const clippedTo = { characters: 600, lines: 10 }

/** Long text is cut at a line or a word. */
export const clip = (text: string): string => {
  const lines = text.split("\n")
  const head = lines.slice(0, clippedTo.lines).join("\n")
  if (head.length <= clippedTo.characters) return head
  const space = head.lastIndexOf(" ", clippedTo.characters)
  // A cut in the middle of a pair of surrogates would show half a character.
  const end = space > clippedTo.characters / 2 ? space : clippedTo.characters
  return head.slice(0, end).replace(/[\ud800-\udbff]$/, "")
}

/** What was said, by whoever said it. Most servers repeat an assistant's text as `userInput`; a tool's row holds none. */
const said = ({ assistantResponse = "", role, userInput }: BackendMessage): string =>
  withLineBreaks(role === "assistant" ? assistantResponse : userInput)

const text = (whole: string, key: string, unfolded: Set<string>): ReadonlyArray<HTMLElement> => {
  const short = clip(whole)
  if (short === whole) return [written(whole, "text")]
  const body = written("", "text")
  const button = element("button", { type: "button", class: "link" })
  const draw = () => {
    const isOpen = unfolded.has(key)
    body.textContent = isOpen ? whole : `${short} …`
    button.textContent = isOpen ? "less" : "more"
    button.setAttribute("aria-expanded", String(isOpen))
  }
  button.addEventListener("click", () => {
    if (!unfolded.delete(key)) unfolded.add(key)
    draw()
  })
  draw()
  return [body, button]
}

const folded = (summary: string, key: string, unfolded: Set<string>, ...content: ReadonlyArray<HTMLElement>) => {
  const made = element("details", { open: unfolded.has(key) ? "" : undefined }, element("summary", {}, summary))
  made.append(...content)
  made.addEventListener("toggle", () => {
    if (made.open) unfolded.add(key)
    else unfolded.delete(key)
  })
  return made
}

const reasoning = ({ id, reasoning = "", reasoningDuration }: BackendMessage, unfolded: Set<string>) =>
  reasoning === ""
    ? []
    : [
        folded(
          reasoningDuration === undefined ? "Reasoning" : `Reasoning, ${reasoningDuration} s`,
          `${id} reasoning`,
          unfolded,
          written(reasoning, "text")
        )
      ]

const labelled = (label: string, value: string | undefined): ReadonlyArray<HTMLElement> =>
  value === undefined || value === "" ? [] : [element("h4", {}, label), written(value, "code")]

const toolCall = (call: ToolCallData, key: string, unfolded: Set<string>) =>
  folded(
    `Tool call ${call.name}${call.isError === true ? ", failed" : call.finished ? "" : ", unfinished"}`,
    key,
    unfolded,
    ...labelled("Input", call.input),
    ...labelled("Result", call.result)
  )

const callbackResult = (result: CallbackResultData, key: string, unfolded: Set<string>) =>
  folded(
    `Callback ${result.callbackName ?? result.callbackType}${result.success ? "" : ", failed"}`,
    key,
    unfolded,
    ...labelled("Output", result.stdout),
    ...labelled("Errors", result.stderr),
    ...labelled("Subagent", result.subagentResult),
    ...labelled("Failure", result.error)
  )

/** The place changes when newer messages appear, the message does not. */
export const setPlace = (article: HTMLElement, { position, total }: Place): void => {
  article.setAttribute("aria-posinset", String(position))
  article.setAttribute("aria-setsize", String(total))
  const shown = article.querySelector(".position")
  if (shown !== null) shown.textContent = `#${position.toLocaleString("en")}`
}

export const make = (message: BackendMessage, { openSession, unfolded }: Options): HTMLElement => {
  const { id, role, sessionId } = message
  const whole = said(message)
  const head = element(
    "h3",
    { id: `m-${id}` },
    element("span", { class: "role", "data-role": role }, role),
    " ",
    element("span", { class: "position" })
  )
  const top = element("div", { class: "top" }, head)
  if (openSession !== undefined) {
    const link = element(
      "button",
      { type: "button", class: "link session", "aria-label": `Open session ${shortId(sessionId)}` },
      shortId(sessionId)
    )
    link.addEventListener("click", openSession)
    top.append(link)
  } else if (message.model !== undefined) top.append(element("span", { class: "model" }, message.model))

  const tools = message.toolCalls ?? []
  const callbacks = message.callbackResults ?? []
  const silent = tools.length + callbacks.length > 0 ? [] : [element("p", { class: "silent" }, "No text")]
  return element(
    "article",
    { "aria-labelledby": `m-${id}`, tabindex: "-1", "data-role": role },
    top,
    ...reasoning(message, unfolded),
    ...(whole === "" ? silent : text(whole, `${id} text`, unfolded)),
    ...tools.map((call, index) => toolCall(call, `${id} tool ${index}`, unfolded)),
    ...callbacks.map((result, index) => callbackResult(result, `${id} callback ${index}`, unfolded))
  )
}
