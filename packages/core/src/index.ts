/**
 * What a Mix message is, what can go wrong, what the messages service offers, and how history is walked.
 *
 * @since 0.1.0
 */
export type * from "./Answer.ts"
export * from "./BackendMessage.ts"
export type * from "./History.ts"
export { HistoryCursor } from "./HistoryCursor.ts"
export { HistoryStats } from "./HistoryStats.ts"
export * from "./MessagesService.ts"
export * as Mismatch from "./Mismatch.ts"
export * from "./MixError.ts"
export { Prefetching } from "./Prefetching.ts"
export { printable } from "./Printable.ts"
export { RetryDelay } from "./RetryDelay.ts"
export { SendMessageRequest } from "./SendMessageRequest.ts"
export * from "./Session.ts"
export * from "./SessionEvent.ts"
export * from "./SessionsService.ts"
