import { z } from "zod"
import type { Connect } from "./contender.ts"
import { connect, path } from "./loop.ts"

const ToolCall = z.object({
  id: z.string(),
  name: z.string(),
  input: z.string(),
  type: z.string(),
  finished: z.boolean(),
  result: z.string().nullish(),
  isError: z.boolean().nullish(),
  screenshotUrls: z.array(z.string()).nullish()
})

const CallbackResult = z.object({
  tool_call_id: z.string(),
  tool_name: z.string(),
  callback_name: z.string().nullish(),
  callback_type: z.string(),
  stdout: z.string().nullish(),
  stderr: z.string().nullish(),
  exit_code: z.number().nullish(),
  subagent_id: z.string().nullish(),
  subagent_result: z.string().nullish(),
  success: z.boolean(),
  error: z.string().nullish()
})

const Page = z
  .array(
    z.object({
      id: z.string(),
      sessionId: z.string(),
      role: z.string(),
      userInput: z.string(),
      assistantResponse: z.string().nullish(),
      toolCalls: z.array(ToolCall).nullish(),
      callbackResults: z.array(CallbackResult).nullish(),
      reasoning: z.string().nullish(),
      reasoningDuration: z.number().nullish(),
      inputTokens: z.number().nullish(),
      outputTokens: z.number().nullish(),
      cacheCreationTokens: z.number().nullish(),
      cacheReadTokens: z.number().nullish(),
      cost: z.number().nullish(),
      model: z.string().nullish()
    })
  )
  .nullable()

export const fetchZod: Connect = (serverUrl) =>
  connect(
    async (limit, offset) => {
      const response = await fetch(serverUrl + path(limit, offset))
      if (!response.ok) throw new Error(`status ${response.status}`)
      return Page.parse(await response.json()) ?? []
    },
    async () => {}
  )
