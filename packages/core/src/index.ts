/**
 * The messages, errors and services of a Mix backend.
 *
 * @since 0.1.0
 */
export type * from "./Answer.ts"
export * as AsyncContext from "./AsyncContext.ts"
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
