/** Messages as lines of a terminal. What others wrote is shown, never obeyed. */
import type { BackendMessage } from "@mix-effect/core"
import * as Option from "effect/Option"

/**
 * One line of a text that others wrote. Line breaks and tabs become spaces. Control characters, the escape of ANSI sequences
 * among them, become their pictures. Characters that are invisible or change the direction of the line, and half characters,
 * become a replacement character; what joins the parts of an emoji stays. The SDK's `printable` does the same without
 * pictures.
 */
export const harmless = (text: string): string =>
  text
    .replace(/[\t\n\v\f\r\x85\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/(?!\u200d)[\p{Cc}\p{Cf}\p{Surrogate}]/gu, (character) => {
      const code = character.charCodeAt(0)
      return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd"
    })

const wide =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" })

/** Shortens a line to so many columns of a terminal; a character of East Asia and an emoji take two. */
export const clip = (line: string, columns: number): string => {
  let width = 0
  let end = 0
  for (const { index, segment } of segmenter.segment(line)) {
    width += wide.test(segment) ? 2 : 1
    if (width > columns) return `${line.slice(0, end)}…`
    if (width < columns) end = index + segment.length
  }
  return line
}

/** What was said, by whoever said it. Most servers repeat an assistant's text as `userInput`; a tool's row holds none. */
const said = ({ assistantResponse = "", role, toolCalls = [], userInput }: BackendMessage): string => {
  const calls = toolCalls.length === 0 ? [] : [`[${toolCalls.map((call) => call.name).join(", ")}]`]
  return [role === "user" ? userInput : assistantResponse, ...calls].filter((part) => part !== "").join(" ")
}

const line = (label: string, message: BackendMessage, columns: Option.Option<number>): string => {
  const whole = `${harmless(label)}  ${harmless(said(message))}`.trimEnd()
  return Option.match(columns, { onNone: () => whole, onSome: (columns) => clip(whole, columns) })
}

/** How one message is shown, clipped to the width of the terminal, if it is one. */
export type Renderer = (message: BackendMessage, columns: Option.Option<number>) => string

/** The history holds what users wrote, in all sessions. */
export const historyLine: Renderer = (message, columns) => line(message.sessionId, message, columns)

/** A session holds what all who took part in it said. */
export const sessionLine: Renderer = (message, columns) => line(message.role.padEnd(9), message, columns)

/** The reply to a message, with its line breaks. */
export const reply = ({ assistantResponse = "" }: BackendMessage): ReadonlyArray<string> =>
  assistantResponse === "" ? ["(a reply without text)"] : assistantResponse.split(/\r\n|[\n\u2028\u2029]/).map(harmless)
