/** What is exported, page by page: the history, or one session. */
import {
  type BackendMessage,
  type HistoryCursor,
  MessagesService,
  type SessionId,
  type Unreadable
} from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

export interface Page {
  readonly messages: ReadonlyArray<BackendMessage>
  /** Where to resume after this page, if that is possible. */
  readonly cursor: Option.Option<HistoryCursor>
}

/**
 * Lets so many messages through, and asks for no page more than that takes. A page that is cut short has no cursor: the
 * place after it is not one that the history knows.
 */
export const take =
  (limit: number) =>
  <E, R>(pages: Stream.Stream<Page, E, R>): Stream.Stream<Page, E, R> =>
    limit <= 0
      ? Stream.empty
      : pages.pipe(
          Stream.mapAccum(limit, (left, page) => {
            const rest = left - page.messages.length
            const cut = rest < 0 ? { messages: page.messages.slice(0, left), cursor: Option.none() } : page
            return [rest, { page: cut, rest }]
          }),
          Stream.takeUntil(({ rest }) => rest <= 0),
          Stream.map(({ page }) => page)
        )

export interface HistoryOptions {
  readonly pageSize: number
  readonly prefetch: number
  /** How many messages at most. */
  readonly limit: number
  readonly from: Option.Option<HistoryCursor>
  readonly unreadable: Unreadable
}

export const history = ({ from, limit, pageSize, prefetch, unreadable }: HistoryOptions) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const messages = yield* MessagesService
      const reached = yield* Ref.make(false)
      // A server that is not there is told at once. One that was there, and restarts, is waited for.
      const patient = Schedule.whileInputEffect(RetryPolicy.persistent, () => Ref.get(reached))
      const policy = yield* RetryPolicy.current(Schedule.union(RetryPolicy.standard, patient))
      return messages
        .streamHistoryPages({
          pageSize: Math.max(1, Math.min(pageSize, limit)),
          prefetch,
          unreadable,
          from: Option.getOrUndefined(from)
        })
        .pipe(
          RetryPolicy.withRetryPolicy(policy),
          Stream.tap(() => Ref.set(reached, true))
        )
    })
  ).pipe(
    Stream.map(({ cursor, messages }): Page => ({ messages, cursor: Option.some(cursor) })),
    take(limit)
  )

export const session = (id: SessionId, limit: number, unreadable: Unreadable) =>
  Stream.fromEffect(Effect.flatMap(MessagesService, (messages) => messages.listSession({ id, unreadable }))).pipe(
    Stream.map((messages): Page => ({ messages, cursor: Option.none() })),
    take(limit)
  )
