/** Goes offline and back, with real calls that notice. */
import { SessionId } from "@mix-effect/core"
import { RetryPolicy } from "@mix-effect/http"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { policy } from "../policy.ts"
import { failed, report } from "./globals.ts"

const goOffline = (yes: boolean) =>
  Effect.async<void>((resume) => {
    addEventListener(yes ? "offline" : "online", () => resume(Effect.void), { once: true })
    void offline(yes)
  })

/** Tells when a policy was asked, which is after an attempt failed. */
const asked = () => {
  let tell: () => void = () => {}
  const first = new Promise<void>((resolve) => {
    tell = resolve
  })
  return { policy: policy(3, () => tell()), first: Effect.promise(() => first) }
}

const send = { id: SessionId.make("s1"), text: "Hello" }

report({ waitWhileOffline: true }, (messages) =>
  Effect.gen(function* () {
    const none = RetryPolicy.withRetryPolicy(RetryPolicy.none)
    yield* goOffline(true)
    const read = yield* failed(none(messages.getHistory()))
    const sent = yield* failed(none(messages.send(send)))
    // A walk and a send wait for the network together.
    const history = asked()
    const message = asked()
    const walk = Stream.runCount(messages.streamHistory())
    const count = yield* Effect.fork(walk.pipe(RetryPolicy.withRetryPolicy(history.policy)))
    const reply = yield* Effect.fork(messages.send(send).pipe(RetryPolicy.withRetryPolicy(message.policy)))
    yield* history.first
    yield* message.first
    yield* goOffline(false)
    return { read, sent, count: yield* Fiber.join(count), reply: (yield* Fiber.join(reply)).userInput }
  }).pipe(Effect.orDie)
)
