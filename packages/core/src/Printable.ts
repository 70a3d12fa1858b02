/**
 * Text of others on a terminal or in a log.
 *
 * @since 0.2.0
 */

/**
 * One printable line of a text that a server or a user wrote. Line breaks and control characters, the escape of ANSI
 * sequences among them, become a blank; characters that are invisible or change the direction of the line are dropped; half
 * a character, and one without a meaning, becomes U+FFFD.
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
