/** Parameters of `SessionsService` are checked here once, as those of `MessagesService` are in params.ts. */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { PermissionRequested } from "../SessionEvent.ts"
import * as params from "./params.ts"

const text = Schema.String.pipe(
  Schema.filter(params.wellFormed, { description: "well-formed text (no lone surrogates)" })
)

const optionalText = Schema.optional(text)

const newSession = Schema.Struct({
  title: text.pipe(Schema.filter((title) => title !== "", { description: "not empty" })),
  browserMode: optionalText,
  cdpUrl: optionalText,
  customSystemPrompt: optionalText,
  promptMode: optionalText,
  modelId: optionalText,
  provider: optionalText
})

const sessionId = Schema.Struct({ id: params.id })

type OnPermission = (request: PermissionRequested) => Effect.Effect<"grant" | "deny">

const askOptions = Schema.Struct({
  timeout: Schema.optional(
    Schema.declare(
      (input): input is Duration.DurationInput =>
        Option.exists(Duration.decodeUnknown(input), Duration.greaterThan(Duration.zero)),
      { identifier: "Duration", description: "a duration greater than 0" }
    )
  ),
  onPermission: Schema.optional(
    Schema.declare((input): input is OnPermission => typeof input === "function", { description: "a function" })
  ),
  onInterrupt: Schema.optional(Schema.Literal("cancel", "leave"))
})

export const checkCreate = params.check("createSession", newSession)
export const checkList = params.check(
  "listSessions",
  Schema.Struct({ includeSubagents: Schema.optional(Schema.Boolean) })
)
export const checkGet = params.check("getSession", sessionId)
export const checkDelete = params.check("deleteSession", sessionId)
export const checkCancel = params.check("cancelSession", sessionId)
export const checkEvents = params.check("sessionEvents", sessionId)
export const checkAsk = params.check("ask", params.send)
export const checkAskOptions = params.check("ask", askOptions)
