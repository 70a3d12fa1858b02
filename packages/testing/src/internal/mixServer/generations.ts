import type { FieldType } from "./decode.ts"
import type { Generation } from "./model.ts"

/** In what a generation differs from the others. */
export interface Traits {
  readonly emptyList: null | ReadonlyArray<never>
  readonly sendFields: Readonly<Record<string, FieldType>>
  readonly sessionFields: Readonly<Record<string, FieldType>>
  /** Whether an assistant row repeats its text as `userInput`. */
  readonly repeatsText: boolean
  /** What answers a send: the agent's first event, the whole run, or a 202 before the run. */
  readonly reply: "first event" | "whole run" | "accepted"
  /** Whether a session refuses a send while the agent works in it. Otherwise runs overlap. */
  readonly refusesBusy: boolean
  /** Whether text is stored piece by piece. Otherwise it is stored at the end of a turn. */
  readonly storesPieces: boolean
  readonly toolEvents: "tool" | "tool, with deltas" | "tool_use"
  /** Whether `tool_execution_*` events name their tool. */
  readonly namesTools: boolean
  /** `type` of a tool call that was written to its end. */
  readonly finishedToolType: string
  readonly announcesUserRow: boolean
  readonly announcesSessions: boolean
  /** Whether events name the assistant row that they belong to. */
  readonly namesAssistantRow: boolean
  /** `POST /stream/{id}/message`: each open stream runs the agent by itself. Nothing else writes to the streams then. */
  readonly streamRoute: boolean
  readonly streamBuffer: number
  readonly forks: boolean
  readonly rewinds: boolean
  readonly exports: boolean
  /** Browser modes, tokens, cost, and results inside tool calls. */
  readonly flattened: boolean
}

const content: Readonly<Record<string, FieldType>> = { content: "string" }
const text: Readonly<Record<string, FieldType>> = { text: "string", plan_mode: "bool" }

const september25: Traits = {
  emptyList: [],
  sendFields: { text: "string", media: "[]string", apps: "[]string", plan_mode: "bool" },
  sessionFields: { title: "string" },
  repeatsText: true,
  reply: "first event",
  refusesBusy: true,
  storesPieces: true,
  toolEvents: "tool",
  namesTools: true,
  finishedToolType: "tool_use",
  announcesUserRow: false,
  announcesSessions: false,
  namesAssistantRow: false,
  streamRoute: true,
  streamBuffer: 100,
  forks: true,
  rewinds: false,
  exports: true,
  flattened: false
}

const prompts: Readonly<Record<string, FieldType>> = {
  title: "string",
  customSystemPrompt: "string",
  promptMode: "string"
}

const september26: Traits = {
  ...september25,
  sendFields: text,
  sessionFields: prompts,
  reply: "whole run",
  refusesBusy: false,
  storesPieces: false,
  namesTools: false,
  streamRoute: false,
  streamBuffer: 50
}

const october10: Traits = {
  ...september26,
  reply: "accepted",
  rewinds: true,
  toolEvents: "tool, with deltas",
  announcesSessions: true
}

const november6: Traits = {
  ...october10,
  sendFields: { ...text, thinking_level: "string" },
  sessionFields: { ...prompts, sessionType: "string", callbacks: "[]object" },
  toolEvents: "tool_use",
  finishedToolType: "",
  announcesUserRow: true,
  namesAssistantRow: true
}

const february: Traits = {
  ...november6,
  sendFields: { ...november6.sendFields, max_steps: "int" },
  sessionFields: {
    ...november6.sessionFields,
    subagentType: "string",
    browserMode: "string",
    cdpUrl: "string",
    modelId: "string",
    provider: "string"
  },
  finishedToolType: "tool_use",
  forks: false,
  flattened: true
}

/** The traits of every generation. */
export const traits: Readonly<Record<Generation, Traits>> = {
  "2025-09-11": {
    ...september25,
    emptyList: null,
    sendFields: content,
    sessionFields: { title: "string", workingDirectory: "string" },
    repeatsText: false,
    exports: false
  },
  "2025-09-25": september25,
  "2025-09-26": september26,
  "2025-10-10": october10,
  "2025-11-06": november6,
  "2026-02": february
}
