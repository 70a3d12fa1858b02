/** What servers of several generations sent, byte for byte. */
import { readFileSync } from "node:fs"

export const text = (name: string): string =>
  readFileSync(new URL(`./fixtures/wire/${name}.json`, import.meta.url), "utf8")

export const json = (name: string): unknown => JSON.parse(text(name))

/** Lists of messages. */
export const lists = [
  "01-history-user-rows",
  "02-empty-null",
  "03-empty-array",
  "04-list-session-seed",
  "04c-list-session-mid-sept-empty-userinput",
  "05-list-session-feb2026",
  "06-toolcall-error-result",
  "07-reasoning",
  "08-unicode-html-escaped",
  "09-plan-mode-user-row"
] as const

/** Replies to `send`. */
export const replies = [
  "10-send-200-seed",
  "10b-send-200-seed-first-event-only",
  "11-send-200-auth-prompt",
  "12-send-200-slash-command"
] as const
