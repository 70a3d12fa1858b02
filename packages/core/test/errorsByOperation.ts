/** Which errors each operation can fail with. `errors.test.ts` compares the types of the services and docs/errors.md with it. */
import type { MixError, Service, Sessions } from "../src/index.ts"

/** Every operation can fail with these. */
export const common = [
  "InvalidRequest",
  "BadRequest",
  "Unauthorized",
  "NotFound",
  "RateLimited",
  "ServerError",
  "UnexpectedStatus",
  "ConnectionError",
  "RequestTimeout",
  "ResponseDecodeError"
] as const

export const errorsByOperation = {
  getHistory: common,
  currentCursor: common,
  listSession: common,
  send: [...common, "ReplyPending"],
  streamHistory: [...common, "HistoryStalled", "HistoryDrift"],
  streamHistoryPages: [...common, "HistoryStalled", "HistoryDrift"],
  followHistory: [...common, "HistoryStalled"],
  create: common,
  createScoped: common,
  list: common,
  get: common,
  delete: common,
  cancel: common,
  events: common,
  ask: [...common, "AgentFailed", "AnswerTimeout"],
  askStream: [...common, "AgentFailed", "AnswerTimeout"]
} as const satisfies Record<keyof Service | keyof Sessions, ReadonlyArray<MixError["_tag"]>>
