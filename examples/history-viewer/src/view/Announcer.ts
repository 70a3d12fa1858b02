/** Tells screen readers what others see happen. Errors tell themselves: they are alerts. */
import { type Model, shown, unseen } from "../Model.ts"
import * as Composer from "./Composer.ts"
import { byId, plural, setText } from "./Dom.ts"

const permissionsOf = ({ opened, turns }: Model): number => (opened && turns.get(opened.id)?.permissions.length) ?? 0

/** What is news, the most important first. */
const news = (before: Model, model: Model): string | undefined => {
  const id = model.opened?.id
  const sending = id && model.sending.get(id)
  if (sending !== undefined && id !== undefined && sending !== before.sending.get(id)) return Composer.describe(sending)
  const waits = permissionsOf(model)
  if (waits > permissionsOf(before)) return "The agent asks for a permission"
  const fresh = unseen(model).length
  if (fresh > unseen(before).length) return plural(fresh, "new message")
  if (model.reading._tag === "End" && before.reading._tag !== "End") return "End of the history"
  const count = shown(model).length
  return count > shown(before).length ? `${plural(count, "message")} loaded` : undefined
}

export const make = () => {
  const region = byId("announcer", HTMLParagraphElement)
  let last: Model | undefined
  return (model: Model): void => {
    const text = last && news(last, model)
    last = model
    if (text !== undefined) setText(region, text)
  }
}
