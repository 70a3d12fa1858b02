/** A server full of made-up messages, to look at. Its agent answers, and asks for a permission to delete. */
import * as MixAgent from "@mix-effect/testing/MixAgent"
import * as MixServer from "@mix-effect/testing/MixServer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

const long = [
  "Here is what I found in the sales of the last four quarters:",
  ...["North", "South", "East", "West"].map(
    (region, index) =>
      `${region}: revenue rose by ${4 + index * 3} % over the year, most of it in the second half, while returns stayed flat and the average order grew a little.`
  ),
  "The chart is in charts/revenue.png; the table behind it is in charts/revenue.csv.",
  "Two rows of the source had no date. I left them out and listed them in charts/skipped.csv.",
  "Tell me if you would rather have them counted in the month of their invoice."
].join("\n\n")

/** The newest session: all that a message can hold. */
const conversation = Effect.fn("conversation")(function* (server: MixServer.Running) {
  const sessionId = yield* server.createSession({ title: "Quarterly sales" })
  const say = (message: Omit<MixServer.NewMessage, "sessionId">) => server.append({ sessionId, ...message })
  // A Mix server has the two messages of a user in order only if they are not of the same second.
  const createdAt = Math.floor((yield* Clock.currentTimeMillis) / 1000) - 1
  yield* say({ text: "Summarise sales.csv by region, and draw a chart.", createdAt })
  yield* say({
    createdAt,
    role: "assistant",
    text: "Let me look at the file first.",
    reasoning: "The columns are not known yet. Reading a few lines is cheaper than guessing.",
    reasoningDuration: 4,
    toolCalls: [
      {
        id: "toolu_1",
        name: "bash",
        input: '{"command":"head -3 sales.csv"}',
        type: "tool_use",
        finished: true,
        result: "date,region,revenue\n2025-01-02,North,1240\n2025-01-02,South,980"
      }
    ]
  })
  yield* say({ createdAt, role: "assistant", text: long, model: "claude-sonnet-4" })
  yield* say({ text: "Good. Now compare Q3 with Q3 of the year before." })
})

export const serve = (options: MixServer.Options = {}) =>
  Effect.tap(
    MixServer.serve({
      generation: "2026-02",
      agent: MixAgent.demo,
      seed: { messages: 2000, sessions: 30 },
      ...options
    }),
    conversation
  )
