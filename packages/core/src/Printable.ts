/**
 * Text of servers and users, made safe for a terminal or a log.
 *
 * @since 0.2.0
 */

/**
 * Turns a text of a server or a user into one printable line. Line breaks and control characters, including the
 * escape of ANSI sequences, become a blank. Characters that are invisible or change the direction of the line are
 * dropped. Half a surrogate pair, and a character without a meaning, become U+FFFD.
 *
 * @example
 * import { MessagesService, printable } from "@mix-effect/core"
 * import { Console, Effect, Stream } from "effect"
 *
 * export const list = Effect.flatMap(MessagesService, (messages) =>
 *   messages.streamHistory().pipe(Stream.runForEach((message) => Console.log(printable(message.userInput))))
 * )
 *
 * @since 0.2.0
 * @category combinators
 */
export const printable = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}]+/gu, "")
    .replace(/[\p{Co}\p{Surrogate}\p{Noncharacter_Code_Point}]/gu, "\ufffd")
