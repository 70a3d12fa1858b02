/** What `visit` gives to the scripts of its pages. */
import { MessagesService, type MixError, type Service } from "@mix-effect/core"
import * as Effect from "effect/Effect"
import { MixBrowser } from "../../src/index.ts"

export interface Input {
  readonly serverUrl: string
}

export interface Failed {
  readonly tag: string
  readonly code?: string
  readonly phase?: string
  readonly outcome?: string
  readonly attempts?: number
  readonly transient?: boolean
  readonly message: string
}

declare global {
  var input: Input
  var result: (value: unknown) => Promise<void>
  var offline: (offline: boolean) => Promise<void>
}

/** An error as a value that can leave the page. */
export const failed = <A>(call: Effect.Effect<A, MixError>): Effect.Effect<Failed | undefined> =>
  Effect.match(call, {
    onSuccess: () => undefined,
    onFailure: (error) => {
      const { _tag: tag, message } = error
      const { attempts, code, outcome, phase, transient } = error as Partial<Failed>
      return Object.assign({ tag, message }, JSON.parse(JSON.stringify({ attempts, code, outcome, phase, transient })))
    }
  })

/** Tells the test what a program gives, or died of. */
export const report = (options: MixBrowser.Options, program: (messages: Service) => Effect.Effect<unknown>): void => {
  Effect.flatMap(MessagesService, program).pipe(
    Effect.provide(MixBrowser.layer({ serverUrl: input.serverUrl, ...options })),
    Effect.catchAllCause((cause) => Effect.succeed(String(cause))),
    Effect.flatMap((value) => Effect.promise(() => result(value))),
    Effect.runFork
  )
}
