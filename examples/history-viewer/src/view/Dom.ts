/** Elements without a framework. Text only ever becomes text: nothing here parses HTML. */

type Attributes = Readonly<Record<string, string | undefined>>

/** An element with its attributes and children. A child that is a string becomes a text node. */
export const element = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[Tag] => {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** Unicode's own line breaks, which browsers do not break lines at, as the usual one. */
export const withLineBreaks = (text: string): string => text.replace(/[\u2028\u2029]/g, "\n")

/** What someone else wrote, with all kinds of line breaks, in the direction of its script. */
export const written = (text: string, className: string): HTMLElement => {
  const made = element("div", { class: className, dir: "auto" })
  made.textContent = withLineBreaks(text)
  return made
}

/** An element that is in `index.html`. */
export const byId = <E extends HTMLElement>(id: string, type: new () => E): E => {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new Error(`index.html has no ${type.name} with the id ${id}`)
}

/** Sets a text only when it is another: screen readers read a live region again whenever it is touched. */
export const setText = (target: HTMLElement, text: string): void => {
  if (target.textContent !== text) target.textContent = text
}

/** The first eight characters of an id: enough to tell sessions apart. */
export const shortId = (id: string): string => id.slice(0, 8)

export const plural = (count: number, noun: string): string =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`
