import type { MessageExtras, Seed } from "./model.ts"
import type { Random } from "./random.ts"
import type { Store } from "./store.ts"

const titles = ["Sales dashboard", "Landing page", "Flaky tests", "Release notes", "Data clean-up"]

// What a client may get wrong is among them: HTML escapes, line separators, astral characters, control characters.
const questions = [
  "Why does the build fail on the first run?",
  "Plot revenue by month and save it as chart.png",
  "Is `a < b && b > c` the same as !(a >= b || b <= c)?",
  'Replace <b class="x"> with <strong> & keep "quotes" and C:\\paths',
  "README auf Deutsch, s'il vous plaît — 日本語もお願いします 👩‍💻",
  "Two\u2028separators\u2029and a\ttab\nand a second line",
  "Summarise the café survey in three points"
]

const answers = [
  "Done. The change is small and the tests pass.",
  "Here is the result: 3 < 5 && 5 > 3, so both branches run.",
  "Fertig — できました 🎉",
  "I looked at the file & found two places that need a fix."
]

const commands = [
  '{"command":"ls -la"}',
  '{"command":"grep -rn \\"TODO\\" src && echo done > out.txt"}',
  '{"path":"README.md"}'
]

/** Fills the store with a past that ends a second before `now`, so that whatever comes next is newer. */
export const fill = (store: Store, random: Random, seed: Seed, now: number): void => {
  const messages = seed.messages ?? 0
  const sessionCount = seed.sessions ?? Math.ceil(messages / 25)
  const pick = <A>(pool: readonly [A, ...ReadonlyArray<A>] | ReadonlyArray<A>, fallback: A): A =>
    pool[random.integer(pool.length)] ?? fallback

  // One row in five shares the second of the row before it.
  const gaps = new Uint8Array(messages)
  let span = 0
  for (let index = 0; index < messages; index++) {
    gaps[index] = random.integer(5) === 0 ? 0 : 1 + random.integer(90)
    span += gaps[index] ?? 0
  }
  let time = now - 1 - span

  const sessions = Array.from({ length: messages > 0 ? Math.max(1, sessionCount) : sessionCount }, (_, index) => {
    const title = `${pick(titles, "Session")} ${index + 1}`
    return store.createSession({ title, createdAt: time - sessionCount + index }, now).id
  })

  const assistant = (sessionId: string, text: string, extras: MessageExtras) =>
    store.append({ sessionId, role: "assistant", text, createdAt: time, ...extras }, now)

  for (let index = 0; index < messages; index++) {
    time += gaps[index] ?? 0
    const sessionId = pick(sessions, "")
    store.append({ sessionId, text: `${pick(questions, "")} (${index + 1})`, createdAt: time }, now)
    const shape = random.integer(8)
    if (shape === 0) {
      const toolCall = { id: `toolu_${random.integer(0x100000000).toString(36)}`, name: "bash" }
      assistant(sessionId, "Let me check.", {
        toolCalls: [{ ...toolCall, input: pick(commands, "{}"), type: "tool_use", finished: true }]
      })
      store.append({ sessionId, role: "tool", createdAt: time }, now)
    }
    assistant(
      sessionId,
      pick(answers, ""),
      shape === 1 ? { reasoning: "The short way is enough here.", reasoningDuration: 1 + random.integer(20) } : {}
    )
  }
}
