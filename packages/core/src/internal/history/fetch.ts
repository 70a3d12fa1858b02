/** How the walk comes by its pages: when they are wanted, or some ahead of that. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as AsyncContext from "../../AsyncContext.ts"
import type { GetHistoryError } from "../../MixError.ts"
import { Prefetching } from "../../Prefetching.ts"
import type { Answer, Item, Request } from "./page.ts"
import * as Walk from "./walk.ts"

/** Reads one page. Retries and time limits are the reader's. */
export type GetPage = (request: Request) => Effect.Effect<ReadonlyArray<Item>, GetHistoryError>

/** The answer that a walk wants next. */
export type Fetch = (walk: Walk.Walk) => Effect.Effect<Answer<Item>, GetHistoryError>

/** Milliseconds of the monotonic clock. */
const monotonicMillisOf = (clock: Clock.Clock) => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)

export const monotonicMillis: Effect.Effect<number> = Effect.clockWith((clock) =>
  Effect.sync(() => monotonicMillisOf(clock))
)

const ask = (getPage: GetPage, request: Request) =>
  Effect.clockWith((clock) => {
    const askedAt = monotonicMillisOf(clock)
    return Effect.map(
      getPage(request),
      (rows): Answer<Item> => ({ request, rows, askedAt, answeredAt: monotonicMillisOf(clock) })
    )
  })

export const fetchPage =
  (getPage: GetPage): Fetch =>
  (walk) =>
    ask(getPage, Walk.request(walk))

interface Flight {
  readonly request: Request
  readonly fiber: Fiber.Fiber<Answer<Item>, GetHistoryError>
}

const isSame = (one: Request, other: Request | undefined) => one.offset === other?.offset && one.limit === other.limit

/**
 * Keeps up to `ahead` pages in flight behind the one that is wanted, as if the list stood still. When another page is wanted
 * than was foreseen, all of them are dropped, and then the next pages are asked for by none, one, three and so on: a list that
 * keeps moving is not asked in vain. Nothing is asked for ahead before a server has answered, or after it failed.
 */
export const fetchAhead = (getPage: GetPage, ahead: number, scope: Scope.Scope): Fetch => {
  let width = 0
  let calm = true
  let flights: ReadonlyArray<Flight> = []

  /** Interrupts without waiting: where nothing can be interrupted, waiting would take as long as the requests. */
  const drop = Effect.suspend(() => {
    const dropped = flights
    flights = []
    width = 0
    calm = false
    return Effect.forEach(dropped, ({ fiber }) => Fiber.interruptFork(fiber), { discard: true })
  })

  const launch = (request: Request) =>
    ask(getPage, request).pipe(
      Effect.provideService(Prefetching, true),
      Effect.interruptible,
      Effect.forkIn(scope),
      // The fiber inherits this when it is forked, and reports by it when it ends.
      Effect.withUnhandledErrorLogLevel(Option.none()),
      Effect.map((fiber) => {
        flights = [...flights, { request, fiber }]
      })
    )

  const wantedPage = (walk: Walk.Walk) => {
    const wanted = ask(getPage, Walk.request(walk))
    const [first, ...others] = flights
    if (first === undefined) return wanted
    flights = others
    return Effect.flatMap(AsyncContext.keep(Fiber.await(first.fiber)), (exit) =>
      Exit.isSuccess(exit) ? Effect.succeed(exit.value) : Effect.zipRight(drop, wanted)
    )
  }

  return (walk) =>
    Effect.gen(function* () {
      const [wanted, ...foreseen] = Walk.forecast(walk, width + 1)
      if (flights.length > 0 && !isSame(wanted as Request, flights[0]?.request)) yield* drop
      const page = wantedPage(walk)
      for (const request of foreseen.slice(flights.length, width)) yield* launch(request)
      const answer = yield* page
      width = calm ? ahead : Math.min(ahead, 2 * width + 1)
      return answer
    })
}
